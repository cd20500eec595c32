import { hash } from 'node:crypto';
import { readJsonFile } from '../base/durable-file.ts';
import { Redacted } from '../base/redacted.ts';
import { snapshotSchema } from '../gateway/snapshot.ts';
import type { SnapshotContent } from '../gateway/snapshot-writer.ts';
import type { EmergencyDoor } from '../observe/facts/emergency-access.ts';
import type { TenantDoor } from '../observe/facts/gateway-request.ts';
import type { OwnPorts } from './collector-places.ts';
import type { World } from './world.ts';

export const HELD_CANARY = 'kintsugi-canary-held';
/** 9999-12-31: it is kept out as long as it is in the snapshot. */
export const NEVER = 253_402_214_400_000;

/** Keys of the canary that is kept out, out of the secret of probes: one for emergencies, and one that is none. */
export function heldKeys(canaryKey: Redacted<string>) {
  const of = (use: string) => new Redacted(hash('sha256', `${canaryKey.reveal()} ${use}`));
  return { emergency: of('emergency'), ordinary: of('ordinary') };
}

/** By this quarantine nobody is kept out but the canary. */
export const HELD_CANARY_QUARANTINE: SnapshotContent['mitigations'][number] = {
  id: HELD_CANARY,
  kind: 'quarantine',
  tenant: HELD_CANARY,
  workload: null,
  route: null,
  fingerprint: null,
  keySha256: null,
  requestsPerSecond: 0,
  share: 1,
  until: NEVER,
  rampFrom: NEVER,
};

/** The gateways as that canary enters them: by its key alone. */
export function heldDoor({ gateway, scheme }: OwnPorts): TenantDoor {
  const way = { scheme, host: '127.0.0.1', port: gateway, hostName: undefined, pathPrefix: '', headers: {} };
  return { subject: HELD_CANARY, tenants: [], ...way, requireKey: true };
}

/** What tenants declare for emergencies, beside the snapshot that gateways read now. */
export function emergencyDoors({ declared }: World, snapshotFile: string): readonly EmergencyDoor[] {
  const snapshot = snapshotSchema.safeParse(readJsonFile(snapshotFile)).data;
  return declared.tenants.map(({ metadata: { name }, spec: { identify, emergency } }) => {
    const routed = snapshot?.tenants.find((each) => each.name === name)?.emergencyKeySha256 ?? [];
    const keys = identify.apiKeys.filter((key) => emergency.apiKeys.includes(key.name));
    return { tenant: name, isDeclared: keys.length > 0, isRouted: keys.every(({ sha256 }) => routed.includes(sha256)) };
  });
}

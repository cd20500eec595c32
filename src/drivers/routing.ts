import { hash } from 'node:crypto';
import type { SnapshotContent } from '../gateway/snapshot-writer.ts';
import type { Redacted } from '../base/redacted.ts';
import { regionAddress } from '../base/region-address.ts';
import type { Tenant } from '../resources/tenant.ts';
import type { StandingMitigation } from './declared.ts';
import { HELD_CANARY, HELD_CANARY_QUARANTINE, heldKeys, NEVER } from './held-canary.ts';
import type { World } from './world.ts';

/**
 * The gateways' routing as it follows from the world: only what is ready gets requests. `canaryKey` belongs to a tenant
 * that has no region, so that nothing ever serves it: a real key that is foreign at the address of everybody else. Another one is
 * kept out by a quarantine at all times, so that the way in for emergencies can be tried.
 */
export function routingOf(world: World, canaryKey: Redacted<string>): SnapshotContent {
  const { tenants, workloads } = world.declared;
  const mitigations = world.declared.mitigations.filter(({ store }) => store === undefined);
  const held = heldKeys(canaryKey);
  return {
    tenants: [
      ...tenants.map(({ metadata, spec }) => {
        const throttle = mitigations.find((each) => isThrottle(each) && each.tenant === metadata.name);
        return {
          name: metadata.name,
          regions: spec.regions,
          hosts: spec.identify.hosts,
          pathPrefixes: spec.identify.pathPrefixes,
          headers: spec.identify.headers,
          apiKeySha256: spec.identify.apiKeys.map((key) => key.sha256),
          emergencyKeySha256: spec.identify.apiKeys
            .filter((key) => spec.emergency.apiKeys.includes(key.name))
            .map((key) => key.sha256),
          apiKeyNames: spec.identify.apiKeys.map((key) => key.name),
          requireKey: spec.requireKey,
          limits: spec.limits,
          audit: spec.audit,
          routeClasses: spec.objectives.routes.map(({ name: of, methods, pathPrefix }) => ({
            name: of,
            methods,
            pathPrefix,
          })),
          throttle: throttle
            ? { requestsPerSecond: throttle.requestsPerSecond, concurrency: throttle.concurrency }
            : null,
        };
      }),
      canaryTenant('kintsugi-canary', [canaryKey]),
      canaryTenant(HELD_CANARY, [held.ordinary, held.emergency], [held.emergency]),
    ],
    routes: workloads.map(({ name, spec }) => ({
      workload: name,
      pathPrefix: spec.route?.pathPrefix ?? null,
      timeoutMs: spec.route?.timeoutMs ?? 10_000,
      tryTimeoutMs: spec.route?.tryTimeoutMs ?? 2_000,
      safeMethods: spec.route?.safeMethods ?? ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'],
    })),
    mitigations: [
      ...mitigations.filter((each) => !isThrottle(each)).map((each) => entryOf(each, tenants)),
      HELD_CANARY_QUARANTINE,
    ],
    instances: world
      .instances()
      .filter((each) => each.role === 'occupant' && (each.ready || world.draining.has(each.id)))
      .map((each) => ({
        id: each.id,
        workload: each.workload,
        version: each.version,
        region: each.region,
        host: world.child(each.id)?.host ?? regionAddress(each.region),
        port: world.child(each.id)?.port ?? 0,
        state: world.draining.has(each.id) ? ('draining' as const) : ('ready' as const),
      })),
  };
}

function canaryTenant(
  name: string,
  keys: readonly Redacted<string>[],
  emergency: readonly Redacted<string>[] = [],
): SnapshotContent['tenants'][number] {
  const digestOf = (key: Redacted<string>) => hash('sha256', key.reveal());
  return {
    name,
    regions: [],
    hosts: [],
    pathPrefixes: [],
    headers: [],
    apiKeySha256: keys.map(digestOf),
    emergencyKeySha256: emergency.map(digestOf),
    apiKeyNames: keys.map(() => 'canary'),
    requireKey: true,
    limits: { requestsPerSecond: 10, burst: 10, concurrency: 1 },
    audit: 'best-effort',
    routeClasses: [],
    throttle: null,
  };
}

/** A limit on a whole tenant narrows its declared limits; every other is looked at request by request. */
function isThrottle({ kind, workload, route, fingerprint, actor }: StandingMitigation): boolean {
  return kind === 'throttle' && !workload && !route && !fingerprint && !actor;
}

function entryOf(each: StandingMitigation, tenants: readonly Tenant[]): SnapshotContent['mitigations'][number] {
  const { id, kind, tenant, workload, route, fingerprint, actor, requestsPerSecond } = each;
  // Gateways go on by themselves: what does not end has no end for them either.
  const until = each.untilLifted === true ? NEVER : each.until;
  const keys = tenants.flatMap(({ spec }) => spec.identify.apiKeys);
  return {
    id,
    kind,
    tenant,
    workload: workload ?? null,
    route: route ?? null,
    fingerprint: fingerprint ?? null,
    // A caller that is not known by its key fits nothing: a limit must not become wider than it was meant.
    keySha256: actor ? (keys.find((key) => key.name === actor)?.sha256 ?? 'unknown') : null,
    requestsPerSecond,
    share: each.share ?? 1,
    until,
    rampFrom: each.untilLifted === true ? NEVER : until - (each.rampMinutes ?? 0) * 60_000,
  };
}

import { fromIso } from '../base/clock.ts';
import type { FleetView, VersionView } from '../diagnose/fleet-view.ts';
import type { Mitigation } from '../heal/fleet.ts';
import { readStops } from '../heal/stop-store.ts';
import type { Stop } from '../heal/situation.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import type { Exception } from '../resources/exception.ts';
import type { Freeze } from '../resources/freeze.ts';
import type { Playbook } from '../resources/playbook.ts';
import type { Policy } from '../resources/policy.ts';
import type { Profile } from '../resources/profile.ts';
import type { Tenant } from '../resources/tenant.ts';
import { type Workload, workloadSchema } from '../resources/workload.ts';
import { sql } from 'kysely';
import type { Database } from '../store/database.ts';
import { readResources } from '../store/resource-store.ts';

/** A place of a workload in a region, and who has it. */
export interface Slot {
  readonly workload: string;
  readonly region: string;
  readonly ordinal: number;
  readonly instance: string | null;
  readonly version: number | null;
  readonly incoming: string | null;
  readonly incomingVersion: number | null;
  readonly port: number;
}

/** A version with the manifest that it was made from: an instance keeps its own to the end. */
export interface StoredVersion extends VersionView {
  readonly artefactPath: string;
  readonly spec: Workload['spec'];
}

export interface DeclaredWorkload {
  readonly name: string;
  /** As declared last; what instances run is in `versions`. */
  readonly spec: Workload['spec'];
  readonly revision: number;
  readonly targetVersion: number;
  readonly phase: 'initial' | 'canary' | 'rolling' | 'soaking' | 'steady';
  readonly phaseSince: number;
  readonly scaleDelta: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly versions: readonly StoredVersion[];
  readonly slots: readonly Slot[];
}

/** A limit in force, and when it ends. */
export type StandingMitigation = Mitigation & { readonly until: number };

/** What PostgreSQL knows: what people declared, what moves decided, who has which slot. Read whole, never patched. */
export interface Declared {
  readonly tenants: readonly Tenant[];
  readonly workloads: readonly DeclaredWorkload[];
  readonly playbooks: readonly Playbook[];
  /** What comes with Kintsugi, then what people declared under other names. */
  readonly profiles: readonly Profile[];
  readonly exceptions: readonly Exception[];
  readonly freezes: readonly Freeze[];
  readonly policy: Policy | undefined;
  readonly mitigations: readonly StandingMitigation[];
  /** Limits that hold something for an incident, those whose time is over too. */
  readonly containments: NonNullable<FleetView['containments']>;
  readonly stops: readonly Stop[];
}

export const NOTHING_DECLARED: Declared = {
  tenants: [],
  workloads: [],
  playbooks: [],
  profiles: [],
  exceptions: [],
  freezes: [],
  policy: undefined,
  mitigations: [],
  containments: [],
  stops: [],
};

export async function readDeclared(database: Database): Promise<Declared> {
  const resources = (await readResources(database)).map((each) => each.resource);
  const [states, versions, slots, limits, stops] = await Promise.all([
    database.kysely.selectFrom('workload_state').selectAll().execute(),
    database.kysely.selectFrom('workload_version').selectAll().orderBy('version').execute(),
    database.kysely.selectFrom('slot').selectAll().orderBy('region').orderBy('ordinal').execute(),
    readLimits(database),
    readStops(database),
  ]);
  const workloads = resources.flatMap((resource): DeclaredWorkload[] => {
    const state = states.find((each) => each.workload === resource.metadata.name);
    if (resource.kind !== 'Workload' || !state) return [];
    const { name } = resource.metadata;
    return [
      {
        name,
        spec: resource.spec,
        revision: state.revision,
        targetVersion: state.target_version,
        phase: state.phase as DeclaredWorkload['phase'],
        phaseSince: fromIso(state.phase_since),
        scaleDelta: state.scale_delta as DeclaredWorkload['scaleDelta'],
        versions: versions.filter((each) => each.workload === name).map(toVersion),
        slots: slots.filter((each) => each.workload === name).map(toSlot),
      },
    ];
  });
  return {
    tenants: resources.filter((each) => each.kind === 'Tenant'),
    workloads,
    playbooks: resources.filter((each) => each.kind === 'Playbook'),
    profiles: allProfiles(resources.filter((each) => each.kind === 'Profile')),
    exceptions: resources.filter((each) => each.kind === 'Exception'),
    freezes: resources.filter((each) => each.kind === 'Freeze'),
    policy: resources.find((each) => each.kind === 'Policy'),
    mitigations: limits.filter(({ stands, untilLifted }) => stands || untilLifted === true),
    containments: limits.flatMap(({ id, incident, until, stands, untilLifted = false }) =>
      incident === undefined ? [] : [{ id, incident, until, hasEnded: !stands && !untilLifted }],
    ),
    stops,
  };
}

/** Limits that are in force by the clock of the database, and those that hold something, also when their time is over. */
async function readLimits(database: Database): Promise<readonly (StandingMitigation & { readonly stands: boolean })[]> {
  const isInForce = sql<boolean>`expires_at > now()`;
  const rows = await database.kysely
    .selectFrom('mitigation')
    .selectAll()
    .select(isInForce.as('stands'))
    .where((eb) => eb.or([isInForce, sql<boolean>`limits ? 'incident'`]))
    .execute();
  return rows.map(({ id, tenant, kind, limits, expires_at, stands }) => ({
    ...(limits as unknown as Omit<Mitigation, 'id' | 'tenant' | 'kind'>),
    id,
    tenant,
    kind: kind as Mitigation['kind'],
    until: fromIso(expires_at),
    stands,
  }));
}

/** What the law asks is not redefined under its own name. */
function allProfiles(own: readonly Profile[]): readonly Profile[] {
  const builtin = builtinProfiles();
  const reserved = new Set(builtin.map(({ metadata }) => metadata.name));
  return [...builtin, ...own.filter(({ metadata }) => !reserved.has(metadata.name))];
}

function toVersion(row: {
  version: number;
  artefact_path: string;
  artefact_digest: string;
  config_digest: string;
  document: unknown;
  created_at: string;
  promoted_at: string | null;
  rejected_at: string | null;
}): StoredVersion {
  return {
    version: row.version,
    artefactPath: row.artefact_path,
    artefactDigest: row.artefact_digest,
    configDigest: row.config_digest,
    spec: workloadSchema.parse(row.document).spec,
    createdAt: fromIso(row.created_at),
    promotedAt: row.promoted_at === null ? null : fromIso(row.promoted_at),
    rejectedAt: row.rejected_at === null ? null : fromIso(row.rejected_at),
  };
}

function toSlot(row: {
  workload: string;
  region: string;
  ordinal: number;
  instance_id: string | null;
  version: number | null;
  incoming_id: string | null;
  incoming_version: number | null;
  port: number;
}): Slot {
  const { workload, region, ordinal, version, port } = row;
  const incoming = { incoming: row.incoming_id, incomingVersion: row.incoming_version };
  return { workload, region, ordinal, version, port, instance: row.instance_id, ...incoming };
}

import type { JsonObject } from '../base/json.ts';
import { oncePer } from '../base/once-per.ts';
import type { FactName } from '../resources/fact-kinds.ts';

/**
 * The fleet as plain data: what was declared, what runs, and when it was last seen. Diagnosis and decision look at one
 * such picture and at nothing else, so that they can be replayed.
 */
export interface FleetView {
  /** When the picture was taken. */
  readonly at: number;
  readonly workloads: readonly WorkloadView[];
  readonly tenants: readonly TenantView[];
  readonly settings: readonly SettingView[];
  readonly assets: readonly AssetView[];
  readonly actors: readonly ActorView[];
  /** Limits that hold what leaks, or what is where it may not be; each with the incident that it is for, and its end. */
  readonly containments?: readonly {
    readonly id: string;
    readonly incident: string;
    readonly until: number;
    /** Its time is over, and it holds nothing any more. */
    readonly hasEnded?: boolean;
  }[];
  /** Instances that can still be placed, per region; a region that is not in it is not known, which is not enough. */
  readonly room: Readonly<Record<string, number>>;
}

/**
 * Anything that somebody can change and that has a history: a key of the configuration, a flag, a limit, a probe, a
 * route, a schedule, a grant, a protection, the existence of an object. Most faults are changes of one of these.
 */
export interface SettingView {
  /** `records/POOL_SIZE`, `platform/resolver`: unique in the fleet. */
  readonly id: string;
  readonly kind: SettingKind;
  /** Whose behaviour it governs; empty when it governs everybody's. */
  readonly workloads: readonly string[];
  /** Governs the named tenant only. */
  readonly tenant: string | null;
  /** Grows with every write; a write names the one that it was decided on. */
  readonly revision: number;
  /** Null when it is absent. A secret is given as its digest. */
  readonly value: string | null;
  /** What people declared; undefined when nobody did. */
  readonly declared: string | null | undefined;
  /** Running processes do not see a new value before they start anew. */
  readonly needsRestart: boolean;
  /** Oldest first; the last one made the present value. */
  readonly history: readonly SettingChange[];
  /** What the law asks of its number, where it is known which facts come of it. */
  readonly floor?: SettingFloor;
  /** Assets that it governs beside those that name it: stores, by what every session of a role begins with. */
  readonly governs?: readonly string[];
}

/** The least that a number has to be by the law of all whom it governs, or the most, and what is measured of it. */
export interface SettingFloor {
  readonly lawful: number;
  /** Whether a value above `lawful` breaks the law, or one below. */
  readonly worse: 'higher' | 'lower';
  readonly facts: readonly FactName[];
  /** Of whom these facts are measured, as claims name it: `tenant shop`, `platform ledger`. */
  readonly subjects: readonly string[];
}

/** Whether a value of a setting is within its floor. One that nobody set, or that is no number, is not known to be. */
export function meetsFloor({ lawful, worse }: SettingFloor, value: string | null): boolean {
  if (value === null || value === '') return false;
  return worse === 'higher' ? Number(value) <= lawful : Number(value) >= lawful;
}

export const SETTING_KINDS = [
  'config',
  'flag',
  'limit',
  'quota',
  'replicas',
  'probe',
  'retry',
  'route',
  'resolver',
  'policy',
  'schedule',
  'hook',
  'grant',
  'protection',
  'object',
] as const;
export type SettingKind = (typeof SETTING_KINDS)[number];

export interface SettingChange {
  readonly value: string | null;
  readonly at: number;
  /** `person anna`, `job nightly`, `kintsugi rep_x`: who wrote it. */
  readonly by: string;
  /** When it had served long enough to count as good, or null. */
  readonly soakedAt: number | null;
}

/** A thing that is neither an instance nor a setting, and of which conditions are measured. */
export interface AssetView {
  /** `certificate ingress`: kind and name. */
  readonly id: string;
  readonly kind: AssetKind;
  /** Who cannot work without it. */
  readonly workloads: readonly string[];
  /** Whose data or traffic it holds; empty when everybody's. */
  readonly tenants: readonly string[];
  readonly region: string | null;
  readonly host: string | null;
  /** Id of the asset that it is part of: the store of a session, the queue of a record. */
  readonly partOf: string | null;
  /** Settings that bound or govern it: the limit of a pool, the schedule of a vacuum. */
  readonly settings: readonly string[];
  /** What a move has to know: lag and fencing of a replica, versions of a credential. */
  readonly detail: JsonObject;
}

export const ASSET_KINDS = [
  'certificate',
  'credential',
  'clock',
  'queue',
  'store',
  'replica',
  'session',
  'pool',
  'host',
  'disk',
  'network',
  'resolver',
  'hook',
  'object',
  'protection',
  'privilege',
  'data',
  'service',
] as const;
export type AssetKind = (typeof ASSET_KINDS)[number];

/** Who loads or changes things besides the tenants: a job, a controller, a client, a sidecar. */
export interface ActorView {
  readonly name: string;
  readonly kind: 'job' | 'controller' | 'client' | 'sidecar' | 'autoscaler';
  readonly running: boolean;
  /** Whether we may stop it. One that we may not is a matter for a person. */
  readonly suspendable: boolean;
  /** What it uses of which asset or workload: share of all use (0 to 1) and how many times its own usual. */
  readonly uses: readonly { readonly of: string; readonly share: number; readonly timesUsual: number }[];
}

export interface WorkloadView {
  readonly name: string;
  /** Grows with every change of the workload's desired state; a plan carries the one that it was made from. */
  readonly revision: number;
  readonly targetVersion: number;
  readonly phase: 'initial' | 'canary' | 'rolling' | 'soaking' | 'steady';
  readonly phaseSince: number;
  readonly replacement: 'parallel' | 'in-place';
  readonly dependsOn: readonly string[];
  /** Instances wanted per region, moves included. */
  readonly wanted: Readonly<Record<string, number>>;
  /** How many of those repairs added, per region; left out where nobody keeps count. */
  readonly added?: Readonly<Record<string, number>>;
  readonly instances: readonly InstanceView[];
  readonly versions: readonly VersionView[];
  /** Whether tenants' requests reach it directly. */
  readonly routed: boolean;
  /** It has data of its own that outlive its instances. */
  readonly keepsData: boolean;
  /** Not ours: it can be called, and not healed. */
  readonly external: boolean;
}

export interface InstanceView {
  readonly id: string;
  readonly workload: string;
  readonly version: number;
  readonly region: string;
  readonly ordinal: number;
  /** Machine that it runs on: what it fails together with. */
  readonly host: string;
  /** `incoming` is on its way into a slot that another still has. */
  readonly role: 'occupant' | 'incoming';
  readonly running: boolean;
  readonly ready: boolean;
  /** When it was last seen by anybody, on the clock of `FleetView.at`. */
  readonly seenAt: number;
  readonly startedAt: number;
}

export interface VersionView {
  readonly version: number;
  readonly artefactDigest: string;
  readonly configDigest: string;
  readonly createdAt: number;
  /** When it had soaked, or null. */
  readonly promotedAt: number | null;
  /** When a repair went back from it, or null. */
  readonly rejectedAt: number | null;
}

export interface TenantView {
  readonly name: string;
  readonly regions: readonly string[];
  readonly profiles: readonly string[];
  /** Third parties that may touch its data. */
  readonly processors: readonly string[];
  readonly dataClasses: readonly string[];
  /** Whether it has a way in that a quarantine leaves open. */
  readonly hasEmergencyAccess: boolean;
  readonly limits: { readonly requestsPerSecond: number; readonly concurrency: number };
  readonly mitigations: readonly LimitView[];
}

/** A limit on a tenant that stands. What is named narrows it. */
export interface LimitView {
  readonly id: string;
  readonly kind: 'throttle' | 'quarantine' | 'shed';
  readonly workload?: string | null;
  readonly route?: string | null;
  readonly fingerprint?: string | null;
  readonly actor?: string | null;
  readonly store?: string | null;
}

const settingsOf = oncePer((fleet: FleetView) => firstBy(fleet.settings, ({ id }) => id));
const assetsOf = oncePer((fleet: FleetView) => firstBy(fleet.assets, ({ id }) => id));
const workloadsOf = oncePer((fleet: FleetView) => firstBy(fleet.workloads, ({ name }) => name));
const instancesOf = oncePer((fleet: FleetView) =>
  firstBy(
    fleet.workloads.flatMap(({ instances }) => instances),
    ({ id }) => id,
  ),
);

function firstBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): ReadonlyMap<string, Value> {
  const found = new Map<string, Value>();
  for (const value of values) if (!found.has(keyOf(value))) found.set(keyOf(value), value);
  return found;
}

export function settingOf(fleet: FleetView, id: string): SettingView | undefined {
  return settingsOf(fleet).get(id);
}

export function assetOf(fleet: FleetView, id: string): AssetView | undefined {
  return assetsOf(fleet).get(id);
}

export function workloadOf(fleet: FleetView, name: string): WorkloadView | undefined {
  return workloadsOf(fleet).get(name);
}

export function instanceOf(fleet: FleetView, id: string): InstanceView | undefined {
  return instancesOf(fleet).get(id);
}

/** The instance that has the slot of which something was measured: `instance records/eu/0`, whoever it is by then. */
export function occupantOf(fleet: FleetView, subject: string): InstanceView | undefined {
  const [, name = '', region, ordinal] = /^instance ([^/]+)\/([^/]+)\/(\d+)$/.exec(subject) ?? [];
  return workloadOf(fleet, name)?.instances.find(
    (each) => each.role === 'occupant' && each.region === region && each.ordinal === Number(ordinal),
  );
}

/** The newest version that soaked, was never gone back from, and is not `except`. */
export function lastKnownGood(workload: WorkloadView, except: number): VersionView | undefined {
  return workload.versions
    .filter((each) => each.version !== except && each.promotedAt !== null && each.rejectedAt === null)
    .sort((a, b) => b.version - a.version)[0];
}

/**
 * The fleet as plain data: what was declared, what runs, and when it was last seen. Diagnosis and decision look at one
 * such picture and at nothing else, so that they can be replayed.
 */
export interface FleetView {
  /** When the picture was taken. */
  readonly at: number;
  readonly workloads: readonly WorkloadView[];
  readonly tenants: readonly TenantView[];
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
  readonly instances: readonly InstanceView[];
  readonly versions: readonly VersionView[];
  /** Whether tenants' requests reach it directly. */
  readonly routed: boolean;
}

export interface InstanceView {
  readonly id: string;
  readonly workload: string;
  readonly version: number;
  readonly region: string;
  readonly ordinal: number;
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
  readonly limits: { readonly requestsPerSecond: number; readonly concurrency: number };
  readonly mitigations: readonly { readonly id: string; readonly kind: 'throttle' | 'quarantine' }[];
}

export function workloadOf(fleet: FleetView, name: string): WorkloadView | undefined {
  return fleet.workloads.find((workload) => workload.name === name);
}

export function instanceOf(fleet: FleetView, id: string): InstanceView | undefined {
  for (const workload of fleet.workloads) {
    const found = workload.instances.find((instance) => instance.id === id);
    if (found) return found;
  }
  return undefined;
}

/** The newest version that soaked, was never gone back from, and is not `except`. */
export function lastKnownGood(workload: WorkloadView, except: number): VersionView | undefined {
  return workload.versions
    .filter((each) => each.version !== except && each.promotedAt !== null && each.rejectedAt === null)
    .sort((a, b) => b.version - a.version)[0];
}

import type { ErrorClass } from '../../../src/observe/condition.ts';
import type { InstanceRef } from '../../../src/observe/sample.ts';

/** Requests that fail, and why, as the caller sees it. */
export interface Failing {
  readonly errors: number;
  readonly class: ErrorClass;
  readonly latencyMs: number;
  /** Only for these; everybody when left out. */
  readonly tenants?: readonly string[];
}

/** What is the matter with an instance in this step. Made anew each step from all that holds. */
export interface Behaviour {
  readonly failing: Failing[];
  /** What happens to requests of one route alone. */
  readonly ofRoutes: (Failing & { readonly route: string })[];
  /** By callee: calls that do not get there. */
  readonly calls: Map<string, Failing[]>;
  latencyMs: number;
  capacityTimes: number;
  /** Answers nothing. */
  hangs: boolean;
  /** Cannot be reached over the network, though it runs. */
  unreachable: boolean;
  notReady: boolean;
  leakPerS: number;
  /** Answers hold data of other tenants. */
  leaks: boolean;
}

export function healthy(): Behaviour {
  return {
    failing: [],
    ofRoutes: [],
    calls: new Map(),
    latencyMs: 0,
    capacityTimes: 1,
    hangs: false,
    unreachable: false,
    notReady: false,
    leakPerS: 0,
    leaks: false,
  };
}

/** What its last step was like: the next one's balancing, ejection and retries look at it. */
export interface LastStep {
  arrivals: number;
  /** Arrivals a second over the last seconds. */
  perSecond: number;
  failedShare: number;
  latencyMs: number;
}

/** A process. It keeps the version, the values and the credentials that it started with. */
export interface Instance extends InstanceRef {
  readonly ordinal: number;
  readonly host: string;
  readonly external: boolean;
  readonly startedAt: number;
  /** When it will be ready if nothing comes between; pushed on while starts are blocked. */
  readyAt: number;
  state: 'starting' | 'running' | 'exited';
  ready: boolean;
  exitedAt: number | null;
  /** Ended because it was told to. */
  expected: boolean;
  memoryMib: number;
  backlog: number;
  behaviour: Behaviour;
  last: LastStep;
  ejectedUntil: number;
  ejections: number;
  readonly values: ReadonlyMap<string, string | null>;
  /** Version of each credential that it holds. */
  readonly credentials: Map<string, string>;
  /** Indices of the effects whose `when` held when it started. */
  readonly startedWith: ReadonlySet<number>;
  /** When it was last seen by somebody. */
  seenAt: number;
  probedAt: number;
  toldReady: boolean;
}

export function refOf(instance: Instance): InstanceRef {
  const { instance: id, workload, version, region } = instance;
  return { instance: id, workload, version, region };
}

export function slotNameOf(instance: Pick<Instance, 'workload' | 'region' | 'ordinal'>): string {
  return `${instance.workload}/${instance.region}/${instance.ordinal}`;
}

import type { MoveName } from '../../../src/resources/playbook.ts';

/** Who is to heal the world. `baseline` restarts whatever is unhealthy; `none` watches. */
export type HealerName = 'kintsugi' | 'baseline' | 'none';

export interface TrialOptions {
  readonly seed: number;
  readonly healer: HealerName;
  /** Guards that are taken out, by name, to see the harm that they prevent. */
  readonly withoutGuards?: readonly string[];
  /** False drops what only a judge needs, for runs of many hours; true when left out. */
  readonly keepFelt?: boolean;
}

/** What one tenant felt in one bucket of time. Times are milliseconds from the start of the trial, everywhere in it. */
export interface FeltBucket {
  readonly at: number;
  readonly spanMs: number;
  /** Sent: ok + failed + limited + refused. */
  readonly requests: number;
  readonly ok: number;
  /** Ended with an error that the tenant did not cause. */
  readonly failed: number;
  /** Held back by a throttle or by shedding. */
  readonly limited: number;
  /** Refused by a quarantine. */
  readonly refused: number;
  /** Answered, and later than the tenant was promised. */
  readonly slow: number;
  /** Answers in which data of another tenant were seen. */
  readonly exposed: number;
}

export interface TrialIncident {
  readonly id: string;
  /** The diagnosis as it stood last. */
  readonly cause: string;
  /** Kind and name: `instance records-eu-0-a`, `setting records/POOL_SIZE`. */
  readonly subject: string;
  readonly summary: string;
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly outcome: string | null;
  /** The incident that it belongs to; undefined when it stands for itself. */
  readonly belongsTo?: string | undefined;
  /** Every diagnosis that it had, in order, when it changed. */
  readonly diagnoses: readonly { readonly at: number; readonly cause: string; readonly subject: string }[];
}

/** One call of a move, from the first thing that it did to the world. */
export interface Act {
  readonly at: number;
  readonly endedAt: number | null;
  readonly move: MoveName;
  readonly verb: 'apply' | 'undo';
  /** Bare names of all that it touches: slots, instances, workload, tenants, settings, assets, actors. */
  readonly subjects: readonly string[];
  /** What it wrote, when it wrote a setting. */
  readonly value?: string | null;
  /** Whether the instances that it touches were well when it began; left out when it touches none. */
  readonly areWell?: boolean;
  readonly by: string;
  readonly epoch: number;
  readonly key: string;
  readonly repair: string;
  readonly incident: string | null;
  /** Why it broke off; null when it did not. */
  readonly failed: string | null;
}

export interface TrialRepair {
  readonly id: string;
  readonly incident: string;
  readonly target: string;
  readonly cause: string;
  readonly playbook: string;
  readonly openedAt: number;
  readonly endedAt: number | null;
  readonly outcome: string | null;
  readonly reason: string;
  readonly needsApproval: boolean;
}

export interface TrialRefusal {
  readonly at: number;
  readonly incident: string;
  readonly guard: string;
  readonly reason: string;
}

/** Something that must never happen, and did. */
export interface Violation {
  readonly at: number;
  readonly invariant: string;
  readonly what: string;
}

export interface Trial {
  readonly scenario: string;
  readonly seed: number;
  readonly healer: HealerName;
  readonly lengthMs: number;
  readonly felt: Readonly<Record<string, readonly FeltBucket[]>>;
  readonly incidents: readonly TrialIncident[];
  readonly repairs: readonly TrialRepair[];
  readonly acts: readonly Act[];
  readonly refusals: readonly TrialRefusal[];
  readonly pages: readonly { readonly at: number; readonly incident: string; readonly summary: string }[];
  readonly violations: readonly Violation[];
  /** Acts of former leaders that the fence refused. */
  readonly fenced: number;
  /** Faults of the healer itself that it caught: it should not have any. */
  readonly faults: readonly { readonly at: number; readonly what: string }[];
  readonly ended: {
    readonly settings: Readonly<Record<string, string | null>>;
    readonly conditions: readonly { readonly asset: string; readonly condition: string }[];
    readonly actors: Readonly<Record<string, boolean>>;
    /** Written data that a failover lost, in milliseconds of writes. */
    readonly dataLostMs: number;
  };
  /** When each condition began and ended, so that a judge can ask of any time. */
  readonly conditions: readonly {
    readonly asset: string;
    readonly condition: string;
    readonly from: number;
    readonly until: number | null;
  }[];
  /** Every write of a setting, by whomever. */
  readonly writes: readonly {
    readonly at: number;
    readonly setting: string;
    readonly value: string | null;
    readonly by: string;
  }[];
}

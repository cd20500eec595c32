import { GOOD_DRILL_OUTCOMES } from '../resources/drill-outcome.ts';
import type { ViolatedControl } from './drill-control-fault.ts';

/** What a drill is done to. Incidents are matched with it, and its end is read off it. */
export type DrillSubject =
  | {
      readonly kind: 'slot';
      readonly workload: string;
      readonly region: string;
      readonly ordinal: number;
      /** The instance that was hurt. */
      readonly instance: string;
      /** Whether only another instance in the slot counts as healed. */
      readonly renewed: boolean;
    }
  | { readonly kind: 'version'; readonly workload: string }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'process'; readonly id: string; readonly pid: number };

/** A fault that is ready to be done. */
export interface Fault {
  readonly subject: DrillSubject;
  /** What is about to happen, for people: `kill records-eu-0-abc`. */
  readonly about: string;
  inject(): Promise<void>;
  /** Keeps the fault up beside the watching; ends by itself, and early when `signal` aborts. */
  sustain?(signal: AbortSignal): Promise<void>;
  /** Ends the fault where it is still there. Resolves with whether there was anything to end. Never rejects. */
  takeBack(): Promise<boolean>;
}

/** What a drill needs besides fault and target. */
export interface DrillOptions {
  readonly parameter?: number;
  readonly file?: readonly string[];
  readonly key?: string;
  readonly path?: string;
  readonly dependency?: string;
  /** Seconds. */
  readonly timeout?: number;
  /** Seconds. */
  readonly incidentWithin: number;
  readonly by?: string;
  readonly with?: readonly string[];
}

/** Who does a drill, and who else takes part. */
export interface Participants {
  readonly by: string;
  readonly with: readonly string[];
}

/** What control answers to a drill that is on record. */
export interface RecordedDrill {
  readonly id: string;
  /** The longest span of data that a database server lost; null where that could not be told. */
  readonly dataLostMs: number | null;
}

/** Requests of one tenant while a drill lasted, from the ledger. */
export interface TenantTally {
  readonly tenant: string;
  readonly requests: number;
  /** Answered with 5xx, by an instance or by the gateway. */
  readonly failed: number;
  /** Refused by the gateway with 4xx, such as by a limit. */
  readonly refused: number;
}

/** How a drill ended. Spans are milliseconds from the injection; null for what did not happen. */
export interface DrillResult {
  readonly fault: string;
  readonly target: string;
  /**
   * Good are `healed`, `restarted`, and for a violation `detected`: found, taken back, and measured to be good again. Else
   * For a lost region `held`: nobody was served where they may not be. Else that of the incident, `escaped`, `undetected`, `not restored`, `refused`, `timeout` or `interrupted`.
   */
  readonly outcome: string;
  readonly incident: string | null;
  /** How that incident ended, or that it is `open`; null without one. */
  readonly incidentOutcome: string | null;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly detectedMs: number | null;
  readonly openedMs: number | null;
  readonly replacedMs: number | null;
  readonly closedMs: number | null;
  readonly restartedMs: number | null;
  /** Of a violation: when all that it violated was measured to be good again. */
  readonly satisfiedMs: number | null;
  /** What a violation violated; empty for other faults. */
  readonly controls: readonly ViolatedControl[];
  /** Null when the ledger could not be read, or was not asked. */
  readonly tenants: readonly TenantTally[] | null;
  readonly takenBack: boolean;
}

export function isGood({ outcome }: Pick<DrillResult, 'outcome'>): boolean {
  return GOOD_DRILL_OUTCOMES.includes(outcome);
}

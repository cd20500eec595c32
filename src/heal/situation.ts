import type { MoveRules } from '../comply/gate.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { Autonomy, Cause, MoveName, Playbook } from '../resources/playbook.ts';
import type { ThresholdName } from '../resources/threshold.ts';
import type { Learned } from './learned-order.ts';
import type { Outcome } from './plan.ts';

/** All that a decision is made from, besides the fleet: plain data, so that it can be kept and replayed. */
export interface Situation {
  readonly incident: string;
  readonly diagnosis: Diagnosis;
  /** Id for the plan, drawn outside: decisions draw nothing. */
  readonly planId: string;
  /** Repairs of the recent past, newest first. */
  readonly repairs: readonly PastRepair[];
  /** How often the incident came back after it was over, and when it was over last. */
  readonly relapses: { readonly count: number; readonly lastOverAt: number | null };
  /** Who looks, and when each was last heard of. */
  readonly vantages: readonly VantageView[];
  readonly healer: HealerView;
  /** By playbook; one that is not in it has shown nothing. */
  readonly trust: Readonly<Record<string, Trust>>;
  /** Who approved this plan. */
  readonly approvals: readonly string[];
  /** What else is wrong at this moment: the diagnoses of the other open incidents. */
  readonly others?: readonly Diagnosis[];
  /** Which move healed which cause how often, and at what cost; orders the ladder among the lawful. */
  readonly learned?: Learned;
  /** When most of the fleet looked down last (`looksDown` of the guard `panic`); null when it never did. */
  readonly panickedAt?: number | null;
}

/** A process that observes. `host` is the machine that it fails together with. */
export interface VantageView {
  readonly name: string;
  readonly host: string;
  readonly lastHeardAt: number;
}

/** How the healer itself is. */
export interface HealerView {
  /** Times that the lead changed hands in the last ten minutes. */
  readonly takeovers: number;
  /** Repairs whose present step is past its deadline. */
  readonly overdue: number;
  /** Whether state can be written at this moment; without it nothing is begun. */
  readonly canWrite: boolean;
  /** Workloads, assets and settings that the healer itself stands on. */
  readonly standsOn: readonly string[];
}

/** What a playbook has shown on this fleet. */
export interface Trust {
  /** When its drill last passed; null when it never did. */
  readonly drilledAt: number | null;
  /** Requests that failed because of its repairs, in the window of the harm budget. */
  readonly harm: number;
  /** When harm took away its autonomy; null while it has it. */
  readonly demotedAt: number | null;
}

export interface PastRepair {
  readonly id: string;
  readonly target: string;
  readonly startedAt: number;
  /** Null while it runs. */
  readonly endedAt: number | null;
  readonly outcome: Outcome | null;
  readonly instances: readonly string[];
  readonly tenants: readonly string[];
  readonly cause: Cause;
  readonly playbook: string;
  readonly moves: readonly MoveName[];
  /** Settings that it wrote, with the value that it left: another value now, written by another, is a fight. */
  readonly wrote: readonly { readonly setting: string; readonly value: string | null }[];
}

/** Tokens left per scope (`global`, `workload records`), refilled up to now. */
export type Budgets = Readonly<Record<string, number>>;

export interface Policy {
  readonly stops: readonly Stop[];
  readonly freezes: readonly FreezeWindow[];
  readonly playbooks: readonly Playbook[];
  readonly rules: readonly MoveRules[];
  /** Lowers the autonomy of every playbook to at most this; the whole fleet in `propose` is a way to build trust. */
  readonly autonomyMax: Autonomy;
  /** A playbook is unattended only while its drill passed within this time; null asks for no drill. */
  readonly drillAgeMaxMs: number | null;
  /** Failed requests that the repairs of one playbook may cost in the window before it is demoted. */
  readonly harmMax: number;
  /** How far back harm is counted. */
  readonly harmWindowMs: number;
  /** Moves that destroy and are allowed all the same. */
  readonly destructive: readonly MoveName[];
  /** Numbers of guards that are not the default. */
  readonly thresholds?: Readonly<Partial<Record<ThresholdName, number | undefined>>>;
}

/** `scope` is `global`, `workload NAME`, `tenant NAME` or `move NAME`. */
export interface Stop {
  readonly id: string;
  readonly scope: string;
  readonly reason: string;
  readonly by: string;
  readonly expiresAt: number | null;
}

export interface FreezeWindow {
  readonly name: string;
  readonly reason: string;
  readonly from: number;
  readonly until: number;
  readonly workloads: readonly string[];
  readonly allow: readonly MoveName[];
}

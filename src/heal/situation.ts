import type { MoveRules } from '../comply/gate.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { Autonomy, MoveName, Playbook } from '../resources/playbook.ts';
import type { Outcome } from './plan.ts';

/** All that a decision is made from, besides the fleet: plain data, so that it can be kept and replayed. */
export interface Situation {
  readonly incident: string;
  readonly diagnosis: Diagnosis;
  /** Id for the plan, drawn outside: decisions draw nothing. */
  readonly planId: string;
  /** Repairs of the recent past, newest first. */
  readonly repairs: readonly PastRepair[];
}

export interface PastRepair {
  readonly id: string;
  readonly target: string;
  readonly startedAt: number;
  /** Null while it runs. */
  readonly endedAt: number | null;
  readonly outcome: Outcome | null;
  readonly instances: readonly string[];
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

import type { JsonObject } from '../base/json.ts';
import type { Cause, MoveName } from '../resources/playbook.ts';

/** What a step will touch. Stated before anything runs; guards and the gate judge it. */
export interface Touch {
  readonly instances: readonly string[];
  /** Of those, how many serve now and will be taken away at one time. */
  readonly servingTakenAtOnce: number;
  readonly tenants: readonly string[];
  /** Where things will stand afterwards. */
  readonly regions: readonly string[];
  readonly reversible: boolean;
}

export interface Step {
  readonly move: MoveName;
  /** Everything that apply and undo need, the old state included: undo works without an output. */
  readonly input: JsonObject;
  readonly touch: Touch;
  /** What it is expected to bring about, for people. */
  readonly effect: string;
  readonly soakMs: number;
  readonly verifyWithinMs: number;
}

/** What one guard says of a plan. */
export interface Verdict {
  readonly guard: string;
  readonly kind: 'allow' | 'ask' | 'deny';
  readonly reason: string;
  /** What would change the verdict; empty for an allow. */
  readonly remedy: string;
}

/** A ladder of steps: the next is climbed when the one before could not be verified, after it was undone. */
export interface Plan {
  readonly kind: 'plan';
  readonly id: string;
  readonly incident: string;
  readonly cause: Cause;
  readonly playbook: string;
  readonly summary: string;
  /** What the repair holds while it runs: `slot records/eu/0`, `workload records`, `tenant shop`. */
  readonly target: string;
  readonly workload: string | null;
  /** Revision of the workload that the plan was made from; a different one at execution refuses the plan. */
  readonly revision: number | null;
  readonly madeAt: number;
  /** Until when it may be executed or approved. */
  readonly expiresAt: number;
  readonly needsApproval: boolean;
  readonly steps: readonly Step[];
  readonly verdicts: readonly Verdict[];
}

/** Nothing is done, and why: a first-class result. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly incident: string;
  readonly target: string | null;
  readonly verdicts: readonly Verdict[];
}

export type Decision = Plan | Refusal;

/**
 * How a repair ended. `healed`: the independent signal stayed good for the soak. `unwound`: undone, as it was before.
 * `stuck`: an undo failed, a person is needed now. `escalated`: it is with a person; the reason says whether a call went
 * out. `refused`: the world had changed, or a guard said no at the last moment, before anything was done.
 */
export type Outcome = 'healed' | 'unwound' | 'stuck' | 'escalated' | 'refused';

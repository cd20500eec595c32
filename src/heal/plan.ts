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
  /** Classes of the data that the touched tenants keep. */
  readonly dataClasses: readonly string[];
  /** Settings that it writes, assets that it acts on, actors that it stops. */
  readonly settings: readonly string[];
  readonly assets: readonly string[];
  readonly actors: readonly string[];
  readonly reversible: boolean;
}

/** A touch that touches nothing: what a step adds to it is what it touches. */
export const NOTHING_TOUCHED: Touch = {
  instances: [],
  servingTakenAtOnce: 0,
  tenants: [],
  regions: [],
  dataClasses: [],
  settings: [],
  assets: [],
  actors: [],
  reversible: true,
};

/**
 * One move of a plan. Steps of one rung are made in order and verified together after the last of them; when that fails
 * they are undone in reverse order, and the next rung is climbed.
 */
export interface Step {
  readonly move: MoveName;
  /** Rungs count up from 0 without a gap; the steps of a rung stand together. */
  readonly rung: number;
  /** Everything that apply and undo need, the old state included: undo works without an output. */
  readonly input: JsonObject;
  readonly touch: Touch;
  /** What it is expected to bring about, for people. */
  readonly effect: string;
  /** How it is taken back, for people; empty when it cannot be. */
  readonly undo: string;
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
  /** For whom it is a no, where it is not one for everybody: the first of them. */
  readonly tenants?: readonly string[];
}

/** A ladder of steps: the next is climbed when the one before could not be verified, after it was undone. */
export interface Plan extends Partial<Outlook> {
  readonly kind: 'plan';
  readonly id: string;
  readonly incident: string;
  readonly cause: Cause;
  readonly playbook: string;
  readonly summary: string;
  /** Keys of the symptoms that it is to make go away: one that is seen again after it speaks against it. */
  readonly answers: readonly string[];
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

/** What a plan is expected to bring, to cost and to risk: of the first rung, but for the risk, which is that of the whole ladder. Explained by declared properties of the moves. */
export interface Outlook {
  readonly predicted: { readonly effect: string; readonly withinMs: number; readonly clears: Cause };
  readonly cost: {
    readonly instancesStarted: number;
    readonly servingTakenAtOnce: number;
    readonly tenantsTouched: number;
    readonly what: readonly string[];
  };
  readonly risk: { readonly level: 'low' | 'medium' | 'high'; readonly why: string };
}

/** Nothing is done, and why: a first-class result. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly incident: string;
  readonly target: string | null;
  readonly verdicts: readonly Verdict[];
  /** What would be done if the playbook had leave to: for a playbook that only proposes. */
  readonly proposal?: Plan;
}

export type Decision = Plan | Refusal;

/**
 * How a repair ended. `healed`: the independent signal stayed good for the soak. `unwound`: undone, as it was before.
 * `stuck`: an undo failed, a person is needed now. `escalated`: it is with a person; the reason says whether a call went
 * out. `refused`: the world had changed, or a guard said no at the last moment, before anything was done.
 */
export type Outcome = 'healed' | 'unwound' | 'stuck' | 'escalated' | 'refused';

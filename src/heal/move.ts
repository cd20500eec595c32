import type { JsonObject } from '../base/json.ts';
import type { MoveName } from '../resources/playbook.ts';
import type { Fleet } from './fleet.ts';

/** What a move runs with. */
export interface MoveContext {
  /** Same key, same effect: handed to whoever can tell a repetition by it. Apply and undo have different ones. */
  readonly key: string;
  /** Epoch of the leader that acts; the fencing token. */
  readonly epoch: number;
  /** Aborts at the deadline of the step and when this replica no longer leads. */
  readonly signal: AbortSignal;
  readonly fleet: Fleet;
}

/**
 * One kind of repair.
 *
 * `apply` may be called again after a crash at any point in it, with the same key, and then does what is left. `undo` may
 * be called when `apply` never began, broke off or ended: it has no output to look at, so everything that it needs is in
 * `input`, the old state included. Both are cancelled by the signal of the context at the next safe point. A rejected
 * `apply` leads to `undo`; a rejected `undo` leaves the repair *stuck* and calls a person, so an undo should fail only
 * when the world cannot be brought back.
 */
export interface Move {
  readonly name: MoveName;
  /** Longest time that apply or undo may take. */
  readonly deadlineMs: number;
  apply(input: JsonObject, context: MoveContext): Promise<JsonObject>;
  undo(input: JsonObject, context: MoveContext): Promise<void>;
  /** True for a move that heals nothing by itself: after it the repair ends as escalated, without verification. */
  readonly escalates?: boolean;
}

import type { JsonObject } from '../base/json.ts';
import type { Outcome } from './plan.ts';

/**
 * What is written of a repair, in order. `intent` is written before a move is called and `applied` after it; a crash
 * between the two leaves an intent, which is applied again or undone: both are safe, because moves are.
 */
export type JournalEvent =
  | 'opened'
  | 'approved'
  | 'intent'
  | 'applied'
  | 'apply-failed'
  | 'verified'
  | 'verify-failed'
  | 'undo-intent'
  | 'undone'
  | 'undo-failed'
  | 'ended';

export interface JournalEntry {
  readonly seq: number;
  /** When it was written, on the database's clock. */
  readonly at: string;
  readonly moveIndex: number;
  readonly event: JournalEvent;
  readonly data: JsonObject;
}

/** Where a repair goes on. */
export type ResumePoint =
  | { readonly at: 'wait' }
  | { readonly at: 'apply' | 'verify' | 'undo'; readonly moveIndex: number }
  | { readonly at: 'climb'; readonly moveIndex: number }
  | { readonly at: 'stuck' }
  | { readonly at: 'end' }
  | { readonly at: 'over'; readonly outcome: Outcome };

/** Reads off a journal what is to be done next. Pure; the same for a running repair and for one that was taken over. */
export function resumePoint(journal: readonly JournalEntry[], needsApproval: boolean): ResumePoint {
  const last = journal.at(-1);
  if (!last) return needsApproval ? { at: 'wait' } : { at: 'apply', moveIndex: 0 };
  const { moveIndex } = last;
  switch (last.event) {
    case 'opened':
      return needsApproval ? { at: 'wait' } : { at: 'apply', moveIndex: 0 };
    case 'approved':
      return { at: 'apply', moveIndex: 0 };
    case 'intent':
      return { at: 'apply', moveIndex };
    case 'applied':
      return { at: 'verify', moveIndex };
    case 'apply-failed':
    case 'verify-failed':
    case 'undo-intent':
      return { at: 'undo', moveIndex };
    case 'undone':
      return { at: 'climb', moveIndex: moveIndex + 1 };
    case 'undo-failed':
      return { at: 'stuck' };
    case 'verified':
      return { at: 'end' };
    case 'ended':
      return { at: 'over', outcome: last.data['outcome'] as Outcome };
  }
}

import type { JsonObject } from '../base/json.ts';
import { keepsOut } from './move-traits.ts';
import type { Outcome, Plan } from './plan.ts';

/**
 * What is written of a repair, in order. `intent` is written before a move is called and `applied` after it; a crash
 * between the two leaves an intent, which is applied again or undone: both are safe, because moves are.
 *
 * `approved`, `rejected` and `cancelled` are what people say, and may stand anywhere. `denied` is what a guard said before
 * a step. `kept` stands in the place of `undone` for what cannot be taken back, and for what holds a leak. `called` says that a person was called
 * because an undo failed.
 */
export type JournalEvent =
  | 'opened'
  | 'approved'
  | 'rejected'
  | 'cancelled'
  | 'denied'
  | 'intent'
  | 'applied'
  | 'apply-failed'
  | 'verified'
  | 'verify-failed'
  | 'undo-intent'
  | 'undone'
  | 'undo-failed'
  | 'kept'
  | 'called'
  | 'ended';

export interface JournalEntry {
  readonly seq: number;
  /** When it was written, on the database's clock. */
  readonly at: string;
  /** Of a verification: the last step of the rung. */
  readonly moveIndex: number;
  readonly event: JournalEvent;
  readonly data: JsonObject;
}

/** Where a repair goes on. */
export type ResumePoint =
  /** For people: what they say is written into the journal, and then the repair goes on. */
  | { readonly at: 'wait' }
  /** The step is judged on the world as it is, and begun. */
  | { readonly at: 'begin'; readonly moveIndex: number }
  /** The step has an intent and no end: it is applied again under the same key. */
  | { readonly at: 'apply'; readonly moveIndex: number }
  /** All steps of the rung are applied; the step is its last. */
  | { readonly at: 'verify'; readonly moveIndex: number }
  /** The step is to be taken back, and its undo has no intent yet. */
  | { readonly at: 'begin-undo'; readonly moveIndex: number }
  | { readonly at: 'undo'; readonly moveIndex: number }
  /** The step cannot be taken back, or holds what leaks: that is written down, and nothing done. */
  | { readonly at: 'keep'; readonly moveIndex: number }
  /** An undo failed and nobody was called yet. */
  | { readonly at: 'call'; readonly moveIndex: number }
  | { readonly at: 'end'; readonly outcome: Outcome; readonly reason: string }
  /** It has ended; nothing is left to do. */
  | { readonly at: 'over'; readonly outcome: Outcome };

/** How many people have to agree before a plan is begun: two where something cannot be taken back. */
export function approvalsNeeded(plan: Plan): number {
  if (!plan.needsApproval) return 0;
  return plan.steps.every((step) => step.touch.reversible) ? 1 : 2;
}

/** Who agreed to the plan, each once, by the name that was said first. */
export function approversOf(journal: readonly JournalEntry[]): readonly string[] {
  const said = journal.filter((entry) => entry.event === 'approved').map((entry) => String(entry.data['by']));
  return said.filter((name, i) => said.findIndex((other) => isSamePerson(other, name)) === i);
}

/** `Anna ` and `anna` are no two people. */
export function isSamePerson(one: string, other: string): boolean {
  const plain = (name: string) => name.normalize('NFKC').trim().toLowerCase();
  return plain(one) === plain(other);
}

/**
 * Reads off a journal what is to be done next. Pure, and an answer for every journal; the same for a running repair and
 * for one that was taken over. What people say may stand anywhere in it: a step that has an intent is finished all the
 * same, nothing new is begun, and what the rung did is undone.
 */
export function resumePoint(journal: readonly JournalEntry[], plan: Plan): ResumePoint {
  const ended = journal.find((entry) => entry.event === 'ended');
  if (ended) return { at: 'over', outcome: ended.data['outcome'] as Outcome };
  const stuck = journal.find((entry) => entry.event === 'undo-failed');
  if (stuck) return afterFailedUndo(journal, plan, stuck);
  const verified = journal.find((entry) => entry.event === 'verified');
  if (verified) {
    return { at: 'end', outcome: 'healed', reason: `the signal stayed good for ${text(verified, 'soakMs')} ms` };
  }
  const last = journal.findLast((entry) => entry.event in STATES && entry.moveIndex in plan.steps);
  const step = plan.steps[last?.moveIndex ?? -1];
  return step ? withinRung(journal, plan, step.rung) : beforeTheFirst(journal, plan);
}

/** Where a step stands after an entry about it. */
const STATES = {
  intent: 'begun',
  applied: 'done',
  'apply-failed': 'failed',
  'undo-intent': 'undoing',
  undone: 'gone',
  kept: 'gone',
} as const;
type StepState = (typeof STATES)[keyof typeof STATES] | 'new';

function beforeTheFirst(journal: readonly JournalEntry[], plan: Plan): ResumePoint {
  const no = stopOf(journal);
  if (no !== undefined) return { at: 'end', outcome: 'refused', reason: no };
  if (plan.steps.length === 0) return { at: 'end', outcome: 'refused', reason: 'the plan has no steps' };
  if (approversOf(journal).length < approvalsNeeded(plan)) return { at: 'wait' };
  return { at: 'begin', moveIndex: 0 };
}

function withinRung(journal: readonly JournalEntry[], plan: Plan, rung: number): ResumePoint {
  const indices = plan.steps.flatMap((step, i) => (step.rung === rung ? [i] : []));
  const states = new Map(indices.map((i) => [i, stateOf(journal, i)]));
  const inFlight = indices.find((i) => states.get(i) === 'begun');
  if (inFlight !== undefined) return { at: 'apply', moveIndex: inFlight };
  const isVain = journal.some((entry) => entry.event === 'verify-failed' && indices.includes(entry.moveIndex));
  const goesBack = isVain || indices.some((i) => TURNED.has(states.get(i) ?? 'new')) || stopOf(journal) !== undefined;
  if (!goesBack) {
    const next = indices.find((i) => states.get(i) === 'new');
    return next === undefined ? { at: 'verify', moveIndex: indices.at(-1) ?? 0 } : { at: 'begin', moveIndex: next };
  }
  const left = indices.filter((i) => LEFT.has(states.get(i) ?? 'new'));
  // A process that was started anew to see a setting is started once more after the setting is as before.
  const moveIndex = left.findLast((i) => plan.steps[i]?.input['rereads'] === undefined) ?? left.at(-1);
  if (moveIndex === undefined) return afterRung(journal, plan, rung);
  const isHeld = contains(plan, moveIndex) && !hasDecided(journal);
  if (isHeld || isForGood(plan, moveIndex)) return { at: 'keep', moveIndex };
  return { at: states.get(moveIndex) === 'undoing' ? 'undo' : 'begin-undo', moveIndex };
}

/** Whether a step holds what leaks: it stands, whatever of its rung goes back, until it is measured that nothing does. */
function contains({ steps }: Plan, moveIndex: number): boolean {
  const step = steps[moveIndex];
  return step !== undefined && keepsOut(step.move) && typeof step.input['incident'] === 'string';
}

/** A step that cannot be taken back, or after which only what the law forbids is left to go back to (`stays`). */
function isForGood({ steps }: Plan, moveIndex: number): boolean {
  const step = steps[moveIndex];
  return step?.touch.reversible === false || step?.input['stays'] === true;
}

/** A person ended the repair: what it held is let go by their word. */
function hasDecided(journal: readonly JournalEntry[]): boolean {
  return journal.some(({ event }) => event === 'rejected' || event === 'cancelled');
}

/** One of these shows that the rung goes back; one of those is still to be taken back. */
const TURNED: ReadonlySet<StepState> = new Set(['failed', 'undoing', 'gone']);
const LEFT: ReadonlySet<StepState> = new Set(['done', 'failed', 'undoing']);

function afterRung(journal: readonly JournalEntry[], plan: Plan, rung: number): ResumePoint {
  const next = plan.steps.findIndex((step) => step.rung > rung);
  const no = stopOf(journal);
  if (no === undefined && next >= 0) return { at: 'begin', moveIndex: next };
  return { at: 'end', outcome: 'unwound', reason: `${no ?? 'no rung of the ladder held'}${leftBehind(journal, plan)}` };
}

function afterFailedUndo(journal: readonly JournalEntry[], plan: Plan, stuck: JournalEntry): ResumePoint {
  const called = journal.find((entry) => entry.event === 'called');
  if (!called) return { at: 'call', moveIndex: stuck.moveIndex };
  const person = called.data['delivered'] === true ? 'a person was called' : 'a person is needed, and was not reached';
  const move = plan.steps[stuck.moveIndex]?.move ?? 'a step';
  return { at: 'end', outcome: 'stuck', reason: `${move} could not be undone; ${person}` };
}

function stateOf(journal: readonly JournalEntry[], moveIndex: number): StepState {
  const last = journal.findLast((entry) => entry.moveIndex === moveIndex && entry.event in STATES);
  return last ? STATES[last.event as keyof typeof STATES] : 'new';
}

/** Why nothing new may be begun, if anything: a person or a guard said so. */
function stopOf(journal: readonly JournalEntry[]): string | undefined {
  const said = journal.find(({ event }) => event === 'rejected' || event === 'cancelled' || event === 'denied');
  if (!said) return undefined;
  const reason = text(said, 'reason');
  if (said.event === 'denied') return `${text(said, 'guard')}: ${reason}`;
  return `${said.event} by ${text(said, 'by')}${reason === '' ? '' : `: ${reason}`}`;
}

/** What an entry says, as it is told; empty when it does not. */
function text({ data }: JournalEntry, name: string): string {
  const value = data[name];
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
}

function leftBehind(journal: readonly JournalEntry[], plan: Plan): string {
  const kept = journal.filter((entry) => entry.event === 'kept').map((entry) => entry.moveIndex);
  const movesOf = (indices: readonly number[]) => [...new Set(indices.map((i) => plan.steps[i]?.move))].join(' and ');
  const holding = kept.filter((i) => contains(plan, i));
  const stayed = kept.filter((i) => !contains(plan, i));
  const said = stayed.length === 0 ? '' : `; ${movesOf(stayed)} cannot be taken back and stayed`;
  const held = `; ${movesOf(holding)} stands until it is measured that nothing leaks`;
  return holding.length === 0 ? said : `${said}${held}`;
}

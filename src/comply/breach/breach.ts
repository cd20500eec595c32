import type { JsonObject } from '../../base/json.ts';
import type { Loss } from '../../resources/notice.ts';
import type { Duty } from './duties.ts';

/** A sign that data of tenants may have been lost: who may know them, that they are right, or that they are there. */
export interface Sign {
  /** What was seen: `fact rls.enabled postgresql/records/eu`. */
  readonly key: string;
  /** Signs of one cause are one loss, however many of them there are: while it is undecided, no other is opened for it. */
  readonly cause: string;
  readonly loss: Loss;
  /** One sentence for people; names no tenant. */
  readonly what: string;
  readonly tenants: readonly string[];
  readonly detectedAt: number;
  /** The incident that it was recognised as, where one is known. */
  readonly incident: string | null;
  /** What was measured, as it was at the detection. */
  readonly snapshot: JsonObject;
}

export type Choice = 'notify' | 'no-notice';

/** What became of an assessment, in the order in which it happened. Times are ms since 1970. */
export type Step = { readonly at: number; readonly by: string | null } & (
  | { readonly kind: 'found'; readonly sign: string; readonly what: string; readonly snapshot: JsonObject }
  | { readonly kind: 'touched'; readonly tenants: readonly string[]; readonly duties: readonly Duty[] }
  /** Since `endedAt` every sign of it was well. */
  | { readonly kind: 'ended'; readonly endedAt: number }
  | { readonly kind: 'recurred' }
  | { readonly kind: 'aware'; readonly awareAt: number; readonly isReal: boolean }
  | { readonly kind: 'classified' }
  | {
      readonly kind: 'decided';
      readonly clocks: readonly string[];
      readonly choice: Choice;
      readonly reason: string;
      /** Id of the key that signed it. */
      readonly key: string;
      /** The signed statement, DSSE. */
      readonly envelope: string;
    }
  | { readonly kind: 'sent'; readonly clocks: readonly string[]; readonly sentAt: number }
  | { readonly kind: 'drill'; readonly drill: string }
  | { readonly kind: 'reminded' | 'missed'; readonly clock: string }
  /** A person was called about a call that was due; `of` names it. */
  | { readonly kind: 'paged'; readonly of: string; readonly delivered: boolean }
  | { readonly kind: 'closed'; readonly reason: string }
);

/** How an assessment began. It never changes: the law and the contracts that held then are in it. */
export interface Opening extends Omit<Sign, 'key'> {
  /** The key of the sign that opened it. */
  readonly sign: string;
  readonly duties: readonly Duty[];
  /** How long people may take to say what it is. */
  readonly assessMs: number;
  /** Share of a clock after which it reminds. */
  readonly remindShare: number;
  /** Aware without a word of anybody, this long after the detection; null: a person says it. */
  readonly awareAfterMs: number | null;
}

/** The question whether a loss is a breach that somebody has to be told of, with everything that was said to it. */
export interface Assessment extends Opening {
  readonly id: string;
  readonly steps: readonly Step[];
}

/** Everybody whom it touches, those who were found later too. */
export function tenantsOf({ tenants, steps }: Assessment): readonly string[] {
  return [...new Set([...tenants, ...steps.flatMap((step) => (step.kind === 'touched' ? step.tenants : []))])];
}

/** The duties of all whom it touches. */
export function dutiesOf({ duties, steps }: Assessment): readonly Duty[] {
  return [...duties, ...steps.flatMap((step) => (step.kind === 'touched' ? step.duties : []))];
}

/** The drill that it came of. A person who is aware of a real loss takes the mark away. */
export function drillOf({ steps }: Assessment): string | null {
  let drill: string | null = null;
  for (const step of steps) {
    if (step.kind === 'drill') drill = step.drill;
    if (step.kind === 'aware' && step.isReal) drill = null;
  }
  return drill;
}

/** Since when somebody is aware of it: a person's word, else the policy's. */
export function awareAtOf({ steps, detectedAt, awareAfterMs }: Assessment, now: number): number | null {
  const said = steps.flatMap((step) => (step.kind === 'aware' ? [step.awareAt] : []));
  const byPolicy = awareAfterMs !== null && detectedAt + awareAfterMs <= now ? [detectedAt + awareAfterMs] : [];
  const all = [...said, ...byPolicy];
  return all.length === 0 ? null : Math.min(...all);
}

/** Since when it counts as a major incident, for those whose law asks for that. */
export function classifiedAtOf({ steps }: Assessment): number | null {
  return steps.find((step) => step.kind === 'classified')?.at ?? null;
}

/** When what was lost was there again; null while the sign stands. */
export function endedAtOf({ steps }: Assessment): number | null {
  const last = steps.findLast(({ kind }) => kind === 'ended' || kind === 'recurred');
  return last?.kind === 'ended' ? last.endedAt : null;
}

export function isClosed({ steps }: Assessment): boolean {
  return steps.some(({ kind }) => kind === 'closed');
}

/** Whether it is known what it is: by a person's word, or because it was a drill. Until then its cause opens no other. */
export function isSettled(assessment: Assessment): boolean {
  return drillOf(assessment) !== null || assessment.steps.some(({ kind }) => kind === 'decided' || kind === 'closed');
}

/** Whether there is nothing left to look after: what was lost is there again, and nobody is waited for. */
export function isOver(assessment: Assessment): boolean {
  return (isClosed(assessment) || drillOf(assessment) !== null) && endedAtOf(assessment) !== null;
}

/** Keys of every sign of it. */
export function signsOf({ sign, steps }: Assessment): readonly string[] {
  return [sign, ...steps.flatMap((step) => (step.kind === 'found' ? [step.sign] : []))];
}

import { type Fact, factKey } from '../observe/fact.ts';
import type { Check, Control } from '../resources/control.ts';
import { type CheckContext, statusOfFact } from './assess.ts';
import type { FactBook } from './fact-book.ts';
import type { FactsOf } from './part.ts';

/** By which measurements a violation begins or ends. */
export interface ViolationMeasured {
  /** The first measurement that showed it, or the newest of those that show it ended; ms since 1970. */
  readonly at: number;
  /** Of its beginning: the last measurement before, which did not show it. It began in between; null: nobody knows since when. */
  readonly goodAt: number | null;
}

/** What violates a control at one moment: keys of facts, and since when. */
export interface Blame {
  readonly facts: readonly string[];
  readonly begun: ViolationMeasured;
}

/** Who of these facts violates the control; undefined when none does. */
export function blameOf(
  control: Control,
  context: CheckContext,
  factsOf: FactsOf,
  book: FactBook,
  at: number,
): Blame | undefined {
  let blame: Blame | undefined;
  for (const check of control.checks) {
    for (const fact of factsOf(check)) {
      if (statusOfFact(check, fact, context, at) !== 'not-satisfied') continue;
      const begun = { at: fact.measuredAt, goodAt: goodBefore(check, fact, context, book) };
      blame = bothBlames(blame, { facts: [factKey(fact)], begun });
    }
  }
  return blame;
}

/** Begun with the earlier of the two; nobody knows since when, when nobody knows it of one. */
export function bothBlames(one: Blame | undefined, other: Blame | undefined): Blame | undefined {
  if (!one || !other) return one ?? other;
  const [a, b] = [one.begun, other.begun];
  const goodAt = a.goodAt === null || b.goodAt === null ? null : Math.min(a.goodAt, b.goodAt);
  return { facts: withFacts(one.facts, other.facts), begun: { at: Math.min(a.at, b.at), goodAt } };
}

/** All that has violated a control since its violation began. What is the same for many tenants stays one list. */
export function withFacts(before: readonly string[] | undefined, facts: readonly string[]): readonly string[] {
  if (before === undefined) return facts;
  const more = facts.filter((key) => !before.includes(key));
  return more.length === 0 ? before : [...before, ...more];
}

/**
 * By which measurement a violation is over: once everything that violated the control was measured again and is good. A
 * control that also asks for what nobody measures never is satisfied, and its violation ends all the same. What only became
 * too old ends nothing: then undefined.
 */
export function overBy(
  guilty: readonly string[],
  control: Control,
  context: CheckContext,
  tenant: string,
  book: FactBook,
  at: number,
): ViolationMeasured | undefined {
  let last = Number.NEGATIVE_INFINITY;
  for (const key of guilty) {
    const fact = book.get(key);
    // A subject that is no more violates nothing.
    if (fact && !isGood(fact, control, context, tenant, at)) return undefined;
    last = Math.max(last, fact?.measuredAt ?? at);
  }
  return { at: last, goodAt: null };
}

function isGood(fact: Fact, control: Control, context: CheckContext, tenant: string, at: number): boolean {
  if (fact.tenants !== 'all' && !fact.tenants.includes(tenant)) return false;
  return control.checks.every(
    (check) => check.fact !== fact.name || statusOfFact(check, fact, context, at) === 'satisfied',
  );
}

/** When the fact was measured before and did not violate the check. */
function goodBefore(check: Check, fact: Fact, context: CheckContext, book: FactBook): number | null {
  const before = book.earlier(factKey(fact));
  if (!before) return null;
  return statusOfFact(check, before, context, before.measuredAt) === 'satisfied' ? before.measuredAt : null;
}

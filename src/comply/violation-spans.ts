import { type Fact, factKey } from '../observe/fact.ts';
import type { Check, Control } from '../resources/control.ts';
import { type CheckContext, type Status, statusOfFact } from './assess.ts';
import type { FactBook } from './fact-book.ts';

/** By which measurements a violation begins or ends. */
export interface ViolationMeasured {
  /** The first measurement that showed it, or the newest of those that show it ended; ms since 1970. */
  readonly at: number;
  /** Of its beginning: the last measurement before, which did not show it. It began in between; null: nobody knows since when. */
  readonly goodAt: number | null;
}

interface Obligation {
  readonly tenant: string;
  readonly framework: string;
}

/**
 * Remembers which facts violated which control, so that it can be told when a violation is over by measurement. A control
 * that also asks for what nobody measures never is satisfied: its violation is over once everything that violated it was
 * measured again and is good. What only became too old ends nothing.
 */
export class ViolationSpans {
  /** Keys of facts by tenant, framework and control. */
  readonly #guilty = new Map<string, Set<string>>();

  /** Notes what violates a control now. */
  note(of: Obligation, control: Control, context: CheckContext, book: FactBook, at: number): void {
    const key = keyOf(of, control);
    const guilty = this.#guilty.get(key) ?? new Set<string>();
    for (const [, fact] of judged(control, context, of.tenant, book, at, 'not-satisfied')) guilty.add(factKey(fact));
    this.#guilty.set(key, guilty);
  }

  /** What a turn stands on, when it begins or ends a violation; undefined otherwise. */
  turn(
    turn: Obligation & { readonly from: Status | null; readonly to: Status; readonly at: number },
    control: Control,
    context: CheckContext,
    book: FactBook,
  ): ViolationMeasured | undefined {
    if (turn.to === 'not-satisfied') return begun(turn, control, context, book);
    const guilty = this.#guilty.get(keyOf(turn, control));
    if (!guilty) return undefined;
    const good = [...judged(control, context, turn.tenant, book, turn.at, 'satisfied')].map(([, fact]) => fact);
    const cleared = [...guilty].flatMap((key) => {
      // A subject that is no more violates nothing.
      if (book.get(key) === undefined) return [turn.at];
      return good.find((fact) => factKey(fact) === key)?.measuredAt ?? [];
    });
    if (cleared.length < guilty.size) return undefined;
    this.#guilty.delete(keyOf(turn, control));
    return { at: Math.max(...cleared), goodAt: null };
  }
}

function begun(
  { tenant, at }: Obligation & { readonly at: number },
  control: Control,
  context: CheckContext,
  book: FactBook,
): ViolationMeasured | undefined {
  const bad = [...judged(control, context, tenant, book, at, 'not-satisfied')];
  if (bad.length === 0) return undefined;
  const before = bad.map(([check, fact]) => goodBefore(check, fact, context, book));
  const known = before.filter((each) => each !== null);
  const goodAt = known.length < before.length ? null : Math.min(...known);
  return { at: Math.min(...bad.map(([, { measuredAt }]) => measuredAt)), goodAt };
}

/** When the fact was measured before and did not violate the check. */
function goodBefore(check: Check, fact: Fact, context: CheckContext, book: FactBook): number | null {
  const before = book.earlier(factKey(fact));
  if (!before) return null;
  return statusOfFact(check, before, context, before.measuredAt) === 'satisfied' ? before.measuredAt : null;
}

function* judged(
  control: Control,
  context: CheckContext,
  tenant: string,
  book: FactBook,
  at: number,
  status: Status,
): Generator<readonly [Check, Fact]> {
  for (const check of control.checks) {
    for (const fact of [...book.own(check.fact, tenant), ...book.shared(check.fact)]) {
      if (statusOfFact(check, fact, context, at) === status) yield [check, fact];
    }
  }
}

function keyOf({ tenant, framework }: Obligation, { id }: Control): string {
  return `${tenant} ${framework} ${id}`;
}

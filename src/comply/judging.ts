import type { Status } from './assess.ts';
import type { FactBook } from './fact-book.ts';
import { partOf, statusOfParts } from './part.ts';
import type { Requirement } from './requirement.ts';
import { CODES, type Column, STATUSES } from './roll.ts';
import type { Turn } from './turn.ts';
import { type Blame, blameOf, bothBlames, overBy, withFacts } from './violation-spans.ts';

/** One round of judging: at one moment, over facts that stay as they are meanwhile. */
export class Judging {
  readonly turns: Turn[] = [];
  readonly #book: FactBook;
  readonly #at: number;

  constructor(book: FactBook, at: number) {
    this.#book = book;
    this.#at = at;
  }

  /** Looks at the tenant's own facts, and concludes. */
  judge(column: Column, row: number): void {
    const tenant = column.tenants[row]!;
    const { context } = column.requirements[row]!;
    const { status, missing } = partOf(column.control, context, ({ fact }) => this.#book.own(fact, tenant), this.#at);
    column.own[row] = CODES[status];
    column.missing[row] = missing;
    this.conclude(column, row);
  }

  /** What follows from the tenant's own facts and from those of everybody, as both were looked at last. */
  conclude(column: Column, row: number): void {
    const at = this.#at;
    const requirement = column.requirements[row]!;
    const own = STATUSES[column.own[row]!]!;
    const to = statusOfParts(column.control, own, column.missing[row]!, requirement.shared);
    const code = column.status[row]!;
    const blame = to === 'not-satisfied' ? this.#blame(column.tenants[row]!, requirement, own) : undefined;
    if (blame) column.guilty[row] = withFacts(column.guilty[row], blame.facts);
    if (code === CODES[to]) return;
    column.status[row] = CODES[to];
    column.since[row] = at;
    const tenant = column.tenants[row]!;
    const measured = blame ? blame.begun : this.#over(column, row);
    const { framework, control } = column;
    const turn = { tenant, framework, control: control.id, from: STATUSES[code] ?? null, to, at };
    this.turns.push(measured ? { ...turn, measured } : turn);
  }

  /** What violates a control for a tenant. */
  #blame(tenant: string, { control, context, blame }: Requirement, own: Status): Blame | undefined {
    if (own !== 'not-satisfied') return blame;
    const book = this.#book;
    return bothBlames(
      blameOf(control, context, ({ fact }) => book.own(fact, tenant), book, this.#at),
      blame,
    );
  }

  /** By which measurement a violation is over, if it is. */
  #over({ guilty, tenants, requirements }: Column, row: number) {
    const facts = guilty[row];
    if (facts === undefined) return undefined;
    const { control, context } = requirements[row]!;
    const measured = overBy(facts, control, context, tenants[row]!, this.#book, this.#at);
    if (measured) guilty[row] = undefined;
    return measured;
  }
}

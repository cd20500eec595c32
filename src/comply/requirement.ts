import type { ParameterValue } from '../resources/cel.ts';
import type { Control } from '../resources/control.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import type { CheckContext, TenantTerms } from './assess.ts';
import type { FactBook } from './fact-book.ts';
import { type Part, partOf } from './part.ts';
import { type Blame, blameOf } from './violation-spans.ts';

/**
 * A control as it is asked of all tenants for whom it is the same: with the same numbers, and the same of those terms that
 * its checks read. What bears on everybody is judged once for each requirement, and not once for each tenant.
 */
export class Requirement {
  readonly control: Control;
  readonly context: CheckContext;
  /** How the facts that bear on everybody stood when they were looked at last, and what of them violated the control. */
  shared: Part = { status: 'satisfied', missing: 0 };
  blame: Blame | undefined;

  constructor(control: Control, context: CheckContext) {
    this.control = control;
    this.context = context;
  }

  /** Looks at the facts that bear on everybody. Returns whether that may be news for a tenant. */
  lookAgain(book: FactBook, at: number): boolean {
    const { control, context, shared, blame } = this;
    const factsOf = (check: Control['checks'][number]) => book.shared(check.fact);
    this.shared = partOf(control, context, factsOf, at);
    this.blame = this.shared.status === 'not-satisfied' ? blameOf(control, context, factsOf, book, at) : undefined;
    const isSame = shared.status === this.shared.status && shared.missing === this.shared.missing;
    return !isSame || (this.blame?.facts.join('\n') ?? '') !== (blame?.facts.join('\n') ?? '');
  }
}

/** What a tenant declares. */
const TERMS = ['name', 'regions', 'processors', 'dataClasses', 'availability', 'rtoMs', 'rpoMs'] as const;

/** All requirements that are asked of the tenants that are declared. */
export class RequirementPool {
  readonly #book: FactBook;
  readonly #at: number;
  readonly #pools = new Map<Control, { readonly asked: Asked; readonly requirements: Map<string, Requirement> }>();
  readonly #byFact = new Map<FactName, Requirement[]>();

  /** A requirement is looked at when it is asked for the first time: `at`. */
  constructor(book: FactBook, at: number) {
    this.#book = book;
    this.#at = at;
  }

  /** How a control is asked of a tenant, whose contract sets these parameters. */
  requirementFor(
    control: Control,
    terms: TenantTerms,
    set: Readonly<Record<string, ParameterValue>> | undefined,
  ): Requirement {
    const pool = this.#pools.get(control) ?? { asked: termsAskedBy(control), requirements: new Map() };
    this.#pools.set(control, pool);
    const { asked, requirements } = pool;
    // Most controls ask nothing of a tenant, and most contracts set nothing.
    const key = asked.length === 0 && set === undefined ? '' : JSON.stringify([set, asked.map((name) => terms[name])]);
    const requirement = requirements.get(key) ?? this.#ask(control, contextOf(control, asked, terms, set));
    requirements.set(key, requirement);
    return requirement;
  }

  /** Those that ask for a fact. */
  asking(name: FactName): readonly Requirement[] {
    return this.#byFact.get(name) ?? [];
  }

  #ask(control: Control, context: CheckContext): Requirement {
    const requirement = new Requirement(control, context);
    requirement.lookAgain(this.#book, this.#at);
    for (const name of new Set(control.checks.map(({ fact }) => fact))) {
      this.#byFact.set(name, [...this.asking(name), requirement]);
    }
    return requirement;
  }
}

type Asked = readonly (keyof TenantTerms)[];

/** All of them where an expression does more with the tenant than to read one of its terms. */
function termsAskedBy({ checks }: Control): Asked {
  const read = checks.flatMap(({ holds }) => [...holds.matchAll(/\btenant\b(?:\.(\w+))?/g)].map(([, name]) => name));
  return read.includes(undefined) ? TERMS : TERMS.filter((name) => read.includes(name));
}

/** The names that an expression may use, with the values that hold. A term that is not asked for is not there. */
function contextOf(
  control: Control,
  asked: Asked,
  terms: TenantTerms,
  set: Readonly<Record<string, ParameterValue>> | undefined,
): CheckContext {
  const tenant = Object.fromEntries(asked.flatMap((name) => (name in terms ? [[name, terms[name]]] : [])));
  return { ...control.defaults, ...set, tenant, value: undefined };
}

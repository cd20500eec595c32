import { type Fact, factKey } from '../observe/fact.ts';
import type { ParameterValue } from '../resources/cel.ts';
import type { Control } from '../resources/control.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import type { Framework } from '../resources/profile.ts';
import { assess, type Assessed, type Status, statusBy } from './assess.ts';
import type { TenantLaw } from './breach/duties.ts';
import { FactBook } from './fact-book.ts';
import { Judging } from './judging.ts';
import { type Requirement, RequirementPool } from './requirement.ts';
import { CODES, type Enrolled, newRoll, type Roll } from './roll.ts';
import type { Turn } from './turn.ts';

/** A tenant as this stage sees it: under which frameworks it lives, and which numbers its contract tightens. */
export interface Obliged extends Enrolled {
  /** Names of frameworks; one that is not known is told by `unknownFrameworks`. */
  readonly frameworks: readonly string[];
}

/** A documented deviation, as far as it bears on results. */
export interface Deviation {
  readonly name: string;
  readonly control: string;
  /** All when empty. */
  readonly tenants: readonly string[];
  readonly owner: string;
  readonly reason: string;
  readonly compensatingControl: string;
  readonly expiresAt: number;
}

export interface Declared {
  readonly tenants: readonly Obliged[];
  readonly frameworks: readonly Framework[];
  readonly deviations: readonly Deviation[];
}

export interface Counts {
  readonly satisfied: number;
  readonly notSatisfied: number;
  readonly unknown: number;
  /** Of the last two: how many addressable controls a documented alternative stands in for. */
  readonly addressed: number;
}

/** How one control stands for one tenant. */
export interface Result extends Assessed {
  readonly control: Control;
  readonly framework: string;
  /** The parameters that hold for this tenant. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** Since when the result is what it is. */
  readonly since: number;
  /** The deviation that stands, when the result is not satisfied. Only for an addressable control it is the alternative. */
  readonly deviation: Deviation | null;
}

/** How one fact stands by one control, for one tenant. */
export interface Judgement {
  readonly tenant: string;
  readonly framework: string;
  readonly control: Control;
  readonly status: Status;
  /** It is not satisfied, and somebody answers for the documented alternative that the law allows here. */
  readonly addressed: boolean;
}

/** Where a tenant stands: in which row of each roll, in the order in which it names its frameworks. */
interface Standing {
  readonly obliged: Obliged;
  readonly places: readonly Place[];
}

interface Place {
  readonly roll: Roll;
  readonly row: number;
}

/**
 * The compliance of every tenant under each of its frameworks, kept in step: a fact that changes touches the controls that
 * ask for it, for the tenants that it bears on, and nothing else; one that bears on everybody is judged once for all tenants
 * of whom a control asks the same. Pure but for its memory: time comes in with each call,
 * and the same calls give the same results.
 */
export class Posture {
  readonly #book = new FactBook();
  #standings = new Map<string, Standing>();
  /** By name of the framework. */
  #rolls = new Map<string, Roll>();
  #requirements = new RequirementPool(this.#book, 0);
  #deviations: readonly Deviation[] = [];
  #matches = new Map<string, number>();

  /**
   * Takes what people declared in the place of what they declared before, and judges all of it anew. Facts stay. `at` is
   * now. To be called when it changed; the results of a control that is as before keep their `since`.
   */
  declare({ tenants, frameworks, deviations }: Declared, at: number): readonly Turn[] {
    this.#deviations = deviations;
    this.#requirements = new RequirementPool(this.#book, at);
    this.#rolls = new Map(
      frameworks.map((framework) => {
        const { name } = framework;
        const enrolled = tenants.filter((each) => each.frameworks.includes(name));
        return [name, newRoll(framework, enrolled, this.#requirements, this.#rolls.get(name))];
      }),
    );
    this.#standings = new Map(tenants.map((each) => [each.terms.name, this.#standingOf(each)]));
    const judging = new Judging(this.#book, at);
    for (const { places } of this.#standings.values()) {
      for (const { roll, row } of places) for (const column of roll.columns) judging.judge(column, row);
    }
    return this.#matched(judging.turns);
  }

  /** Takes what was measured. Returns the results that it turned. */
  take(facts: readonly Fact[], at: number): readonly Turn[] {
    const touched: Fact[] = [];
    for (const fact of facts) {
      const before = this.#book.put(fact);
      if (before === fact) continue;
      if (before && !isSameScope(before, fact)) touched.push(before);
      touched.push(fact);
    }
    return this.#judgeTouched(touched, at);
  }

  /**
   * Takes the whole report of a collector: what it said before and does not say any more is forgotten, because the subject
   * is gone. A collector that failed reports nothing and is not to call this: what it said goes stale by itself.
   */
  report(collector: string, facts: readonly Fact[], at: number): readonly Turn[] {
    const kept = new Set(facts.map(factKey));
    const gone = this.#book.by(collector).filter((fact) => !kept.has(factKey(fact)));
    for (const fact of gone) this.#book.remove(factKey(fact));
    return [...this.#judgeTouched(gone, at), ...this.take(facts, at)];
  }

  /** Notes why facts of these kinds are missing; it is told wherever none is there. */
  blind(names: readonly FactName[], reason: string): void {
    this.#book.blind(names, reason);
  }

  /** Judges again what has gone stale by now. To be called at a rhythm below the shortest freshness. */
  settle(at: number): readonly Turn[] {
    return this.#judgeTouched([], at);
  }

  /** Names of the tenants, in the order in which they were declared. */
  tenants(): readonly string[] {
    return [...this.#standings.keys()];
  }

  frameworksOf(tenant: string): readonly string[] {
    return this.#standings.get(tenant)?.places.map(({ roll }) => roll.framework.name) ?? [];
  }

  /** What each tenant owes whom after a loss follows from this. */
  laws(): readonly TenantLaw[] {
    return this.tenants().flatMap((tenant) => this.lawOf(tenant) ?? []);
  }

  /** The same of one tenant; undefined when nobody declared it. */
  lawOf(tenant: string): TenantLaw | undefined {
    const standing = this.#standings.get(tenant);
    if (!standing) return undefined;
    const { obliged, places } = standing;
    return { tenant, frameworks: places.map(({ roll }) => roll.framework), contract: obliged.contract };
  }

  /** Frameworks that a tenant names and that nobody declared: nothing is known of them, and the gate denies. */
  unknownFrameworks(tenant: string): readonly string[] {
    const named = this.#standings.get(tenant)?.obliged.frameworks ?? [];
    return named.filter((each) => !this.#rolls.has(each));
  }

  /** Undefined when the tenant does not live under the framework. */
  counts(tenant: string, framework: string, at: number): Counts | undefined {
    const place = this.#placeOf(tenant, framework);
    if (!place) return undefined;
    const counts = [0, 0, 0];
    let addressed = 0;
    for (const { control, status } of place.roll.columns) {
      const code = status[place.row] ?? CODES.unknown;
      counts[code] = (counts[code] ?? 0) + 1;
      if (code !== CODES.satisfied && control.level === 'addressable' && this.#deviationOf(control.id, tenant, at)) {
        addressed += 1;
      }
    }
    const [satisfied = 0, notSatisfied = 0, unknown = 0] = counts;
    return { satisfied, notSatisfied, unknown, addressed };
  }

  /** Every result of a tenant under a framework, explained; in the order of the profile. */
  results(tenant: string, framework: string, at: number): readonly Result[] {
    const place = this.#placeOf(tenant, framework);
    return place?.roll.columns.map((_, index) => this.#explain(tenant, place, index, at)) ?? [];
  }

  /** One control for one tenant, explained. Undefined when none of its frameworks has it. */
  result(tenant: string, control: string, at: number): Result | undefined {
    for (const place of this.#standings.get(tenant)?.places ?? []) {
      const index = place.roll.columns.findIndex((column) => column.control.id === control);
      if (index >= 0) return this.#explain(tenant, place, index, at);
    }
    return undefined;
  }

  /**
   * How often each deviation stood in for a result that turned bad, since this was asked last. One that stood in for what was
   * bad at the first look is named with 0: nothing turned.
   */
  takeMatches(): ReadonlyMap<string, number> {
    const taken = this.#matches;
    this.#matches = new Map();
    return taken;
  }

  /** For how many results that are not satisfied a deviation stands at this moment. */
  standsFor(deviation: string, at: number): number {
    const id = this.#deviations.find(({ name }) => name === deviation)?.control;
    let count = 0;
    for (const { columns } of this.#rolls.values()) {
      const column = columns.find(({ control }) => control.id === id);
      for (const [row, tenant] of column?.tenants.entries() ?? []) {
        if (column?.status[row] === CODES.satisfied) continue;
        if (this.#deviationOf(id ?? '', tenant, at)?.name === deviation) count += 1;
      }
    }
    return count;
  }

  /** What is known of a fact, whoever it bears on. */
  fact(key: string): Fact | undefined {
    return this.#book.get(key);
  }

  /** Judges one fact alone by every control that asks for it, for every tenant that it bears on. Changes nothing. */
  *judgementsOf(fact: Fact, at: number): Generator<Judgement> {
    const judged = new Map<Requirement, Status>();
    for (const tenant of fact.tenants === 'all' ? this.#standings.keys() : fact.tenants) {
      for (const { roll, row } of this.#standings.get(tenant)?.places ?? []) {
        for (const { framework, control, requirements } of roll.asking.get(fact.name) ?? []) {
          const requirement = requirements[row]!;
          const status = judged.get(requirement) ?? statusBy(control, fact, requirement.context, at);
          judged.set(requirement, status);
          const mayDeviate = status === 'not-satisfied' && control.level === 'addressable';
          const addressed = mayDeviate && this.#deviationOf(control.id, tenant, at) !== undefined;
          yield { tenant, framework, control, status, addressed };
        }
      }
    }
  }

  /** Digests of the transcripts that facts rest on now. */
  evidence(): ReadonlySet<string> {
    return this.#book.evidence();
  }

  #standingOf(obliged: Obliged): Standing {
    const places = obliged.frameworks.flatMap((name): Place[] => {
      const roll = this.#rolls.get(name);
      const row = roll?.rows.get(obliged.terms.name);
      return roll === undefined || row === undefined ? [] : [{ roll, row }];
    });
    return { obliged, places };
  }

  /** Judges what these facts bear on, and what has gone stale by now: the results are those of all facts at this moment. */
  #judgeTouched(facts: readonly Fact[], at: number): readonly Turn[] {
    const judging = new Judging(this.#book, at);
    const scopes = scopesOf([...this.#book.takeStale(at), ...facts]);
    const news = new Set<Requirement>();
    for (const [name, { isShared }] of scopes) {
      const asking = isShared ? this.#requirements.asking(name) : [];
      for (const requirement of asking) if (requirement.lookAgain(this.#book, at)) news.add(requirement);
    }
    for (const [name, { tenants }] of scopes) {
      for (const tenant of tenants) {
        for (const { roll, row } of this.#standings.get(tenant)?.places ?? []) {
          for (const column of roll.asking.get(name) ?? []) judging.judge(column, row);
        }
      }
    }
    if (news.size > 0) this.#spread(news, judging);
    return this.#matched(judging.turns);
  }

  /** What is news to everybody of whom these requirements are asked. */
  #spread(news: ReadonlySet<Requirement>, judging: Judging): void {
    const controls = new Set([...news].map(({ control }) => control));
    for (const { columns } of this.#rolls.values()) {
      for (const column of columns) {
        if (!controls.has(column.control)) continue;
        const { requirements } = column;
        for (let row = 0; row < requirements.length; row += 1)
          if (news.has(requirements[row]!)) judging.conclude(column, row);
      }
    }
  }

  /** Counts where a deviation stood in. */
  #matched(turns: readonly Turn[]): readonly Turn[] {
    for (const { tenant, control, from, to, at } of this.#deviations.length === 0 ? [] : turns) {
      const deviation = to === 'satisfied' ? undefined : this.#deviationOf(control, tenant, at);
      if (!deviation) continue;
      this.#matches.set(deviation.name, (this.#matches.get(deviation.name) ?? 0) + (from === null ? 0 : 1));
    }
    return turns;
  }

  #explain(tenant: string, { roll, row }: Place, index: number, at: number): Result {
    const { framework, control, requirements, since } = roll.columns[index]!;
    const { context } = requirements[row]!;
    const assessed = assess(control, context, tenant, this.#book, at);
    const names = Object.keys(control.parameters);
    const parameters = Object.fromEntries(names.map((name) => [name, context[name] as ParameterValue]));
    const deviation = assessed.status === 'satisfied' ? null : (this.#deviationOf(control.id, tenant, at) ?? null);
    return { ...assessed, control, framework, parameters, since: since[row] ?? at, deviation };
  }

  #placeOf(tenant: string, framework: string): Place | undefined {
    return this.#standings.get(tenant)?.places.find(({ roll }) => roll.framework.name === framework);
  }

  #deviationOf(control: string, tenant: string, at: number): Deviation | undefined {
    return this.#deviations.find(
      (each) =>
        each.control === control && at < each.expiresAt && (each.tenants.length === 0 || each.tenants.includes(tenant)),
    );
  }
}

/** On whom the facts of each kind bear, together. */
function scopesOf(facts: readonly Fact[]) {
  const scopes = new Map<FactName, { readonly tenants: Set<string>; isShared: boolean }>();
  for (const { name, tenants } of facts) {
    const scope = scopes.get(name) ?? { tenants: new Set(), isShared: false };
    scopes.set(name, scope);
    if (tenants === 'all') scope.isShared = true;
    else for (const tenant of tenants) scope.tenants.add(tenant);
  }
  return scopes;
}

function isSameScope(a: Fact, b: Fact): boolean {
  if (a.tenants === 'all' || b.tenants === 'all') return a.tenants === b.tenants;
  return a.tenants.length === b.tenants.length && a.tenants.every((each) => b.tenants.includes(each));
}

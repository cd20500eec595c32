import { type Fact, factKey } from '../observe/fact.ts';
import type { ParameterValue } from '../resources/cel.ts';
import type { Control } from '../resources/control.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import type { Framework } from '../resources/profile.ts';
import {
  assess,
  type Assessed,
  type CheckContext,
  contextOf,
  type Status,
  statusOf,
  statusOfFact,
  type TenantTerms,
} from './assess.ts';
import type { TenantLaw } from './breach/duties.ts';
import { FactBook } from './fact-book.ts';
import { type ViolationMeasured, ViolationSpans } from './violation-spans.ts';

/** A tenant as this stage sees it: under which frameworks it lives, and which numbers its contract tightens. */
export interface Obliged {
  readonly terms: TenantTerms;
  /** Names of frameworks; one that is not known is told by `unknownFrameworks`. */
  readonly frameworks: readonly string[];
  /** By id of the control: the parameters that its contract sets. */
  readonly contract: Readonly<Record<string, Readonly<Record<string, ParameterValue>>>>;
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

/** A result that is another one than before. */
export interface Turn {
  readonly tenant: string;
  readonly framework: string;
  readonly control: string;
  readonly from: Status | null;
  readonly to: Status;
  readonly at: number;
  /** Where it begins or ends a violation: by which measurements. */
  readonly measured?: ViolationMeasured;
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

const STATUSES: readonly Status[] = ['satisfied', 'not-satisfied', 'unknown'];
const CODES: Readonly<Record<Status, number>> = { satisfied: 0, 'not-satisfied': 1, unknown: 2 };

/** The results of one tenant under one framework; `status` and `since` run beside the controls. */
interface Ranks {
  readonly framework: Framework;
  readonly contexts: readonly CheckContext[];
  readonly status: Uint8Array;
  readonly since: Float64Array;
}

interface Standing {
  readonly obliged: Obliged;
  readonly ranks: readonly Ranks[];
}

/**
 * The compliance of every tenant under each of its frameworks, kept in step: a fact that changes touches the controls that
 * ask for it, for the tenants that it bears on, and nothing else. Pure but for its memory: time comes in with each call,
 * and the same calls give the same results.
 */
export class Posture {
  readonly #book = new FactBook();
  readonly #violations = new ViolationSpans();
  #standings = new Map<string, Standing>();
  #frameworks = new Map<string, Framework>();
  #deviations: readonly Deviation[] = [];
  /** By framework: which controls ask for a fact. */
  readonly #askers = new Map<Framework, ReadonlyMap<FactName, readonly number[]>>();
  #matches = new Map<string, number>();

  /**
   * Takes what people declared in the place of what they declared before, and judges all of it anew. Facts stay. `at` is
   * now. To be called when it changed; the results of a control that is as before keep their `since`.
   */
  declare(declared: Declared, at: number): readonly Turn[] {
    const before = this.#standings;
    this.#deviations = declared.deviations;
    this.#frameworks = new Map(declared.frameworks.map((each) => [each.name, each]));
    this.#askers.clear();
    for (const framework of declared.frameworks) this.#askers.set(framework, askersOf(framework));
    this.#standings = new Map(declared.tenants.map((each) => [each.terms.name, this.#standingOf(each)]));
    const turns: Turn[] = [];
    for (const [name, standing] of this.#standings) {
      for (const ranks of standing.ranks) {
        inherit(ranks, before.get(name));
        for (const index of ranks.framework.controls.keys()) this.#judge(name, ranks, index, at, turns);
      }
    }
    return turns;
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
    return this.#judgeTouched(this.#book.takeStale(at), at);
  }

  /** Names of the tenants, in the order in which they were declared. */
  tenants(): readonly string[] {
    return [...this.#standings.keys()];
  }

  frameworksOf(tenant: string): readonly string[] {
    return this.#standings.get(tenant)?.ranks.map(({ framework }) => framework.name) ?? [];
  }

  /** What each tenant owes whom after a loss follows from this. */
  laws(): readonly TenantLaw[] {
    return this.tenants().flatMap((tenant) => this.lawOf(tenant) ?? []);
  }

  /** The same of one tenant; undefined when nobody declared it. */
  lawOf(tenant: string): TenantLaw | undefined {
    const standing = this.#standings.get(tenant);
    if (!standing) return undefined;
    const { obliged, ranks } = standing;
    return { tenant, frameworks: ranks.map(({ framework }) => framework), contract: obliged.contract };
  }

  /** Frameworks that a tenant names and that nobody declared: nothing is known of them, and the gate denies. */
  unknownFrameworks(tenant: string): readonly string[] {
    const named = this.#standings.get(tenant)?.obliged.frameworks ?? [];
    return named.filter((each) => !this.#frameworks.has(each));
  }

  /** Undefined when the tenant does not live under the framework. */
  counts(tenant: string, framework: string, at: number): Counts | undefined {
    const ranks = this.#ranksOf(tenant, framework);
    if (!ranks) return undefined;
    const counts = [0, 0, 0];
    let addressed = 0;
    for (const [index, control] of ranks.framework.controls.entries()) {
      const code = ranks.status[index] ?? CODES.unknown;
      counts[code] = (counts[code] ?? 0) + 1;
      if (code !== CODES.satisfied && control.level === 'addressable' && this.#deviationOf(control, tenant, at)) {
        addressed += 1;
      }
    }
    const [satisfied = 0, notSatisfied = 0, unknown = 0] = counts;
    return { satisfied, notSatisfied, unknown, addressed };
  }

  /** Every result of a tenant under a framework, explained; in the order of the profile. */
  results(tenant: string, framework: string, at: number): readonly Result[] {
    const ranks = this.#ranksOf(tenant, framework);
    return ranks?.framework.controls.map((_, index) => this.#explain(tenant, ranks, index, at)) ?? [];
  }

  /** One control for one tenant, explained. Undefined when none of its frameworks has it. */
  result(tenant: string, control: string, at: number): Result | undefined {
    for (const ranks of this.#standings.get(tenant)?.ranks ?? []) {
      const index = ranks.framework.controls.findIndex(({ id }) => id === control);
      if (index >= 0) return this.#explain(tenant, ranks, index, at);
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
    const control = this.#deviations.find(({ name }) => name === deviation)?.control;
    let count = 0;
    for (const [tenant, { ranks }] of this.#standings) {
      for (const { framework, status } of ranks) {
        const index = framework.controls.findIndex(({ id }) => id === control);
        const found = framework.controls[index];
        if (!found || status[index] === CODES.satisfied) continue;
        if (this.#deviationOf(found, tenant, at)?.name === deviation) count += 1;
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
    for (const tenant of fact.tenants === 'all' ? this.#standings.keys() : fact.tenants) {
      for (const { framework, contexts } of this.#standings.get(tenant)?.ranks ?? []) {
        for (const index of this.#askers.get(framework)?.get(fact.name) ?? []) {
          const [control, context] = [framework.controls[index], contexts[index]];
          if (!control || !context) continue;
          const all = control.checks.filter((check) => check.fact === fact.name);
          const each = all.map((check) => statusOfFact(check, fact, context, at));
          const status =
            each.find((one) => one === 'not-satisfied') ?? each.find((one) => one === 'unknown') ?? 'satisfied';
          const mayDeviate = status === 'not-satisfied' && control.level === 'addressable';
          const addressed = mayDeviate && this.#deviationOf(control, tenant, at) !== undefined;
          yield { tenant, framework: framework.name, control, status, addressed };
        }
      }
    }
  }

  /** Digests of the transcripts that facts rest on now. */
  evidence(): ReadonlySet<string> {
    return this.#book.evidence();
  }

  #standingOf(obliged: Obliged): Standing {
    const ranks = obliged.frameworks.flatMap((name): Ranks[] => {
      const framework = this.#frameworks.get(name);
      if (!framework) return [];
      const contexts = framework.controls.map((control) =>
        contextOf(obliged.terms, { ...control.defaults, ...obliged.contract[control.id] }),
      );
      const { length } = framework.controls;
      return [{ framework, contexts, status: new Uint8Array(length).fill(255), since: new Float64Array(length) }];
    });
    return { obliged, ranks };
  }

  #judgeTouched(facts: readonly Fact[], at: number): readonly Turn[] {
    const turns: Turn[] = [];
    for (const { name, tenants } of facts) {
      for (const tenant of tenants === 'all' ? this.#standings.keys() : tenants) {
        for (const ranks of this.#standings.get(tenant)?.ranks ?? []) {
          const askers = this.#askers.get(ranks.framework)?.get(name) ?? [];
          for (const index of askers) this.#judge(tenant, ranks, index, at, turns);
        }
      }
    }
    return turns;
  }

  #judge(tenant: string, ranks: Ranks, index: number, at: number, turns: Turn[]): void {
    const control = ranks.framework.controls[index];
    const context = ranks.contexts[index];
    if (!control || !context) return;
    const to = statusOf(control, context, tenant, this.#book, at);
    const code = ranks.status[index];
    if (to === 'not-satisfied')
      this.#violations.note({ tenant, framework: ranks.framework.name }, control, context, this.#book, at);
    if (code === CODES[to]) return;
    ranks.status[index] = CODES[to];
    ranks.since[index] = at;
    const from = STATUSES[code ?? 255] ?? null;
    const turn = { tenant, framework: ranks.framework.name, control: control.id, from, to, at };
    const measured = this.#violations.turn(turn, control, context, this.#book);
    turns.push(measured ? { ...turn, measured } : turn);
    if (to === 'satisfied') return;
    const deviation = this.#deviationOf(control, tenant, at);
    if (deviation)
      this.#matches.set(deviation.name, (this.#matches.get(deviation.name) ?? 0) + (from === null ? 0 : 1));
  }

  #explain(tenant: string, ranks: Ranks, index: number, at: number): Result {
    const control = ranks.framework.controls[index];
    const context = ranks.contexts[index];
    if (!control || !context) throw new RangeError(`${ranks.framework.name} has no control ${index}`);
    const assessed = assess(control, context, tenant, this.#book, at);
    const names = Object.keys(control.parameters);
    const parameters = Object.fromEntries(names.map((name) => [name, context[name] as ParameterValue]));
    const deviation = assessed.status === 'satisfied' ? null : (this.#deviationOf(control, tenant, at) ?? null);
    const since = ranks.since[index] ?? at;
    return { ...assessed, control, framework: ranks.framework.name, parameters, since, deviation };
  }

  #ranksOf(tenant: string, framework: string): Ranks | undefined {
    return this.#standings.get(tenant)?.ranks.find((each) => each.framework.name === framework);
  }

  #deviationOf({ id }: Control, tenant: string, at: number): Deviation | undefined {
    return this.#deviations.find(
      (each) =>
        each.control === id && at < each.expiresAt && (each.tenants.length === 0 || each.tenants.includes(tenant)),
    );
  }
}

function askersOf({ controls }: Framework): ReadonlyMap<FactName, readonly number[]> {
  const askers = new Map<FactName, number[]>();
  for (const [index, { checks }] of controls.entries()) {
    for (const fact of new Set(checks.map((check) => check.fact))) {
      askers.set(fact, [...(askers.get(fact) ?? []), index]);
    }
  }
  return askers;
}

/** What did not change keeps its result and the time since which it has it. */
function inherit(ranks: Ranks, before: Standing | undefined): void {
  const old = before?.ranks.find(({ framework }) => framework.name === ranks.framework.name);
  if (!old) return;
  const places = new Map(old.framework.controls.map(({ id }, index) => [id, index]));
  for (const [index, { id }] of ranks.framework.controls.entries()) {
    const place = places.get(id);
    if (place === undefined) continue;
    ranks.status[index] = old.status[place] ?? 255;
    ranks.since[index] = old.since[place] ?? 0;
  }
}

function isSameScope(a: Fact, b: Fact): boolean {
  if (a.tenants === 'all' || b.tenants === 'all') return a.tenants === b.tenants;
  return a.tenants.length === b.tenants.length && a.tenants.every((each) => b.tenants.includes(each));
}

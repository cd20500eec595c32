import { type Fact, factKey } from '../observe/fact.ts';
import { FACT_KINDS, type FactName } from '../resources/fact-kinds.ts';
import { FACT_NEEDS } from '../resources/fact-needs.ts';
import { DeadlineQueue } from './deadline-queue.ts';

const NONE: readonly Fact[] = [];

/** What is known of one tenant, and what is known of everybody, by the name of the fact. */
type Shelf = Map<FactName, readonly Fact[]>;

/** Until when a fact counts, in ms since 1970. What was never measured never counted. */
export function staleAt({ name, measuredAt }: Pick<Fact, 'name' | 'measuredAt'>): number {
  return measuredAt + FACT_KINDS[name].freshMs;
}

/**
 * The newest fact of each name and subject, found by the tenant that it bears on. Holds no clock: whoever asks says what
 * time it is. What is too old stays here and counts as unknown.
 */
export class FactBook {
  readonly #byKey = new Map<string, Fact>();
  readonly #shared: Shelf = new Map();
  readonly #byTenant = new Map<string, Shelf>();
  /** Each fact as it was measured the time before, with a value. */
  readonly #earlier = new Map<string, Fact>();
  readonly #blind = new Map<FactName, string>();
  readonly #deadlines = new DeadlineQueue();
  /** Keys that stand in the queue: each once. */
  readonly #queued = new Set<string>();

  /** Takes a fact in the place of an earlier one of its key. Returns the one that it replaced; an older one changes nothing. */
  put(fact: Fact): Fact | undefined {
    const key = factKey(fact);
    const before = this.#byKey.get(key);
    if (before && before.measuredAt > fact.measuredAt) return fact;
    if (before) this.#unshelve(before);
    if (before?.measured.kind === 'value') this.#earlier.set(key, before);
    this.#byKey.set(key, fact);
    this.#blind.delete(fact.name);
    for (const shelf of this.#shelvesOf(fact)) shelf.set(fact.name, [...(shelf.get(fact.name) ?? NONE), fact]);
    if (!this.#queued.has(key)) {
      this.#queued.add(key);
      this.#deadlines.add(staleAt(fact), key);
    }
    return before;
  }

  /** Forgets a subject that is gone. Returns what was known of it. */
  remove(key: string): Fact | undefined {
    const fact = this.#byKey.get(key);
    if (!fact) return undefined;
    this.#byKey.delete(key);
    this.#earlier.delete(key);
    this.#unshelve(fact);
    return fact;
  }

  /** What bears on the tenant alone or with some others, fresh or not. */
  own(name: FactName, tenant: string): readonly Fact[] {
    return this.#byTenant.get(tenant)?.get(name) ?? NONE;
  }

  /** What bears on everybody, fresh or not. */
  shared(name: FactName): readonly Fact[] {
    return this.#shared.get(name) ?? NONE;
  }

  /** Notes why facts of these kinds are missing, until one of them is there. */
  blind(names: readonly FactName[], reason: string): void {
    for (const name of names) this.#blind.set(name, reason);
  }

  whyMissing(name: FactName): string {
    return this.#blind.get(name) ?? FACT_NEEDS[name] ?? 'no collector has measured it';
  }

  get(key: string): Fact | undefined {
    return this.#byKey.get(key);
  }

  /** Digests of the transcripts that what is known rests on. */
  evidence(): ReadonlySet<string> {
    return new Set([...this.#byKey.values()].flatMap(({ evidence }) => evidence ?? []));
  }

  /** A fact as it was measured, with a value, before it was measured last. */
  earlier(key: string): Fact | undefined {
    return this.#earlier.get(key);
  }

  /** Facts that a collector said last. */
  by(collector: string): readonly Fact[] {
    return [...this.#byKey.values()].filter((fact) => fact.collector === collector);
  }

  /** Facts that went stale since this was asked last. */
  takeStale(now: number): readonly Fact[] {
    const stale: Fact[] = [];
    for (let key = this.#deadlines.take(now); key !== undefined; key = this.#deadlines.take(now)) {
      this.#queued.delete(key);
      const fact = this.#byKey.get(key);
      if (!fact) continue;
      if (staleAt(fact) <= now) {
        stale.push(fact);
        continue;
      }
      this.#queued.add(key);
      this.#deadlines.add(staleAt(fact), key);
    }
    return stale;
  }

  #shelvesOf({ tenants }: Fact): readonly Shelf[] {
    if (tenants === 'all') return [this.#shared];
    return tenants.map((tenant) => {
      const shelf = this.#byTenant.get(tenant) ?? new Map<FactName, readonly Fact[]>();
      this.#byTenant.set(tenant, shelf);
      return shelf;
    });
  }

  #unshelve(fact: Fact): void {
    for (const shelf of this.#shelvesOf(fact)) {
      const rest = (shelf.get(fact.name) ?? NONE).filter((each) => each !== fact);
      if (rest.length > 0) shelf.set(fact.name, rest);
      else shelf.delete(fact.name);
    }
  }
}

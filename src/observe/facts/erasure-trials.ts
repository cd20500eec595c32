import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { LogReader } from '../log-reader.ts';
import { CANARY_OWNER, CanaryCalls } from './canary-calls.ts';
import { sampleColumns } from './column-samples.ts';
import { type PersonInstance, personTrials } from './person-trials.ts';
import { counted, unknown, Unmeasured } from './place-collector.ts';
import { inSession, type PostgresPlace } from './postgres-place.ts';

/** An instance of a workload that says how a person is erased, and the stores of that workload in its region. */
export interface ErasureInstance extends PersonInstance {
  readonly stores: readonly PostgresPlace[];
}

export interface ErasureTrialsOptions {
  readonly instances: () => readonly ErasureInstance[];
  /** Folder of the logs of this machine. */
  readonly logs: string;
  readonly clock: Clock;
  readonly random: Random;
}

const TRIAL_MS = 60_000;
/** What is erased in the background has this long. */
const ERASED_WITHIN_MS = 10_000;
const AGAIN_MS = 2_000;
const PERSON = 'kintsugi-canary-erased';
/** Of earlier rounds: what is found of them was not erased either. */
const REMEMBERED_MAX = 20;

/**
 * A canary person of a canary tenant is stored by the declared call, erased by the declared call, and looked for: in the answers of every
 * instance, in every column of the stores, and in the logs of this machine. Proven is that of what can be read there; not
 * of values that are encrypted, of copies and backups, of other calls, and of pages that PostgreSQL has not vacuumed.
 */
export function erasureTrials({ instances, logs, clock, random }: ErasureTrialsOptions): Collector {
  const reader = new LogReader(logs);
  const persons: string[] = [];
  const inLogs = async (signal: AbortSignal) => {
    const found = await reader.read((text) => (persons.some((each) => text.includes(each)) ? [PERSON] : []), signal);
    return found.map(({ place }) => `log ${place}`);
  };
  return personTrials({
    name: 'erasure-trials',
    fact: 'erasure.canary.hits',
    what: 'erasure',
    instances,
    trialMs: TRIAL_MS,
    clock,
    run: (here, signal) => {
      const person = `${PERSON}-${random.token(24)}`;
      persons.splice(0, Math.max(0, persons.length + 1 - REMEMBERED_MAX));
      persons.push(person);
      return new Trial(here, person, clock, random, signal).run(inLogs);
    },
    isFault: (value) => Number(value) > 0,
  });
}

/** One person at the instances of one workload in one region. */
class Trial {
  readonly #instances: readonly ErasureInstance[];
  readonly #person: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #calls: readonly CanaryCalls[];

  constructor(
    instances: readonly ErasureInstance[],
    person: string,
    clock: Clock,
    random: Random,
    signal: AbortSignal,
  ) {
    this.#instances = instances;
    this.#person = person;
    this.#clock = clock;
    this.#signal = signal;
    this.#calls = instances.map((each) => new CanaryCalls(each, { id: PERSON, marker: person }, random, signal));
  }

  async run(inLogs: (signal: AbortSignal) => Promise<readonly string[]>): Promise<Measured> {
    const [writer] = this.#calls;
    if (!writer) throw new Unmeasured('no instance serves');
    let kept: readonly string[];
    try {
      await writer.write();
      // Read at every instance first: that is what caches would keep.
      if ((await this.#inAnswers()).length === 0) throw new Unmeasured('not even its owner found the canary');
      kept = await this.#inStores();
    } finally {
      await writer.remove();
    }
    const endMs = this.#clock.monotonicMs() + ERASED_WITHIN_MS;
    for (;;) {
      const found = [...(await this.#inAnswers()), ...(await this.#inStores()), ...(await inLogs(this.#signal))];
      if (found.length > 0 && this.#clock.monotonicMs() < endMs) {
        await this.#clock.sleep(AGAIN_MS, this.#signal);
        continue;
      }
      if (found.length === 0 && kept.length === 0 && this.#instances.some(({ stores }) => stores.length > 0))
        return unknown('it was in no column of the stores before, so nothing can be told of them');
      return counted(found);
    }
  }

  /** Instances and paths that show it to its owner. */
  async #inAnswers(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [index, calls] of this.#calls.entries()) {
      for (const path of calls.recipe.read) {
        const { text } = await calls.read(CANARY_OWNER, path);
        if (text.includes(this.#person)) found.push(`${path} of ${this.#instances[index]?.id}`);
      }
    }
    return found;
  }

  async #inStores(): Promise<readonly string[]> {
    const stores = new Map(
      this.#instances.flatMap(({ stores }) => stores.map((each) => [each.subject, each] as const)),
    );
    const found: string[] = [];
    for (const store of stores.values()) {
      await inSession(store, store.admin, this.#signal, async (client) => {
        for await (const { table, column, texts } of sampleColumns(client, store.schema)) {
          if (texts.some((text) => text.includes(this.#person))) found.push(`${table}.${column} of ${store.subject}`);
        }
      });
    }
    return found;
  }
}

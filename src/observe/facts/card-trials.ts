import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { CANARY_ID, CANARY_OWNER, CanaryCalls, type TrialInstance } from './canary-calls.ts';
import { sampleColumns } from './column-samples.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';
import { inSession, type PostgresPlace } from './postgres-place.ts';

/** An instance that takes cards, and the stores in which its workload keeps them. */
export interface CardInstance extends TrialInstance {
  readonly tenants: readonly string[];
  readonly stores: readonly PostgresPlace[];
}

export interface CardTrialsOptions {
  readonly instances: () => readonly CardInstance[];
  readonly clock: Clock;
  readonly random: Random;
}

const NAME = 'card-trials';
const INSTANCE_MS = 30_000;
/** By which anybody can try all numbers of an issuer: none of them has a key. */
const HASHES = ['md5', 'sha1', 'sha256', 'sha512'] as const;

/** What came of one instance. */
interface Trial {
  readonly instance: CardInstance;
  readonly shown: Measured;
  readonly keyed: ReadonlyMap<string, Measured>;
}

/**
 * A canary tenant stores a card with a number that is nobody's, by the declared call: answers that show all of it are counted,
 * and the stores of the workload are searched for its hashes without a key. It is taken away again at the end. Proven is that
 * of the declared paths, for one number; a hash with a salt that is the same for all is not known from one with a key.
 */
export function cardTrials({ instances, clock, random }: CardTrialsOptions): Collector {
  return {
    name: NAME,
    facts: ['card.display.unmasked', 'card.hash.keyed'],
    everyMs: 1_800_000,
    timeoutMs: 240_000,
    async collect(signal, keep = () => null) {
      const trials: Trial[] = [];
      for (const instance of instances()) {
        signal.throwIfAborted();
        trials.push(await tried(instance, random, clock.deadline(INSTANCE_MS, signal)));
      }
      const measuredAt = clock.now();
      const fact = (name: Fact['name'], subject: string, tenants: readonly string[], measured: Measured): Fact => {
        const evidence = keep({ collector: NAME, subject, readings: { [name]: measured }, transcript: null });
        return { name, subject, tenants, measured, measuredAt, collector: NAME, evidence };
      };
      const tenants = new Set(trials.flatMap(({ instance }) => instance.tenants));
      const shown = [...tenants].map((tenant) => {
        const own = trials.filter(({ instance }) => instance.tenants.includes(tenant)).map((each) => each.shown);
        return fact(
          'card.display.unmasked',
          tenant,
          [tenant],
          worst(own, (a, b) => Number(a) + Number(b), 0),
        );
      });
      const stores = Map.groupBy(
        trials.flatMap(({ instance, keyed }) =>
          [...keyed].map(([subject, measured]) => ({ subject, instance, measured })),
        ),
        ({ subject }) => subject,
      );
      const keyed = [...stores].map(([subject, found]) => {
        const names = [...new Set(found.flatMap(({ instance }) => instance.tenants))];
        const all = found.map(({ measured }) => measured);
        return fact(
          'card.hash.keyed',
          subject,
          names,
          worst(all, (a, b) => a === true && b === true, true),
        );
      });
      return [...shown, ...keyed];
    },
  };
}

/** A fault that was seen counts, whatever is unknown elsewhere. */
function worst<T extends number | boolean>(
  all: readonly Measured[],
  join: (a: unknown, b: unknown) => T,
  good: T,
): Measured {
  const blind = all.find(({ kind }) => kind === 'unknown');
  const joined = all.reduce<T>((sum, each) => (each.kind === 'value' ? join(sum, each.value) : sum), good);
  return joined === good && blind ? blind : value(joined);
}

async function tried(instance: CardInstance, random: Random, signal: AbortSignal): Promise<Trial> {
  const card = cardNumber(random);
  const calls = new CanaryCalls(instance, { card }, random, signal);
  const keyed = new Map<string, Measured>();
  try {
    const shown = await stored(calls, async () => {
      for (const store of instance.stores) keyed.set(store.subject, await keyedIn(store, card, signal));
      return await shownIn(calls, card);
    });
    return { instance, shown: value(shown), keyed };
  } catch (error) {
    const blind = unknown(`${instance.id} could not be tried: ${reasonOf(error)}`);
    const untried = instance.stores.filter(({ subject }) => !keyed.has(subject));
    return {
      instance,
      shown: blind,
      keyed: new Map([...keyed, ...untried.map(({ subject }) => [subject, blind] as const)]),
    };
  }
}

/** Does something while the canary's card is there. */
async function stored<T>(calls: CanaryCalls, work: () => Promise<T>): Promise<T> {
  try {
    await calls.write();
    return await work();
  } finally {
    await calls.remove();
  }
}

/** Of the form of a card that is given out for tests; no issuer has a customer of this number. */
function cardNumber(random: Random): string {
  const body = `411111${Array.from({ length: 9 }, () => Math.floor(random.next() * 10)).join('')}`;
  const sum = [...body].toReversed().reduce((total, digit, index) => {
    const doubled = index % 2 === 0 ? Number(digit) * 2 : Number(digit);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return `${body}${(10 - (sum % 10)) % 10}`;
}

async function shownIn(calls: CanaryCalls, card: string): Promise<number> {
  let answers = 0;
  let shown = 0;
  for (const path of calls.recipe.read) {
    const { status, text } = await calls.read(CANARY_OWNER, path);
    if (status < 300) answers += 1;
    if (text.replaceAll(/(?<=\d)[ -](?=\d)/g, '').includes(card)) shown += 1;
  }
  if (answers === 0) throw new Unmeasured('no declared path answers its owner');
  return shown;
}

/** Whether the store holds the canary, and no hash of its card that anybody can make. */
async function keyedIn(store: PostgresPlace, card: string, signal: AbortSignal): Promise<Measured> {
  const hashes = HASHES.flatMap((name) => {
    const bytes = createHash(name).update(card).digest();
    return [bytes.toString('hex'), bytes.toString('base64').replaceAll('=', ''), bytes.toString('base64url')];
  });
  const isHash = (text: string) => hashes.some((hash) => text.includes(hash) || text.toLowerCase().includes(hash));
  try {
    return await inSession(store, store.admin, signal, async (client) => {
      let isThere = false;
      for await (const { texts } of sampleColumns(client, store.schema)) {
        if (texts.some(isHash)) return value(false);
        isThere ||= texts.some((text) => text.includes(CANARY_ID));
      }
      return isThere
        ? value(true)
        : unknown('the canary was not found in the store, so nothing can be told of its hash');
    });
  } catch (error) {
    return unknown(reasonOf(error));
  }
}

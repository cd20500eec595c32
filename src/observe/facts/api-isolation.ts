import { request } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';

/** How a canary tenant leaves something in an API, looks for it and takes it away. `{id}` and `{marker}` are filled in. */
export interface IsolationRecipe {
  readonly write: { readonly method: string; readonly path: string; readonly body?: unknown };
  /** Whatever could show it: itself, lists, searches. */
  readonly read: readonly string[];
  readonly remove: { readonly method: string; readonly path: string };
}

/** An instance with an API for tenants, and how its isolation is tried. */
export interface TrialInstance {
  /** `records-eu-0-abc`. */
  readonly id: string;
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly recipe: IsolationRecipe;
}

export interface ApiIsolationOptions {
  readonly instances: () => readonly TrialInstance[];
  readonly tenants: () => readonly { readonly name: string; readonly regions: readonly string[] }[];
  readonly clock: Clock;
  readonly random: Random;
}

const NAME = 'api-isolation';
const INSTANCE_MS = 8_000;
/** Always the same: what a round that was cut off left behind, the next one overwrites and removes. */
const OWNER = 'kintsugi-canary-owner';
const STRANGER = 'kintsugi-canary-stranger';
const ID = 'kintsugi-canary';
/** Of every round: what a cache kept of an earlier one leaks too. */
const MARK = 'kintsugi-marker-';
const BODY_MAX = 1024 * 1024;

/** What the trial of one instance brought. */
interface Trial {
  readonly region: string;
  readonly measured: Measured;
}

/**
 * Two canary tenants at every instance, by the header in which the gateway names a tenant: one leaves something, and neither
 * the other nor a request without tenant may find it, whether by its name or in a list. It is taken away again at the end.
 * Proven is that of the declared paths of each instance, its caches included; not of other paths, and not of the gateway.
 */
export function apiIsolation({ instances, tenants, clock, random }: ApiIsolationOptions): Collector {
  return {
    name: NAME,
    facts: ['isolation.api.foreignRows'],
    everyMs: 60_000,
    timeoutMs: 120_000,
    async collect(signal) {
      const trials: Trial[] = [];
      for (const instance of instances()) {
        signal.throwIfAborted();
        trials.push(await tried(instance, random, clock.deadline(INSTANCE_MS, signal)));
      }
      const measuredAt = clock.now();
      return tenants().map(({ name, regions }): Fact => {
        const measured = worst(trials.filter(({ region }) => regions.includes(region)));
        const about = { subject: name, tenants: [name], collector: NAME, evidence: null };
        return { name: 'isolation.api.foreignRows', ...about, measured, measuredAt };
      });
    },
  };
}

/** What leaks at one instance leaks for every tenant that it serves. */
function worst(trials: readonly Trial[]): Measured {
  if (trials.length === 0) return unknown('no instance that serves it declares how its isolation is tried');
  const leaks = trials.reduce((sum, { measured }) => sum + (measured.kind === 'value' ? Number(measured.value) : 0), 0);
  const blind = trials.find(({ measured }) => measured.kind === 'unknown');
  return leaks === 0 && blind ? blind.measured : value(leaks);
}

async function tried(instance: TrialInstance, random: Random, signal: AbortSignal): Promise<Trial> {
  const { region } = instance;
  try {
    return { region, measured: value(await leaksOf(new CanaryCalls(instance, random, signal))) };
  } catch (error) {
    return { region, measured: unknown(`${instance.id} could not be tried: ${reasonOf(error)}`) };
  }
}

async function leaksOf(calls: CanaryCalls): Promise<number> {
  const { read } = calls.recipe;
  try {
    await calls.write();
    // Read by its owner first: that is what a cache would keep.
    const own = await countOf(read, (path) => calls.finds(OWNER, path));
    if (own === 0) throw new Unmeasured('not even its owner found the canary');
    const foreign = await countOf(read, (path) => calls.finds(STRANGER, path));
    return foreign + (await countOf(read, (path) => calls.finds(undefined, path)));
  } finally {
    await calls.remove();
  }
}

async function countOf(paths: readonly string[], holds: (path: string) => Promise<boolean>): Promise<number> {
  let count = 0;
  for (const path of paths) if (await holds(path)) count += 1;
  return count;
}

/** Calls of one trial. */
class CanaryCalls {
  readonly recipe: IsolationRecipe;
  readonly #base: string;
  readonly #marker: string;
  readonly #random: Random;
  readonly #signal: AbortSignal;

  constructor({ host, port, recipe }: TrialInstance, random: Random, signal: AbortSignal) {
    this.recipe = recipe;
    this.#base = `http://${host}:${port}`;
    this.#marker = `${MARK}${random.token(24)}`;
    this.#random = random;
    this.#signal = signal;
  }

  async write(): Promise<void> {
    const { method, path, body } = this.recipe.write;
    const { status } = await this.#call(OWNER, method, path, body);
    if (status >= 300) throw new Unmeasured(`it takes no canary: ${status}`);
  }

  /** Whether an answer to this tenant holds what only a canary writes. */
  async finds(tenant: string | undefined, path: string): Promise<boolean> {
    return (await this.#call(tenant, 'GET', path)).text.includes(MARK);
  }

  /** Of both: a stranger that could write under the same name has nothing of it left either. */
  async remove(): Promise<void> {
    const { method, path } = this.recipe.remove;
    const { status } = await this.#call(OWNER, method, path);
    if (status >= 300 && status !== 404) throw new Unmeasured(`the canary could not be taken away: ${status}`);
  }

  async #call(tenant: string | undefined, method: string, path: string, body?: unknown) {
    const text = body === undefined ? null : this.#filled(JSON.stringify(body));
    const answer = await request(`${this.#base}${this.#filled(path)}`, {
      method: method as 'GET',
      headers: {
        'x-request-id': newId('req', this.#random),
        'user-agent': ID,
        ...(tenant === undefined ? {} : { 'x-kintsugi-tenant': tenant }),
        ...(text === null ? {} : { 'content-type': 'application/json' }),
      },
      body: text,
      signal: this.#signal,
      reset: true,
    });
    return { status: answer.statusCode, text: await textOf(answer.body) };
  }

  #filled(text: string): string {
    return text.replaceAll('{id}', ID).replaceAll('{marker}', this.#marker);
  }
}

/** An answer without an end is cut off. */
async function textOf(body: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (text.length > BODY_MAX) break;
  }
  return text;
}

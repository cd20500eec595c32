import { request } from 'undici';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import { boundedText } from './bounded-text.ts';
import { Unmeasured } from './place-collector.ts';

/** One call. Names in braces are filled in. */
export interface CanaryCall {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** How a canary tenant leaves something in an API, looks for it and takes it away. Names in braces are filled in. */
export interface CanaryRecipe {
  readonly write: CanaryCall;
  /** Whatever could show it: itself, lists, searches. */
  readonly read: readonly string[];
  readonly remove: CanaryCall;
}

/** An instance with an API for tenants, and how it is tried. */
export interface TrialInstance {
  /** `records-eu-0-abc`. */
  readonly id: string;
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly recipe: CanaryRecipe;
}

/** Always the same: what a round that was cut off left behind, the next one overwrites and removes. */
export const CANARY_OWNER = 'kintsugi-canary-owner';
export const CANARY_ID = 'kintsugi-canary';
const BODY_MAX = 1024 * 1024;

/** The calls of one trial at one instance, by the header in which the gateway names a tenant. */
export class CanaryCalls {
  readonly recipe: CanaryRecipe;
  readonly #base: string;
  readonly #blanks: Readonly<Record<string, string>>;
  readonly #random: Random;
  readonly #signal: AbortSignal;

  constructor(
    { host, port, recipe }: TrialInstance,
    blanks: Readonly<Record<string, string>>,
    random: Random,
    signal: AbortSignal,
  ) {
    this.recipe = recipe;
    this.#base = `http://${host}:${port}`;
    this.#blanks = { id: CANARY_ID, ...blanks };
    this.#random = random;
    this.#signal = signal;
  }

  /** Rejects with `Unmeasured` when the API does not take it. */
  async write(): Promise<void> {
    const { method, path, body } = this.recipe.write;
    const { status } = await this.#call(CANARY_OWNER, method, path, body);
    if (status >= 300) throw new Unmeasured(`it takes no canary: ${status}`);
  }

  /** What it answers to this tenant. */
  read(tenant: string | undefined, path: string): Promise<{ readonly status: number; readonly text: string }> {
    return this.#call(tenant, 'GET', path);
  }

  /** Of both: a stranger that could write under the same name has nothing of it left either. */
  async remove(): Promise<void> {
    const { method, path } = this.recipe.remove;
    const { status } = await this.#call(CANARY_OWNER, method, path);
    if (status >= 300 && status !== 404) throw new Unmeasured(`the canary could not be taken away: ${status}`);
  }

  /** What its owner asks for besides: the status of the answer. */
  async ask({ method, path, body }: CanaryCall): Promise<number> {
    return (await this.#call(CANARY_OWNER, method, path, body)).status;
  }

  async #call(tenant: string | undefined, method: string, path: string, body?: unknown) {
    const text = body === undefined ? null : this.#filled(JSON.stringify(body));
    const answer = await request(`${this.#base}${this.#filled(path)}`, {
      method: method as 'GET',
      headers: {
        'x-request-id': newId('req', this.#random),
        'user-agent': CANARY_ID,
        ...(tenant === undefined ? {} : { 'x-kintsugi-tenant': tenant }),
        ...(text === null ? {} : { 'content-type': 'application/json' }),
      },
      body: text,
      signal: this.#signal,
      reset: true,
    });
    return { status: answer.statusCode, text: await boundedText(answer.body, BODY_MAX) };
  }

  #filled(text: string): string {
    return text.replaceAll(/\{(\w+)\}/g, (blank, name: string) => this.#blanks[name] ?? blank);
  }
}

import { request } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import type { Redacted } from '../../base/redacted.ts';
import type { SessionTrial, TrialCall } from '../../resources/session-trial.ts';
import { boundedText } from './bounded-text.ts';
import { type Place, Unmeasured } from './place-collector.ts';

/** An instance with accounts and sessions, and how they are tried. */
export interface SessionPlace extends Place {
  /** Of the workload: `staff`. */
  readonly workload: string;
  /** `staff-eu-0-abc`. */
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly recipe: SessionTrial;
  /** Of `account.secret`. */
  readonly secret: Redacted<string> | undefined;
}

/** What proves a session: one header. Plain data, so that a wait survives a restart; kept like a password. */
export interface Credential {
  readonly header: 'authorization' | 'cookie';
  readonly value: string;
}

/** What is filled in. */
interface Blanks {
  readonly account: string;
  readonly password?: string;
  readonly newPassword?: string;
}

const OWN_TENANT = 'kintsugi-canary-owner';
export const FOREIGN_TENANT = 'kintsugi-canary-stranger';

const CALL_MS = 5_000;
/** Between two calls: a trial is never what an instance is busy with. */
const PAUSE_MS = 20;
const ANSWER_MAX = 64 * 1024;
/** What an API says to whom it does not let in; a page sends to its login. */
const REFUSALS = new Set([301, 302, 303, 307, 400, 401, 403, 404, 409, 410, 419, 422, 423]);

/**
 * The calls of a session trial, made one after the other at one instance, as the gateway makes them for a canary tenant. What
 * is neither let in nor refused (a failure, a limit of requests) rejects with `Unmeasured`: it says nothing of accounts.
 */
export class SessionCalls {
  readonly recipe: SessionTrial;
  readonly #base: string;
  readonly #secret: Redacted<string> | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #signal: AbortSignal;

  constructor({ host, port, recipe, secret }: SessionPlace, clock: Clock, random: Random, signal: AbortSignal) {
    this.recipe = recipe;
    this.#base = `http://${host}:${port}`;
    this.#secret = secret;
    this.#clock = clock;
    this.#random = random;
    this.#signal = signal;
  }

  /** Resolves with whether the account was made with this password. */
  async create(account: string, password: string): Promise<boolean> {
    const { create } = this.#managed();
    return isAccepted(await this.#call(create, { account, password }, this.#authority()));
  }

  /** Resolves when there is no such account (any more); rejects when it could not be taken away. */
  async remove(account: string): Promise<void> {
    const { status } = await this.#call(this.#managed().remove, { account }, this.#authority());
    if (status >= 300 && status !== 404 && status !== 410)
      throw new Unmeasured(`a canary account could not be taken away: ${status}`);
  }

  /** A new session; undefined when the login was refused. */
  async login(account: string, password: string): Promise<Credential | undefined> {
    const answer = await this.#call(this.recipe.login, { account, password });
    // Some say of a locked account that there were too many requests; whether it is the account, its companion shows.
    if (answer.status === 429 || !isAccepted(answer)) return undefined;
    const { token } = this.recipe;
    const credential = token === undefined ? cookiesOf(answer.cookies) : bearerOf(answer.text, token);
    if (!credential) throw new Unmeasured('a login was let in without giving the session that the trial declares');
    return credential;
  }

  /** Whether a credential opens what only a session may open. */
  async opens(credential: Credential | undefined, tenant: string = OWN_TENANT): Promise<boolean> {
    const read = { method: 'GET', path: this.recipe.read } as const;
    return isAccepted(await this.#call(read, { account: '' }, credential, tenant));
  }

  /** Undefined when the trial does not say how. */
  async logout(credential: Credential, account: string): Promise<boolean | undefined> {
    const { logout } = this.recipe;
    return logout && isAccepted(await this.#call(logout, { account }, credential));
  }

  /** Resolves with whether the new password was taken. */
  async change(credential: Credential, account: string, password: string, newPassword: string): Promise<boolean> {
    const { password: call } = this.recipe;
    if (!call) throw new Unmeasured('the trial does not say how a password is set');
    return isAccepted(await this.#call(call, { account, password, newPassword }, credential));
  }

  #managed() {
    const { account } = this.recipe;
    if ('create' in account) return account;
    throw new Unmeasured('the trial does not say how accounts are made');
  }

  #authority(): Credential | undefined {
    return this.#secret && { header: 'authorization', value: `Bearer ${this.#secret.reveal()}` };
  }

  async #call(
    { method, path, body }: Omit<TrialCall, 'method'> & { readonly method: TrialCall['method'] | 'GET' },
    blanks: Blanks,
    credential?: Credential,
    tenant: string = OWN_TENANT,
  ): Promise<Answer> {
    await this.#clock.sleep(PAUSE_MS, this.#signal);
    const answer = await request(`${this.#base}${filled(path, blanks, encodeURIComponent)}`, {
      method,
      headers: {
        'x-request-id': newId('req', this.#random),
        'user-agent': 'kintsugi-canary',
        'x-kintsugi-tenant': tenant,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(credential && { [credential.header]: credential.value }),
      },
      body: body === undefined ? null : filled(JSON.stringify(body), blanks, quoted),
      signal: this.#clock.deadline(CALL_MS, this.#signal),
      reset: true,
    });
    const cookies = [answer.headers['set-cookie'] ?? []].flat();
    return { status: answer.statusCode, cookies, text: await boundedText(answer.body, ANSWER_MAX) };
  }
}

interface Answer {
  readonly status: number;
  readonly cookies: readonly string[];
  readonly text: string;
}

function isAccepted({ status }: Answer): boolean {
  if (status >= 200 && status < 300) return true;
  if (REFUSALS.has(status)) return false;
  throw new Unmeasured(`it answered ${status}, which neither lets in nor refuses`);
}

function filled(text: string, blanks: Blanks, encode: (value: string) => string): string {
  return text.replaceAll(/\{(account|password|newPassword)\}/g, (_, name: keyof Blanks) => encode(blanks[name] ?? ''));
}

/** As it stands within the quotes of JSON. */
function quoted(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/** As a browser would send them back; one that is set to nothing or has ended by its age is none. */
function cookiesOf(cookies: readonly string[]): Credential | undefined {
  const pairs = cookies.flatMap((cookie) => {
    const [pair = ''] = cookie.split(';');
    return /=./.test(pair) && !/;\s*max-age=0\b/i.test(cookie) ? [pair.trim()] : [];
  });
  return pairs.length > 0 ? { header: 'cookie', value: pairs.join('; ') } : undefined;
}

function bearerOf(text: string, field: string): Credential | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  const token = (answer as Readonly<Record<string, unknown>> | null)?.[field];
  return typeof token === 'string' && token !== '' ? { header: 'authorization', value: `Bearer ${token}` } : undefined;
}

import { Pool } from 'undici';
import type { Account } from './accounts.ts';

const DEADLINE_MS = 5_000;
/** The connection ended before an answer came. RFC 9110 9.2.2 lets a client repeat what is idempotent. */
const CUT = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT']);

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

export interface Answer {
  /** Or, when none came: `timeout`, or the code of the error of the connection. */
  readonly status: number | string;
  readonly body: unknown;
  readonly retried: boolean;
}

/** Whether a client may send it twice. */
export function isIdempotent(call: Call): boolean {
  return call.method !== 'POST' || call.idempotencyKey !== undefined;
}

/** One program of a tenant: keeps its connections, waits 5 s and no longer, and repeats only after a cut connection. */
export class TenantClient {
  readonly #pool: Pool;
  readonly #pathPrefix: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(gateway: string, account: Account, byPath: boolean) {
    this.#pool = new Pool(gateway, { connections: 16, pipelining: 1 });
    const prefix = byPath ? account.pathPrefix : undefined;
    this.#pathPrefix = prefix ?? '';
    this.#headers = { 'x-api-key': account.apiKey, ...(prefix === undefined ? { host: account.host } : {}) };
  }

  /** Never rejects. */
  async send(call: Call): Promise<Answer> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const first = await this.#try(call, signal);
    const cut = typeof first.status === 'string' && CUT.has(first.status);
    if (!cut || !isIdempotent(call)) return { ...first, retried: false };
    return { ...(await this.#try(call, signal)), retried: true };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #try(call: Call, signal: AbortSignal): Promise<Omit<Answer, 'retried'>> {
    const headers = {
      ...this.#headers,
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(call.idempotencyKey === undefined ? {} : { 'idempotency-key': call.idempotencyKey }),
    };
    const body = call.body === undefined ? null : JSON.stringify(call.body);
    try {
      const path = `${this.#pathPrefix}${call.path}`;
      const response = await this.#pool.request({ method: call.method, path, headers, body, signal });
      return { status: response.statusCode, body: parsed(await response.body.text()) };
    } catch (error) {
      return { status: signal.aborted ? 'timeout' : ((error as { code?: string }).code ?? 'broken'), body: undefined };
    }
  }
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

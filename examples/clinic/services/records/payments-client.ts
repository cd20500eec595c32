import { Agent, request } from 'undici';
import { Problem } from '../kit/problem.ts';

/** Who asks, in the words of the headers that travel with a request through the whole system. */
export interface Caller {
  readonly tenant: string;
  readonly requestId: string;
  readonly traceparent: string | undefined;
  /** How long the answer is still of use to whoever asked; undefined when nobody said. */
  readonly deadlineMs: number | undefined;
}

export interface Charge {
  readonly id: string;
  readonly reference: string;
  readonly amountCents: number;
  readonly currency: string;
  readonly status: string;
}

export interface PaymentsConfig {
  readonly url: string;
  readonly serviceToken: string;
  /** At most, also when the caller has more. Below the gateway's time for one try: so the client hears who failed. */
  readonly deadlineMs: number;
}

/** The payments service, through the gateway's internal door. Nothing here is repeated: the gateway knows what is safe. */
export class PaymentsClient {
  readonly #config: PaymentsConfig;
  readonly #agent = new Agent({ connections: 8, pipelining: 1 });

  constructor(config: PaymentsConfig) {
    this.#config = config;
  }

  /**
   * Charges for a record, at most once: the record is the idempotency key. Rejects with a 422 `Problem` when it was
   * charged another amount before, and with 502 when payments fail or do not answer in time.
   */
  async charge(caller: Caller, recordId: string, amountCents: number, currency: string): Promise<Charge> {
    const key = `record-${recordId}`;
    const body = JSON.stringify({ reference: recordId, amountCents, currency });
    return (await this.#call(caller, 'POST', '/charges', { 'idempotency-key': key }, body)) as Charge;
  }

  /** Charges of these records, by record. Rejects with a 502 `Problem`. */
  async chargesOf(caller: Caller, recordIds: readonly string[]): Promise<ReadonlyMap<string, Charge>> {
    if (recordIds.length === 0) return new Map();
    const path = `/charges?references=${recordIds.map(encodeURIComponent).join(',')}`;
    const { charges } = (await this.#call(caller, 'GET', path, {})) as { charges: Charge[] };
    return new Map(charges.map((charge) => [charge.reference, charge]));
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #call(caller: Caller, method: 'GET' | 'POST', path: string, extra: Record<string, string>, body?: string) {
    const deadlineMs = Math.min(this.#config.deadlineMs, caller.deadlineMs ?? Infinity);
    const headers: Record<string, string> = {
      'x-kintsugi-deadline-ms': String(deadlineMs),
      'x-kintsugi-tenant': caller.tenant,
      'x-kintsugi-service-token': this.#config.serviceToken,
      'x-request-id': caller.requestId,
      ...(caller.traceparent === undefined ? {} : { traceparent: caller.traceparent }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...extra,
    };
    const signal = AbortSignal.timeout(deadlineMs);
    try {
      const url = `${this.#config.url}${path}`;
      const response = await request(url, { method, headers, body: body ?? null, signal, dispatcher: this.#agent });
      const text = await response.body.text();
      if (response.statusCode < 300) return JSON.parse(text) as unknown;
      if (response.statusCode === 422)
        throw new Problem(422, 'Charged before', 'This record was charged another amount.');
      throw new Error(`payments answered ${response.statusCode}`);
    } catch (error) {
      if (error instanceof Problem) throw error;
      throw new Problem(502, 'Payments failed', 'The payments service gave no usable answer.', { cause: error });
    }
  }
}

import { request as httpRequest } from 'node:http';
import { Agent, request } from 'undici';
import { KinError } from '../base/errors.ts';
import { ledgerClient } from '../ledger/client.ts';
import { parseCheckpoint } from '../ledger/tlog/checkpoint.ts';
import type { ChildStatus, SignalCommand } from '../drivers/process/protocol.ts';
import { type AccessTally, tallyAccess } from './access-tally.ts';
import type { IncidentSummary, InstanceStatus, Status } from './answers.ts';
import type { DrillResult, Participants, RecordedDrill } from './drill-fault.ts';
import type { Invocation } from './invocation.ts';
import type { PostureAnswer, TenantResult } from './posture.ts';

const ANSWER_MS = 2_000;
/** Before a drill is on record, the database servers are looked at once more. */
const RECORD_MS = 15_000;
const INCIDENTS_SEEN = 50;
/** Entries of one read from the ledger. */
const ENTRIES = 1_000;

/** An instance that is told to misbehave. */
type Ordered = Pick<InstanceStatus, 'id' | 'host' | 'port'> & { readonly scheme?: 'http' | 'https' };

/** The stack as a drill sees it. A part that does not answer is nothing special here: it may be what is being drilled. */
export class DrillWorld {
  readonly #invocation: Invocation;
  /** Orders of a drill go to an instance of the example by its address; its certificate may be what is being drilled. */
  readonly #agent = new Agent({ connections: 64, connect: { rejectUnauthorized: false } });

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  get #clock() {
    return this.#invocation.context.clock;
  }

  /** Undefined when control does not answer. */
  status(): Promise<Status | undefined> {
    return tolerant(() => this.#invocation.ask<Status>('GET', '/v1/status', undefined, ANSWER_MS));
  }

  async incidents(): Promise<readonly IncidentSummary[] | undefined> {
    const path = `/v1/incidents?limit=${INCIDENTS_SEEN}`;
    type Answer = { readonly incidents: readonly IncidentSummary[] };
    return (await tolerant(() => this.#invocation.ask<Answer>('GET', path, undefined, ANSWER_MS)))?.incidents;
  }

  /** Every control of every tenant that lives under one. */
  async posture(): Promise<readonly TenantResult[] | undefined> {
    return await tolerant(async () => {
      const ask = <T>(path: string) => this.#invocation.ask<T>('GET', path, undefined, ANSWER_MS);
      const { rows } = await ask<PostureAnswer>('/v1/posture');
      const tenants = [...new Set(rows.map(({ tenant }) => tenant))];
      const answers = await Promise.all(
        tenants.map(async (tenant) => {
          const { results = [] } = await ask<PostureAnswer>(`/v1/posture/${encodeURIComponent(tenant)}`);
          return results.map((result): TenantResult => ({ ...result, tenant }));
        }),
      );
      return answers.flat();
    });
  }

  children(): Promise<readonly ChildStatus[] | undefined> {
    return tolerant(() => this.#invocation.keeper.list(this.#clock.deadline(ANSWER_MS)));
  }

  async signal(id: string, signal: SignalCommand['signal']): Promise<void> {
    await this.#invocation.keeper.signal(id, { signal, reason: 'drill' }, this.#clock.deadline(ANSWER_MS));
  }

  /** Tells an instance to misbehave. Rejects with `drill.refused` when it has no ear for that. */
  async order({ host, port, id, scheme = 'http' }: Ordered, fault: string, parameter: number): Promise<void> {
    const url = `${scheme}://${host}:${port}/_drill`;
    const body = JSON.stringify({ fault, parameter });
    const headers = { 'content-type': 'application/json' };
    const signal = this.#clock.deadline(ANSWER_MS);
    const answer = await request(url, { method: 'POST', dispatcher: this.#agent, body, headers, signal }).catch(
      (cause: unknown) => {
        throw new KinError('drill.refused', `${id} does not answer on ${url}`, { cause });
      },
    );
    await answer.body.dump();
    if (answer.statusCode < 300) return;
    throw new KinError(
      'drill.refused',
      `${id} answered ${answer.statusCode} to POST /_drill; does it run with DRILLS=on?`,
    );
  }

  /** Whether a process of Kintsugi does its work again. */
  async isServing(id: string): Promise<boolean> {
    if (id === 'ledger') return (await this.ledgerSize()) !== undefined;
    if (id.startsWith('gateway-')) return await this.#isReady(id as `gateway-${number}`);
    const status = await this.status();
    return status?.leading === true && status.fresh;
  }

  #isReady(id: `gateway-${number}`): Promise<boolean> {
    const socketPath = this.#invocation.state.socket(id);
    const signal = this.#clock.deadline(ANSWER_MS);
    return new Promise((resolve) => {
      const asked = httpRequest({ socketPath, path: '/readyz', signal }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      asked.on('error', () => resolve(false));
      asked.end();
    });
  }

  /** Entries under the newest checkpoint; undefined when the ledger does not answer. */
  async ledgerSize(): Promise<number | undefined> {
    const client = ledgerClient(this.#invocation.state.socket('ledger'));
    try {
      const note = await tolerant(() => client.checkpoint());
      return note === undefined ? undefined : parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))?.size;
    } finally {
      await client.close();
    }
  }

  /** Requests on record since `fromIndex`, of the time from `sinceMs` on; undefined when the ledger does not answer. */
  async access(fromIndex: number, sinceMs: number): Promise<AccessTally | undefined> {
    const client = ledgerClient(this.#invocation.state.socket('ledger'));
    try {
      return await tolerant(async () => {
        const tally = tallyAccess(sinceMs);
        for (let from = fromIndex; ; ) {
          const entries = await client.entries(from, ENTRIES);
          const last = entries.at(-1);
          if (!last) return tally.result();
          for (const { event } of entries) tally.add(event);
          from = last.index + 1;
        }
      });
    } finally {
      await client.close();
    }
  }

  /** Puts the drill on record. Undefined when control does not answer. */
  record(result: DrillResult, participants: Participants): Promise<RecordedDrill | undefined> {
    const { fault, target, startedAt, endedAt } = result;
    const body = { fault, target, ...participants, startedAt, endedAt, result };
    return tolerant(() => this.#invocation.ask<RecordedDrill>('POST', '/v1/drills', body, RECORD_MS));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Undefined for a part that cannot answer now. Faults that no waiting mends are thrown. */
async function tolerant<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof KinError && error.entry.retry !== 'never') return undefined;
    throw error;
  }
}

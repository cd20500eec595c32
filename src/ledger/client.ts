import { socketClient } from '../base/socket-http.ts';
import type { Appended, Ledger, NewEvent, RecordedEvent } from './entry.ts';
import type { LedgerStatus } from './ledger-status.ts';
import { shortestKeepDays } from './retention/retention-policy.ts';
import type { SelfCheckState } from './self-check.ts';

/** An event with its place in the log. */
export interface IndexedEvent {
  readonly index: number;
  readonly event: RecordedEvent;
}

/** The ledger process as seen from another process. All calls reject with `ledger.unreachable` when it is not there. */
export interface LedgerClient extends Ledger {
  /** Like `append`, and waits until a signed checkpoint covers the events, which takes a second at most. */
  appendSigned(events: readonly NewEvent[], signal?: AbortSignal): Promise<Appended>;
  /** The latest signed checkpoint as a C2SP note. */
  checkpoint(): Promise<string>;
  /** Durable entries from index `from` on; may be fewer than `limit` (1000 at most, and 4 MiB). Empty at the end. */
  entries(from: number, limit: number): Promise<readonly IndexedEvent[]>;
  /** Entries from index `from` on, then each new one, until `signal` aborts or the ledger closes (a normal end). */
  tail(from: number, signal: AbortSignal): AsyncIterable<IndexedEvent>;
  /** Index of the first entry that is there: those before it were pruned after their retention. */
  first(): Promise<number>;
  /** How many entries were there when its process began. */
  startedAt(): Promise<number>;
  /** For how many days it keeps what goes first, by what it goes by; null where nothing ever goes. */
  keepDays(): Promise<number | null>;
  /** How far the ledger has read itself again, and what it found. */
  selfCheck(signal?: AbortSignal): Promise<SelfCheckState>;
  close(): Promise<void>;
}

/** Events of one request. One with the largest entries stays below what the ledger takes. */
const EVENTS_PER_REQUEST = 400;

/** A client on the socket of a ledger. Connects when it is first used and again after each break. */
export function ledgerClient(socketPath: string): LedgerClient {
  const http = socketClient(socketPath, 'ledger.unreachable');
  const append = async (path: string, events: readonly NewEvent[], signal: AbortSignal | undefined) => {
    const indices: number[] = [];
    for (let at = 0; at < events.length; at += EVENTS_PER_REQUEST) {
      const part = { events: events.slice(at, at + EVENTS_PER_REQUEST) };
      indices.push(...(await http.call<Appended>('POST', path, part, signal)).indices);
    }
    return { indices };
  };
  return {
    append: (events, signal) => append('/v1/append', events, signal),
    appendSigned: (events, signal) => append('/v1/append?until=checkpoint', events, signal),
    checkpoint: async () => (await http.call<{ note: string }>('GET', '/v1/checkpoint?as=json')).note,
    async entries(from, limit) {
      const path = `/v1/entries?from=${from}&limit=${limit}`;
      return (await http.call<{ entries: IndexedEvent[] }>('GET', path)).entries;
    },
    first: async () => (await http.call<LedgerStatus>('GET', '/v1/status')).retention.first,
    startedAt: async () => (await http.call<LedgerStatus>('GET', '/v1/status')).startedAt,
    keepDays: async () => shortestKeepDays((await http.call<LedgerStatus>('GET', '/v1/status')).retention.policy),
    tail: (from, signal) => http.lines<IndexedEvent>(`/v1/tail?from=${from}`, signal),
    selfCheck: (signal) => http.call<SelfCheckState>('GET', '/v1/self-check', undefined, signal),
    close: () => http.close(),
  };
}

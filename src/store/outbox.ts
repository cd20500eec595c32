import { sql } from 'kysely';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Database, DatabaseTransaction } from './database.ts';

/** What the outbox must know of an event; the rest is the ledger's affair. Plain JSON. */
export interface OutboxEvent {
  /** The ledger appends an id once, so that sending again does no harm. */
  readonly id: string;
}

const BATCH = 500;
const DRAIN_LOCK = 4_846_772_002;

/** Room in a ledger entry for what the ledger adds around the event. */
const ENVELOPE_BYTES = 1_024;

/** How long the ledger may take for one batch. */
const APPEND_TIMEOUT = sql.lit('60s');

/**
 * Keeps events for the ledger in the transaction of the change that they record: both happen or neither. Rejects with
 * `ledger.entry-too-large` for an event that the ledger could never take: it would block all that follow.
 */
export async function enqueue(tx: DatabaseTransaction, events: readonly OutboxEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({ event: JSON.stringify(event) }));
  for (const [index, row] of rows.entries()) {
    if (Buffer.byteLength(row.event) <= LIMITS.ledgerEntryBytes - ENVELOPE_BYTES) continue;
    throw new KinError('ledger.entry-too-large', `event ${events[index]?.id} is too large for the ledger`);
  }
  await tx.insertInto('outbox').values(rows).execute();
}

/**
 * Hands waiting events to `append` in the order in which they were written and forgets them once it has resolved. An
 * event is never lost; one whose acknowledgement was lost is handed over again with the same id. When another process
 * drains, nothing is done. Resolves with the number of events delivered; rejects as `append` or the database does, and
 * what was not acknowledged stays.
 */
export async function drain<E extends OutboxEvent>(
  database: Database,
  append: (events: readonly E[]) => Promise<unknown>,
): Promise<number> {
  let delivered = 0;
  for (;;) {
    const batch = await database.transaction((tx) => drainBatch(tx, append));
    delivered += batch;
    if (batch < BATCH) return delivered;
  }
}

async function drainBatch<E extends OutboxEvent>(
  tx: DatabaseTransaction,
  append: (events: readonly E[]) => Promise<unknown>,
): Promise<number> {
  const lock = await sql<{ held: boolean }>`select pg_try_advisory_xact_lock(${DRAIN_LOCK}::bigint) as held`.execute(
    tx,
  );
  if (lock.rows[0]?.held !== true) return 0;
  await sql`set local idle_in_transaction_session_timeout = ${APPEND_TIMEOUT}`.execute(tx);
  const rows = await tx.selectFrom('outbox').select(['seq', 'event']).orderBy('seq').limit(BATCH).execute();
  if (rows.length === 0) return 0;
  await append(rows.map((row) => row.event as unknown as E));
  // By number, not "up to": a lower number may have been committed after these were read.
  const sequence = rows.map((row) => row.seq);
  await tx.deleteFrom('outbox').where('seq', 'in', sequence).execute();
  return rows.length;
}

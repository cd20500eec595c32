import { sql } from 'kysely';
import { isFault, KinError } from '../base/errors.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Database, type DatabaseConnection, waitForDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import type { LedgerStorage } from './ledger-storage.ts';
import { PostgresqlStore, type PostgresqlStoreOptions } from './postgresql-store.ts';
import { formatPruned, NOTHING_PRUNED, parsePruned } from './pruned-prefix.ts';

/** A group of 2 MiB on a slow disk. */
const STATEMENT_TIMEOUT_MS = 60_000;
const OPEN_TIMEOUT_MS = 60_000;

interface Opening {
  readonly connection: DatabaseConnection;
  /** Names the key that signs; another one's ledger is refused. */
  readonly vkey: string;
  /** The checkpoint of size 0 of a ledger that is not born yet. */
  readonly birthNote: string;
  readonly clock?: Clock;
  /** As of `PostgresqlStoreOptions`. */
  readonly segmentBytes?: number | undefined;
}

/**
 * A ledger in PostgreSQL, taken over from whoever wrote it before: that writer's next write or signature rejects with
 * `ledger.superseded`. Rejects with `request.invalid` when the ledger there has another key, or as `waitForDatabase` and
 * `migrate` do.
 */
export async function openPostgresqlStorage(opening: Opening): Promise<LedgerStorage> {
  const { connection, vkey, clock = systemClock } = opening;
  const options = { connectionsMax: 3, statementTimeoutMs: STATEMENT_TIMEOUT_MS, applicationName: 'kintsugi-ledger' };
  const signal = clock.deadline(OPEN_TIMEOUT_MS);
  const database = await waitForDatabase(connection, { ...options, clock, signal });
  try {
    await migrate(connection);
    const head = await takeOver(database, opening);
    if (head.vkey !== vkey) {
      throw new KinError(
        'request.invalid',
        'the ledger in PostgreSQL is signed with another key: copy the ledger folder',
        {
          details: { vkey: head.vkey },
        },
      );
    }
    return storage(database, head, { clock, segmentBytes: opening.segmentBytes });
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** What the row of the ledger says. */
interface Head {
  readonly vkey: string;
  readonly writer: number;
  readonly size: number;
  readonly bytes: number;
  readonly checkpoint: string;
  readonly pruned: Buffer | null;
}

async function takeOver({ kysely }: Database, { vkey, birthNote }: Opening): Promise<Head> {
  const { rows } = await sql<Head>`
    insert into ledger_head as head (vkey, writer, size, bytes, checkpoint) values (${vkey}, 1, 0, 0, ${birthNote})
    on conflict (only_one) do update
      set writer = head.writer + case when head.vkey = excluded.vkey then 1 else 0 end
    returning vkey, writer, size, bytes, checkpoint, pruned`.execute(kysely);
  return rows[0]!;
}

function storage(database: Database, head: Head, options: PostgresqlStoreOptions): LedgerStorage {
  let pruned = head.pruned ? parsePruned(head.pruned) : NOTHING_PRUNED;
  let store: PostgresqlStore | undefined;
  return {
    note: head.checkpoint,
    async openStore(opening) {
      store = await PostgresqlStore.open(database, { ...head, first: pruned.first }, { ...opening, ...options });
      return store;
    },
    pruned: () => pruned,
    async prune(prefix) {
      await store?.dropBefore(prefix.first, formatPruned(prefix));
      pruned = prefix;
    },
    async replaceNote(before, after) {
      const { numAffectedRows } = await sql`
        update ledger_head set checkpoint = ${after} where writer = ${head.writer} and checkpoint = ${before}`
        .execute(database.kysely)
        .catch((cause: unknown) => {
          const isAway = isFault(cause, 'postgres.unreachable');
          throw isAway ? new KinError('state.unwritable', 'cannot write the checkpoint', { cause }) : cause;
        });
      if (numAffectedRows !== 1n)
        throw new KinError('ledger.superseded', 'another process writes the ledger in PostgreSQL');
    },
    close: () => database.close(),
  };
}

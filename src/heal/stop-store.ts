import { sql } from 'kysely';
import { fromIso, toIso } from '../base/clock.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import type { RecordEvent } from './record.ts';
import type { Stop } from './situation.ts';

/** The stops that stand. Nothing but `liftStop`, which a person calls, and their own expiry ends them. */
export async function readStops(database: Pick<Database, 'kysely'>): Promise<readonly Stop[]> {
  const rows = await database.kysely
    .selectFrom('stop')
    .selectAll()
    .where('lifted_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', sql<string>`now()`)]))
    .orderBy('made_at')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    scope: row.scope,
    reason: row.reason,
    by: row.made_by,
    expiresAt: row.expires_at === null ? null : fromIso(row.expires_at),
  }));
}

export async function addStop(tx: DatabaseTransaction, stop: Stop, record: RecordEvent): Promise<void> {
  const { id, scope, reason, by, expiresAt } = stop;
  const until = expiresAt === null ? null : toIso(expiresAt);
  await tx.insertInto('stop').values({ id, scope, reason, made_by: by, expires_at: until }).execute();
  await record(tx, 'stop.set', scope, { reason, until }, { actor: { kind: 'operator', name: by } });
}

/** Lifts all stops of a scope; resolves with how many there were. */
export async function liftStops(
  tx: DatabaseTransaction,
  scope: string,
  by: string,
  reason: string,
  record: RecordEvent,
): Promise<number> {
  const lifted = await tx
    .updateTable('stop')
    .set({ lifted_at: sql<string>`now()`, lifted_by: by })
    .where('scope', '=', scope)
    .where('lifted_at', 'is', null)
    .returning('id')
    .execute();
  if (lifted.length > 0) {
    await record(tx, 'stop.lifted', scope, { reason, stops: lifted.length }, { actor: { kind: 'operator', name: by } });
  }
  return lifted.length;
}

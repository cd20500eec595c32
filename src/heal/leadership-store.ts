import { sql } from 'kysely';
import type { Database } from '../store/database.ts';

/** Notes that a replica leads under this epoch. */
export async function noteLeadership(database: Database, epoch: number, holder: string): Promise<void> {
  await database.kysely
    .insertInto('leadership')
    .values({ epoch, holder })
    .onConflict((conflict) => conflict.column('epoch').doNothing())
    .execute();
}

/** How often the lead changed hands in the last ten minutes; the first lead ever is no change. */
export async function readTakeovers(database: Pick<Database, 'kysely'>): Promise<number> {
  const row = await database.kysely
    .selectFrom('leadership')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('gained_at', '>', sql<string>`now() - interval '10 minutes'`)
    .where('epoch', '>', 1)
    .executeTakeFirst();
  return row?.count ?? 0;
}

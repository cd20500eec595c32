import { sql } from 'kysely';
import type { Database } from './database.ts';

/** Connections of clients to the server that holds our state, and how many it lets in. Rejects as every query does. */
export async function readConnections({
  kysely,
}: Database): Promise<{ readonly used: number; readonly limit: number }> {
  const { rows } = await sql<{ used: number; limit: number }>`
    select (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as used,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as "limit"
  `.execute(kysely);
  return rows[0]!;
}

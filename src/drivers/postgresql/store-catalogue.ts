import type { Pool } from 'pg';
import type { StoreAddress } from './store.ts';

/** A session that others have waited for. `pid` alone is not it: pids are used again. */
export interface HoldingSession {
  readonly pid: number;
  readonly backendStart: string;
  readonly role: string;
  readonly application: string;
  readonly state: string;
  readonly blocked: number;
  readonly waitedMs: number;
}

export interface ProtectedTable {
  readonly table: string;
  /** Enabled and forced: binds the owner too. */
  readonly rowSecurity: boolean;
  /** Privileges that the application's role has on it. */
  readonly privileges: readonly string[];
}

/** Only who waits for nobody is to blame; a chain of waiters has one head. */
const HOLDING = `
  with waiting as (
    select w.pid, w.waitstart as wait_start, unnest(pg_blocking_pids(w.pid)) as holder
    from pg_locks w where not w.granted
  )
  select a.pid, a.backend_start, a.usename as role, a.application_name as application, coalesce(a.state, '') as state,
         count(distinct w.pid)::int as blocked,
         coalesce(max(extract(epoch from clock_timestamp() - w.wait_start)) * 1000, 0)::float8 as waited_ms
  from waiting w join pg_stat_activity a on a.pid = w.holder
  where a.datname = current_database() and not exists (select from waiting other where other.pid = a.pid)
  group by a.pid, a.backend_start, a.usename, a.application_name, a.state`;

const TABLES = `
  select format('%I.%I', n.nspname, c.relname) as "table",
         c.relrowsecurity and c.relforcerowsecurity as row_security,
         array(select p from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
               where $2 <> '' and has_table_privilege($2, c.oid, p)) as privileges
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r', 'p') and (cardinality($3::text[]) = 0 or c.relname = any ($3))
  order by 1`;

export async function readHoldingSessions(pool: Pool): Promise<readonly HoldingSession[]> {
  const { rows } = await pool.query<Record<string, unknown>>(HOLDING);
  return rows.map((row) => ({
    pid: Number(row['pid']),
    backendStart: (row['backend_start'] as Date).toISOString(),
    role: String(row['role']),
    application: String(row['application']),
    state: String(row['state']),
    blocked: Number(row['blocked']),
    waitedMs: Math.round(Number(row['waited_ms'])),
  }));
}

/** Tables of a schema, with what the role may do with them. A role that does not exist rejects with PostgreSQL's error. */
export async function readTables(
  pool: Pool,
  { schema, tables, role }: Pick<StoreAddress, 'schema' | 'tables' | 'role'>,
): Promise<readonly ProtectedTable[]> {
  const { rows } = await pool.query<Record<string, unknown>>(TABLES, [schema, role?.user ?? '', tables]);
  return rows.map((row) => ({
    table: String(row['table']),
    rowSecurity: row['row_security'] === true,
    privileges: row['privileges'] as string[],
  }));
}

/** Ends a session if it is still the same one. Resolves with whether there was one to end. */
export async function terminateSession(pool: Pool, pid: number, backendStart: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where pid = $1 and date_trunc('milliseconds', backend_start) = $2::timestamptz`,
    [pid, backendStart],
  );
  return (rowCount ?? 0) > 0;
}

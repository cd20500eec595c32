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
  readonly oid: number;
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
  select c.oid, format('%I.%I', n.nspname, c.relname) as "table",
         c.relrowsecurity and c.relforcerowsecurity as row_security,
         array(select p from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
               where $2 <> '' and has_table_privilege($2, c.oid, p)) as privileges
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r', 'p') and (cardinality($3::text[]) = 0 or c.relname = any ($3))
  order by 2`;

/** Whether a session of the role shows a statement that names the setting which the policies of the schema read. */
const NAMES_TENANT = `
  select exists (
    select from pg_stat_activity a,
      (select distinct coalesce(
         substring(coalesce(pg_get_expr(p.polqual, p.polrelid), '') || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
                   from 'current_setting\\(''([^'']+)'''),
         (select substring(f.prosrc from 'current_setting\\(''([^'']+)''') from pg_depend d join pg_proc f on f.oid = d.refobjid
          where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass limit 1)) as name
       from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $1) as setting
    where a.usename = $2 and a.datname = current_database() and a.application_name <> $3
      and position(setting.name in a.query) > 0) as named`;

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
    oid: Number(row['oid']),
    table: String(row['table']),
    rowSecurity: row['row_security'] === true,
    privileges: row['privileges'] as string[],
  }));
}

/** Probes of Kintsugi's own name a tenant too, and prove nothing by it. */
export async function isTenantNamed(pool: Pool, schema: string, role: string, except: string): Promise<boolean> {
  const { rows } = await pool.query<{ named: boolean }>(NAMES_TENANT, [schema, role, except]);
  return rows[0]?.named === true;
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

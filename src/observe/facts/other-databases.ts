import { type Client, escapeIdentifier } from 'pg';
import { reasonOf } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';

/** A table in another database of the server that holds rows of tenants of the store. */
export interface StrayCopy {
  readonly database: string;
  /** Quoted. */
  readonly table: string;
  /** The table of the store that it is built as. */
  readonly of: string;
  /** The application may enter and read it, and no policy that looks at the row keeps anything from it. */
  readonly isOpen: boolean;
  /** Rows of a tenant were seen in it; otherwise nobody could look. */
  readonly isSeen: boolean;
}

/** What was found, and what could not be looked at, in words; null when everything was. */
export interface StrayCopies {
  readonly copies: readonly StrayCopy[];
  readonly unseen: string | null;
}

interface Original {
  readonly table: string;
  readonly column: string;
  readonly columns: readonly (readonly [name: string, type: string])[];
  /** Of tenants whose rows it has. */
  readonly tenants: readonly string[];
}

/** The newest: a copy is made later than what it was made of. */
const DATABASES_MAX = 50;
/** Of rows that are looked at, on either side. */
const ROWS_MAX = 1_000;
/** Nobody may enter, it was dropped meanwhile, or it takes no connections: what the server keeps for itself. */
const CLOSED = ['28000', '28P01', '42501', '3D000', '55000'];

/** Protected tables with the column that their policies compare, and tenants that the statistics know. `$1` schema, `$2` names or none for all. */
const ORIGINALS = `
  select distinct on (c.oid) format('%I.%I', n.nspname, c.relname) as table, a.attname::text as column,
    (select jsonb_agg(jsonb_build_array(b.attname, format_type(b.atttypid, null))) from pg_attribute b
     where b.attrelid = c.oid and b.attnum > 0 and not b.attisdropped) as columns,
    coalesce((select s.most_common_vals::text::text[] from pg_stats s
              where s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname limit 1), '{}') as tenants
  from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refobjid = c.oid and d.refobjsubid > 0
    join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
  where n.nspname = $1 and (cardinality($2::text[]) = 0 or c.relname = any ($2))
  order by c.oid, (select count(*) from pg_depend e where e.classid = 'pg_policy'::regclass and e.refobjid = c.oid
                   and e.refobjsubid = a.attnum) desc, a.attnum`;

/** Databases of the server that may be entered, apart from this one. */
const OTHERS = `
  select datname::text as name from pg_database
  where datallowconn and not datistemplate and datname <> current_database() and has_database_privilege(oid, 'CONNECT')
  order by oid desc limit ${DATABASES_MAX}`;

/**
 * Tables built as one of those in `$1`: with the column of the tenant and at least half of the columns by name and type (all, of
 * three or fewer). `$2` is the role of the application, if it is known there, `$3` schemas that people declared.
 */
const ALIKE = `
  select format('%I.%I', n.nspname, c.relname) as table, o.table as of, o.column,
    coalesce((select has_database_privilege(r.oid, current_database(), 'CONNECT') and has_schema_privilege(r.oid, n.oid, 'USAGE')
                and has_any_column_privilege(r.oid, c.oid, 'SELECT') from pg_roles r where r.rolname = $2), false)
      and not (c.relrowsecurity and exists (
        select from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
        where p.polrelid = c.oid and d.refobjid = c.oid and d.refobjsubid > 0)) as "isOpen"
  from jsonb_to_recordset($1::jsonb) as o ("table" text, "column" text, columns jsonb)
    join pg_attribute a on a.attname = o.column and not a.attisdropped
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'm') and not c.relispartition
    join pg_namespace n on n.oid = c.relnamespace
  where n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and n.nspname <> all ($3::text[])
    and coalesce((select sum(pg_relation_size(t.relid)) from pg_partition_tree(c.oid) t), pg_relation_size(c.oid)) > 0
    and (select count(*) from jsonb_array_elements(o.columns) x join pg_attribute b on b.attrelid = c.oid
           and b.attname = x ->> 0 and format_type(b.atttypid, null) = x ->> 1 and b.attnum > 0 and not b.attisdropped)
        >= greatest(least(jsonb_array_length(o.columns), 3), ceil(jsonb_array_length(o.columns) / 2.0))
  order by 1, 2`;

/**
 * Copies of the protected tables in other databases of the server: built alike, and with rows of a tenant that the store has too.
 * Schemas that people declared as stores are none, nor are databases among `operators`, which people know of. Of each other database the catalog is read, and rows only where a table is built
 * alike, a thousand at most. Those that are `open` alone, when that is asked for. A database that refuses is passed by.
 */
export async function readStrayCopies(
  client: Client,
  place: PostgresPlace,
  signal: AbortSignal,
  of: 'all' | 'open' = 'all',
): Promise<StrayCopies> {
  const originals = await rowsOf<Original>(client, ORIGINALS, [place.schema, place.tables]);
  if (originals.length === 0) return NONE;
  const others = (await rowsOf<{ name: string }>(client, OTHERS)).filter(({ name }) => !place.operators.includes(name));
  if (others.length === 0) return NONE;
  const known: Original[] = [];
  for (const original of originals) known.push(await withTenants(client, original, place));
  const copies: StrayCopy[] = [];
  let unseen: string | null = null;
  for (const { name } of others) {
    try {
      const found = await copiesIn(name, known, place, signal);
      copies.push(...found.filter(({ isOpen }) => of === 'all' || isOpen));
    } catch (error) {
      signal.throwIfAborted();
      if (isClosed(error)) continue;
      unseen ??= `database ${name} could not be looked at: ${reasonOf(error)}`;
    }
  }
  const hidden = copies.find(({ isSeen }) => !isSeen);
  if (hidden)
    unseen ??= `${hidden.table} of database ${hidden.database} is built as ${hidden.of}, and its rows cannot be looked at`;
  return { copies: copies.filter(({ isSeen }) => isSeen), unseen };
}

const NONE: StrayCopies = { copies: [], unseen: null };

function isClosed(error: unknown): boolean {
  return CLOSED.includes(String((error as { code?: unknown }).code));
}

async function withTenants(client: Client, original: Original, { tenants }: PostgresPlace): Promise<Original> {
  const column = escapeIdentifier(original.column);
  await client.query('set row_security = off');
  const sample = `select distinct t::text as tenant from (select ${column} as t from ${original.table} limit ${ROWS_MAX}) x
    where t is not null`;
  const seen = await rowsOf<{ tenant: string }>(client, sample).catch(() => []);
  const named = tenants === 'all' ? [] : tenants;
  return { ...original, tenants: [...original.tenants, ...named, ...seen.map(({ tenant }) => tenant)] };
}

async function copiesIn(
  database: string,
  originals: readonly Original[],
  place: PostgresPlace,
  signal: AbortSignal,
): Promise<readonly StrayCopy[]> {
  const { host, port, admin, role, siblings = [] } = place;
  const declared = siblings.filter((each) => each.database === database).map(({ schema }) => schema);
  const look = async (client: Client) => {
    const signature = JSON.stringify(originals.map(({ table, column, columns }) => ({ table, column, columns })));
    const alike = await rowsOf<Omit<StrayCopy, 'database' | 'isSeen'> & { column: string }>(client, ALIKE, [
      signature,
      role?.user ?? null,
      declared,
    ]);
    const copies = new Map<string, StrayCopy>();
    for (const { column, ...one } of alike) {
      const { tenants } = originals.find(({ table }) => table === one.of)!;
      const isSeen = copies.has(one.table) ? false : await holdsAny(client, one.table, column, tenants);
      if (isSeen !== false) copies.set(one.table, { ...one, database, isSeen: isSeen === true });
    }
    return [...copies.values()];
  };
  return inSession({ host, port, database }, admin, signal, look);
}

/** Null when that cannot be seen past policies, or not in time. */
async function holdsAny(
  client: Client,
  table: string,
  column: string,
  tenants: readonly string[],
): Promise<boolean | null> {
  await client.query('set row_security = off');
  const rows = `select ${escapeIdentifier(column)} as t from ${table} limit ${ROWS_MAX}`;
  const text = `select exists (select from (${rows}) x where t::text = any ($1)) as some`;
  return (await rowsOf<{ some: boolean }>(client, text, [tenants]).catch(() => []))[0]?.some ?? null;
}

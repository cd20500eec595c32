import { hash } from 'node:crypto';
import type { Reading, GuardedTable, Routine } from './routine.ts';
import { RoutineReader } from './routine-reading.ts';

/** Of functions that run with the rights of their owner: what they do with rows of tenants. */
export interface DefinerFunction {
  readonly oid: number;
  /** Quoted, and with the types of its arguments. */
  readonly name: string;
  readonly reading: Exclude<Reading, 'apart'>;
}

/** What can be asked: a client or a pool of `pg`. */
export interface Asked {
  query<R extends object>(text: string, values: unknown[]): Promise<{ readonly rows: R[] }>;
}

const LEVELS_MAX = 6;
/** Functions at most of a level of calls. */
const BODIES_MAX = 2_000;

const COLUMNS = `
  p.oid as oid, n.nspname as schema, p.proname as name, 'function' as kind, l.lanname as language,
  format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as label,
  coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body, p.prosecdef as "isDefiner", p.proowner as owner,
  coalesce(p.proargnames[1:p.pronargs], '{}') as "argumentNames",
  array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as a (t, n) order by n) as "argumentTypes",
  p.pronargs - p.pronargdefaults as "argumentsMin",
  case when p.provariadic = 0 then p.pronargs else 100 end as "argumentsMax", coalesce(p.proconfig, '{}') as config`;
const READABLE = `
  p.prokind in ('f', 'p') and p.prorettype <> all (array['trigger', 'event_trigger']::regtype[])
  and n.nspname not in ('pg_catalog', 'information_schema') and l.lanname not in ('c', 'internal')
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')`;
const FROM = `pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang`;

/** Functions with the rights of an owner, of whom policies of one of the tables may not bind. `$1` the tables. */
const ENTRIES = `
  select ${COLUMNS} from ${FROM} where p.prosecdef and ${READABLE} and exists (select from unnest($1::oid[])) limit ${BODIES_MAX}`;

/** Functions whose names stand in texts. `$1` the texts, `$2` those that are known. */
const CALLED = `
  select ${COLUMNS} from ${FROM} where ${READABLE} and p.oid <> all ($2::oid[]) and strpos($1::text, lower(p.proname)) > 0
  limit ${BODIES_MAX}`;

/** Views on the tables, and views on these. `$1` the tables. */
const VIEWS = `
  with recursive built (oid) as (
    select unnest($1::oid[])
    union
    select r.ev_class from built b
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = b.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid
  )
  select c.oid as oid, n.nspname as schema, c.relname as name, 'view' as kind, 'sql' as language,
    format('%I.%I', n.nspname, c.relname) as label, pg_get_viewdef(c.oid) as body, c.relowner as owner,
    not exists (select from pg_options_to_table(c.reloptions) x
                where x.option_name = 'security_invoker' and x.option_value in ('true', 'on', '1', 'yes')) as "isDefiner",
    '{}'::text[] as "argumentNames", '{}'::text[] as "argumentTypes", 0 as "argumentsMin", 0 as "argumentsMax", '{}'::text[] as config
  from built b join pg_class c on c.oid = b.oid and c.relkind = 'v' join pg_namespace n on n.oid = c.relnamespace`;

/**
 * The tables, their partitions and heirs, and materialized views on them, with the roles among `$2` whom no policy binds there and
 * who may reach the rows; with the settings and columns that the policies read.
 */
const TABLES = `
  with recursive family (oid, root) as (
    select t, t from unnest($1::oid[]) t
    union
    select x.oid, f.root from family f, lateral (
      select i.inhrelid as oid from pg_inherits i where i.inhparent = f.oid
      union
      select r.ev_class from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class m on m.oid = r.ev_class and m.relkind = 'm'
      where d.refclassid = 'pg_class'::regclass and d.refobjid = f.oid and d.classid = 'pg_rewrite'::regclass) x
  )
  select c.oid as oid, n.nspname as schema, c.relname as name,
    array(select distinct m[1] from pg_policy y, lateral (values (y.polqual), (y.polwithcheck)) as e (tree),
            regexp_matches(coalesce((select string_agg(g.prosrc, ' ') from pg_depend d join pg_proc g on g.oid = d.refobjid
                                     where d.classid = 'pg_policy'::regclass and d.objid = y.oid
                                       and d.refclassid = 'pg_proc'::regclass and g.prosrc like '%current_setting%'),
                                    substring(pg_get_expr(e.tree, y.polrelid) from 'current_setting\\(''[^'']+''')),
                           'current_setting\\(''([^'']+)''', 'g') m
          where y.polrelid = any (array_agg(f.root))) as settings,
    array(select distinct a.attname::text from pg_policy y
            join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = y.oid and d.refobjid = y.polrelid and d.refobjsubid > 0
            join pg_attribute a on a.attrelid = y.polrelid and a.attnum = d.refobjsubid
          where y.polrelid = any (array_agg(f.root))) as columns,
    array(select distinct g.proname::text from pg_policy y
            join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = y.oid and d.refclassid = 'pg_proc'::regclass
            join pg_proc g on g.oid = d.refobjid and g.pronargs = 0 and g.prorettype <> 'boolean'::regtype
          where y.polrelid = any (array_agg(f.root))
          union
          select 'session_user' from pg_policy y, lateral (values (y.polqual), (y.polwithcheck)) as e (tree)
          where y.polrelid = any (array_agg(f.root)) and pg_get_expr(e.tree, y.polrelid) ~* '\\msession_user\\M') as tellers,
    array(select o.oid from pg_roles o where o.oid = any ($2::oid[])
          and (o.rolsuper or o.rolbypassrls or c.relkind = 'm' or not c.relrowsecurity and c.oid <> all ($1::oid[])
               or (pg_has_role(o.oid, c.relowner, 'USAGE') and not c.relforcerowsecurity))
          and (has_any_column_privilege(o.oid, c.oid, 'SELECT, INSERT, UPDATE') or has_table_privilege(o.oid, c.oid, 'DELETE, TRUNCATE'))
         ) as unbound
  from family f join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace
  group by c.oid, n.nspname, c.relname`;

/**
 * Functions of the database that run with the rights of their owner, and that read rows of the tables past the policies, or of
 * which nobody can tell; by their bodies, what they call and what text they make. What extensions brought, and what is written
 * in C, is not read. Nothing is run.
 */
export async function readDefinerFunctions(
  asked: Asked,
  tables: readonly number[],
): Promise<readonly DefinerFunction[]> {
  const { rows: entries } = await asked.query<Routine>(ENTRIES, [tables]);
  if (entries.length === 0) return [];
  const called = await readCalled(asked, entries);
  const { rows: views } = await asked.query<Routine>(VIEWS, [tables]);
  const routines = [...entries, ...called, ...views];
  const owners = [...new Set(routines.map(({ owner }) => owner))];
  const { rows: guarded } = await asked.query<GuardedTable>(TABLES, [tables, owners]);
  const key = hash('sha256', JSON.stringify([entries.length, routines, guarded]));
  const found = KNOWN.get(key) ?? judged(entries, new RoutineReader(routines, guarded));
  KNOWN.set(key, found);
  for (const old of [...KNOWN.keys()].slice(0, -KNOWN_MAX)) KNOWN.delete(old);
  return found;
}

/** What was read before, by everything that it was read from: a store is looked at every second, and hardly ever another one. */
const KNOWN = new Map<string, readonly DefinerFunction[]>();
const KNOWN_MAX = 32;

function judged(entries: readonly Routine[], reader: RoutineReader): readonly DefinerFunction[] {
  return entries.flatMap((entry): DefinerFunction[] => {
    const reading = reader.read(entry);
    return reading === 'apart' ? [] : [{ oid: entry.oid, name: entry.label, reading }];
  });
}

async function readCalled(asked: Asked, entries: readonly Routine[]): Promise<readonly Routine[]> {
  const known = [...entries];
  for (let level = 0, last: readonly Routine[] = entries; level < LEVELS_MAX && last.length > 0; level += 1) {
    const text = last.map(({ body }) => body.toLowerCase()).join('\n');
    const { rows } = await asked.query<Routine>(CALLED, [text, known.map(({ oid }) => oid)]);
    known.push(...rows);
    last = rows;
  }
  return known.slice(entries.length);
}

/** Of these, the ones that the role may call. */
export async function callableBy(
  asked: Asked,
  role: string,
  functions: readonly DefinerFunction[],
): Promise<readonly DefinerFunction[]> {
  if (functions.length === 0) return [];
  const { rows } = await asked.query<{ oid: number }>(
    `select p.oid as oid from pg_proc p where p.oid = any ($2::oid[])
       and has_schema_privilege($1, p.pronamespace, 'USAGE') and has_function_privilege($1, p.oid, 'EXECUTE')`,
    [role, functions.map(({ oid }) => oid)],
  );
  const callable = new Set(rows.map(({ oid }) => oid));
  return functions.filter(({ oid }) => callable.has(oid)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

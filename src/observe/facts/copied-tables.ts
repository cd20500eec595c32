import type { Client } from 'pg';
import { type PostgresPlace, rowsOf } from './postgres-place.ts';
import { isAlike } from './row-holders.ts';
import type { TenantTable } from './row-security-catalog.ts';

/**
 * Tables anywhere in the database that nobody declared, that hold data of tenants, that the application may read, and that no
 * policy which looks at the row guards: those with a column of the tenant, by its name (`tenant`, `tenant_id`); those built as
 * a protected one is, as `create table ... as select` leaves them behind; those that hang on a protected one by a foreign key.
 * A list of tenants, in which each has one row, is none. `$1` is the role, `$2` and `$3` the protected tables and their columns of the tenant.
 */
const UNDECLARED = `
  with originals as (
    select t.oid, t.col, ${isAlone('t.oid', 'a.attnum')} as is_list
    from unnest($2::oid[], $3::text[]) as t (oid, col)
      join pg_attribute a on a.attrelid = t.oid and a.attname = t.col and not a.attisdropped
  ),
  candidates as materialized (
    select c.oid, format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f') and c.oid <> all ($2::oid[]) and not c.relispartition
      and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
      and has_schema_privilege($1, n.oid, 'USAGE') and has_any_column_privilege($1, c.oid, 'SELECT')
      and not (c.relrowsecurity and exists (
        select from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
        where p.polrelid = c.oid and d.refobjid = c.oid and d.refobjsubid > 0))
  ),
  stems as materialized (select distinct ${stemOf('col')} as stem from originals where not is_list),
  named as (
    select a.attrelid from candidates c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where ${stemOf('a.attname')} in (select stem from stems) and not ${isAlone('c.oid', 'a.attnum')}
  ),
  pairs as materialized (
    select c.oid, o.oid as original from candidates c
      join pg_attribute a on a.attrelid = c.oid and not a.attisdropped join originals o on o.col = a.attname
    where c.oid not in (select attrelid from named)
  )
  select name from candidates c
  where oid in (select attrelid from named)
     or oid in (select f.conrelid from pg_constraint f join originals o on o.oid = f.confrelid where f.contype = 'f')
     or oid in (select p.oid from pairs p where ${isAlike('p.oid', 'p.original')})
  order by 1`;

/** `tenant` of `tenant`, `tenant_id` and `TenantName`. */
function stemOf(name: string): string {
  return `regexp_replace(lower(${name}), '(.)_?(?:id|name|key|code)$', '\\1')`;
}

/** Condition: a column is by itself a unique key, so that each of its values has one row. */
function isAlone(relation: string, attnum: string): string {
  return `exists (select from pg_index i where i.indrelid = ${relation} and i.indisunique and i.indnkeyatts = 1
    and i.indkey[0] = ${attnum})`;
}

/**
 * Tables that the application may read, that no policy guards, and into which a trigger or a rule of a protected table writes
 * what comes into that: by what the catalog knows of rules, and by the text of functions of triggers. `$1` is the role, `$2`
 * the protected tables.
 */
const FED = `
  with sinks as (
    select c.oid, format('%I.%I', n.nspname, c.relname) as name, format(
        '\\minsert\\s+into\\s+(?:"?%s"?\\s*\\.\\s*)?"?%s"?(?![\\w.])', regexp_replace(n.nspname, '([^[:alnum:]_])', '\\\\\\1', 'g'),
        regexp_replace(c.relname, '([^[:alnum:]_])', '\\\\\\1', 'g')) as writing
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f') and c.oid <> all ($2::oid[])
      and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
      and has_schema_privilege($1, n.oid, 'USAGE') and has_any_column_privilege($1, c.oid, 'SELECT')
      and not (c.relrowsecurity and exists (
        select from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
        where p.polrelid = c.oid and d.refobjid = c.oid and d.refobjsubid > 0))
  )
  select s.name from sinks s
  where exists (
      select from pg_trigger t join pg_proc p on p.oid = t.tgfoid
      where t.tgrelid = any ($2::oid[]) and not t.tgisinternal and t.tgenabled <> 'D' and p.prosrc ~* s.writing
        and (p.prosrc ~* '\\m(new|old)\\M' or t.tgnewtable is not null or t.tgoldtable is not null))
    or exists (
      select from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
      where r.ev_class = any ($2::oid[]) and r.ev_type <> '1' and r.ev_enabled <> 'D' and d.refobjid = s.oid)
  order by 1`;

/** Policies know nothing of large objects: one tenant reads those of another. What the operator gives to all is not counted. */
const LARGE_OBJECTS = `
  select format('large objects (%s)', count(*)) as name from pg_largeobject_metadata m
  where pg_has_role($1, m.lomowner, 'USAGE') and not (select rolsuper from pg_roles where rolname = $1)
  having count(*) > 0`;

/** Names of what holds rows of the tables, or other data of tenants, without policies. */
export async function readCopies(
  client: Client,
  { role }: PostgresPlace,
  tables: readonly TenantTable[],
): Promise<readonly string[]> {
  const [oids, columns] = [tables.map(({ oid }) => oid), tables.map(({ column }) => column)];
  const found = [
    ...(await rowsOf<{ name: string }>(client, UNDECLARED, [role?.user, oids, columns])),
    ...(await rowsOf<{ name: string }>(client, FED, [role?.user, oids])),
    ...(await rowsOf<{ name: string }>(client, LARGE_OBJECTS, [role?.user])),
  ];
  return [...new Set(found.map(({ name }) => name))];
}

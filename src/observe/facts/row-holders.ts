/**
 * Relations anywhere in the database in which rows of a schema are: its own, views and materialized views built on them, and
 * tables built as one with policies is (the column that these compare, and at least half of its columns by name and type; all
 * when they are three or fewer) that have no policies of their own. Common table expressions `holders (oid)` and those before
 * it, for `with recursive`; `$1` is the schema.
 */
export const HOLDERS = `
  declared (oid) as (
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1::name and c.relkind in ('r', 'p', 'v', 'm', 'f')
  ),
  built (oid) as (
    select oid from declared
    union
    select c.oid from built b
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = b.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid join pg_class c on c.oid = r.ev_class and c.relkind in ('v', 'm')
  ),
  compared (oid, col) as (
    select distinct p.polrelid, a.attname from declared o join pg_policy p on p.polrelid = o.oid
      join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refobjid = o.oid and d.refobjsubid > 0
      join pg_attribute a on a.attrelid = o.oid and a.attnum = d.refobjsubid
  ),
  candidates as materialized (
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f') and not c.relispartition
      and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and n.nspname <> $1::name
      and not (c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid))
  ),
  pairs as materialized (
    select distinct c.oid, o.oid as original from candidates c
      join pg_attribute a on a.attrelid = c.oid and not a.attisdropped join compared o on o.col = a.attname
  ),
  holders (oid) as (
    select oid from built
    union
    select p.oid from pairs p where ${isAlike('p.oid', 'p.original')}
  )`;

/** Condition: a relation has at least half of the columns of another, by name and type; all when they are three or fewer. */
export function isAlike(relation: string, original: string): string {
  return `(select count(*) >= (select greatest(least(count(*), 3), ceil(count(*) / 2.0)) from pg_attribute b
                             where b.attrelid = ${original} and b.attnum > 0 and not b.attisdropped)
         from pg_attribute a join pg_attribute b on b.attrelid = ${original} and b.attname = a.attname
           and b.atttypid = a.atttypid and b.attnum > 0 and not b.attisdropped
         where a.attrelid = ${relation} and a.attnum > 0 and not a.attisdropped)`;
}

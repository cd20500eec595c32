/**
 * Keys that tell one tenant of a row of another. Unique keys and exclusions without the column of the tenant, over values that a
 * client can choose: keys that the server makes (uuid, identity, sequence) tell nobody anything, for who does not know them cannot
 * meet them. And foreign keys from table to table without it, by which a client tries numbers until one is there, or hangs a row of
 * its own on one of another; nobody tries uuids.
 * `$1` is the role that writes, `$2` and `$3` the tables and their columns of the tenant.
 */
export const LEAKING_KEYS = `
  with divided as (select * from unnest($2::oid[], $3::text[]) as t (oid, col) where col is not null)
  select i.indexrelid::regclass::text as name
  from pg_index i join divided t on t.oid = i.indrelid join pg_class ic on ic.oid = i.indexrelid
  where (i.indisunique or i.indisexclusion) and not ic.relispartition and has_any_column_privilege($1, i.indrelid, 'INSERT')
    and not exists (
      select from unnest(i.indkey[0:i.indnkeyatts - 1]) k (attnum)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
        left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
      where a.attname = t.col or a.atttypid = 'uuid'::regtype or a.attidentity <> ''
         or pg_get_expr(f.adbin, f.adrelid) like 'nextval(%')
    and not (i.indexprs is not null and exists (
      select from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = i.indrelid and a.attname = t.col))
  union all
  select format('%s of %s', f.conname, f.conrelid::regclass)
  from pg_constraint f join divided t on t.oid = f.conrelid join divided u on u.oid = f.confrelid
  where f.contype = 'f' and f.conparentid = 0 and has_any_column_privilege($1, f.conrelid, 'INSERT, UPDATE')
    and not exists (select from unnest(f.conkey) k join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k
                    where a.attname = t.col)
    and not exists (select from unnest(f.confkey) k join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k
                    where a.atttypid = 'uuid'::regtype or a.attname = u.col)`;

import type { Client } from 'pg';
import { type PostgresPlace, rowsOf } from './postgres-place.ts';
import { HOLDERS } from './row-holders.ts';

/**
 * Ways by which rows of the schema leave the database, or others come in, past every policy: publications, replication slots and
 * subscriptions that stay; who gets the changes of the server now, but for a base backup; tables of other servers that the
 * application writes, or that triggers of the tables write; other servers that the application may use; functions of `dblink`. `$1` is the schema, `$2` the role of the application, `$3` names
 * that people declared: of the thing itself, or of the role that replicates, `$4` whether what is so on all of the server is told elsewhere.
 */
const OUTLETS = `
  with recursive ${HOLDERS},
  outlets (name, what) as (
    select p.pubname, 'publication ' || p.pubname || ' gives its rows out' from pg_publication p
    where p.puballtables and not $4::boolean
       or exists (select from pg_publication_rel r join holders h on h.oid = r.prrelid where r.prpubid = p.oid)
       or exists (select from pg_publication_namespace s join pg_namespace n on n.oid = s.pnnspid
                  where s.pnpubid = p.oid and n.nspname = $1::name)
    union all
    select coalesce(a.usename, s.slot_name), 'replication slot ' || s.slot_name || coalesce(' of ' || a.usename, '')
    from pg_replication_slots s left join pg_stat_activity a on a.pid = s.active_pid
    where not s.temporary and (s.database is null or s.database = current_database()) and s.slot_name <> all ($3::text[])
      and not $4::boolean
    union all
    select r.usename, format('%s of %s gets every change of the server at %s', r.application_name, r.usename,
                             coalesce(host(r.client_addr), 'the same machine'))
    from pg_stat_replication r
    where r.state in ('streaming', 'catchup') and r.application_name <> all ($3::text[])
      and not exists (select from pg_stat_progress_basebackup) and not $4::boolean
    union all
    select s.subname, 'subscription ' || s.subname || ' brings rows of another server in' from pg_subscription s
    where s.subdbid = (select oid from pg_database where datname = current_database()) and not $4::boolean
    union all
    select s.srvname, format('%s may write %s on server %s', $2::name, f.ftrelid::regclass, s.srvname)
    from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver
    where has_any_column_privilege($2::name, f.ftrelid, 'INSERT, UPDATE')
    union all
    select s.srvname, format('what comes into %s is written to server %s', t.tgrelid::regclass, s.srvname)
    from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver join pg_class c on c.oid = f.ftrelid
      join pg_trigger t on not t.tgisinternal and t.tgenabled <> 'D' join declared d on d.oid = t.tgrelid
      join pg_proc p on p.oid = t.tgfoid
    where p.prosrc ~* ('\\minto\\s+\\S*' || regexp_replace(c.relname, '([^[:alnum:]_])', '\\\\\\1', 'g') || '\\M')
    union all
    select s.srvname, format('%s may use server %s', $2::name, s.srvname) from pg_foreign_server s
    where has_server_privilege($2::name, s.oid, 'USAGE')
    union all
    select e.extname, format('%s may call functions of %s', $2::name, e.extname) from pg_extension e
    where e.extname = 'dblink' and exists (
      select from pg_depend d join pg_proc p on p.oid = d.objid
      where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid
        and p.proname = 'dblink_connect' and has_schema_privilege($2::name, p.pronamespace, 'USAGE')
        and has_function_privilege($2::name, p.oid, 'EXECUTE'))
  )
  select distinct what as name from outlets where name <> all ($3::text[]) order by 1`;

/** Ways out of a store, and into it, that nobody declared, in words. */
export async function readOutlets(
  client: Client,
  { schema, role, operators, isToldOf = false }: PostgresPlace,
): Promise<readonly string[]> {
  if (!role) return [];
  return (await rowsOf<{ name: string }>(client, OUTLETS, [schema, role.user, operators, isToldOf])).map(
    ({ name }) => name,
  );
}

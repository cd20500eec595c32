import type { Client } from 'pg';
import { type PostgresPlace, rowsOf } from './postgres-place.ts';

/**
 * Roles that can log in and reach rows of the schema without a grant of their own on its tables: superusers, those who pass
 * policies by or replicate the whole server, and members of a group that may read or write (`pg_read_all_data`, the role
 * of the application). `$1` is the schema, `$2` the names that are known. The role that made the cluster (oid 10) and owners
 * of the tables are as people set the server up.
 */
const STRANGERS = `
  with tables as (
    select c.oid, c.relowner, c.relacl from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1::name and c.relkind in ('r', 'p', 'v', 'm', 'f')
  )
  select r.rolname || case
           when r.rolsuper then ' is superuser'
           when r.rolbypassrls then ' passes policies by'
           when r.rolreplication then ' may replicate the server'
           else ' is in a group that may read or write' end as name
  from pg_roles r
  where r.rolcanlogin and r.oid <> 10 and r.rolname <> all ($2::text[])
    and not exists (select from tables t where t.relowner = r.oid)
    and not exists (select from tables t, aclexplode(t.relacl) x where x.grantee = r.oid)
    and (r.rolsuper or r.rolbypassrls or r.rolreplication
         or exists (select from tables t where has_table_privilege(r.oid, t.oid, 'SELECT, INSERT, UPDATE, DELETE')
                    and not exists (select from aclexplode(t.relacl) x where x.grantee = 0)))
  order by 1`;

/** Who can enter and reach the rows though nobody declared it, in words. */
export async function readStrangers(client: Client, place: PostgresPlace): Promise<readonly string[]> {
  const { schema, role, admin, operators } = place;
  const known = [admin.user, ...(role ? [role.user] : []), ...operators];
  return (await rowsOf<{ name: string }>(client, STRANGERS, [schema, known])).map(({ name }) => name);
}

import type { Client } from 'pg';
import { readDefinerFunctions } from './routines/definer-functions.ts';
import { type PostgresPlace, rowsOf } from './postgres-place.ts';
import { HOLDERS } from './row-holders.ts';

/**
 * Groups of PostgreSQL's own whose members read or write rows of everybody, or the files under them, or run programs as the
 * server: whoever is in one of the last three is superuser in effect (PostgreSQL, Predefined Roles).
 */
const POWERS = `array['pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files',
  'pg_execute_server_program', 'pg_create_subscription']`;

/**
 * Who is what: each role, and those that it can become or whose rights it has. A membership says since PostgreSQL 16 what it
 * gives; before, it gives all. Common table expression `becomes (role, oid)`, for `with recursive`.
 */
export const BECOMES = `
  becomes (role, oid) as (
    select oid, oid from pg_roles
    union
    select b.role, m.roleid from becomes b join pg_auth_members m on m.member = b.oid
    where m.admin_option or coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
       or coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
  )`;

/**
 * Roles that can log in and reach rows of the schema without a grant of their own on what holds them: superusers, those who
 * pass policies by, replicate the whole server or make roles, members of groups that may read or write (`pg_read_all_data`, the
 * role of the application), and those that may call functions which read past the policies. `$1` is the schema, `$2` the
 * names that are known, `$3` the role of the application, `$4` whether what is so on all of the server is told elsewhere, `$5` those functions. The
 * role that made the cluster (oid 10) and owners of the tables are as people set the server up.
 */
const STRANGERS = `
  with recursive ${HOLDERS}, ${BECOMES},
  tables as (select c.oid, c.relowner, c.relacl from pg_class c join holders h on h.oid = c.oid),
  unknown as (
    select r.* from pg_roles r where r.rolcanlogin and r.oid <> 10 and r.rolname <> all ($2::text[])
    and not exists (select from tables t where t.relowner = r.oid)
  ),
  powers (oid, what) as (
    select oid, case when rolsuper then 'is superuser' when rolbypassrls then 'passes policies by'
      when rolreplication then 'may replicate the server' when rolcreaterole then 'may make roles'
      else 'is in ' || rolname end
    from pg_roles where rolsuper or rolbypassrls or rolreplication or rolcreaterole or rolname = any (${POWERS})
  ),
  past as materialized (
    select p.oid, p.pronamespace from pg_proc p
    where p.oid = any ($5::oid[])
      and not (has_schema_privilege($3::name, p.pronamespace, 'USAGE') and has_function_privilege($3::name, p.oid, 'EXECUTE'))
  )
  select r.rolname || ' ' || coalesce(
      (select p.what from powers p where p.oid = r.oid and not $4::boolean),
      (select min(p.what) from powers p join becomes b on b.oid = p.oid where b.role = r.oid and not $4::boolean),
      case when exists (select from tables t join becomes b on b.role = r.oid
                        where has_table_privilege(b.oid, t.oid, 'SELECT, INSERT, UPDATE, DELETE')
                          and not exists (select from aclexplode(t.relacl) x where x.grantee = 0))
             and not exists (select from powers p join becomes b on b.oid = p.oid where b.role = r.oid)
           then 'is in a group that may read or write' end) as name
  from unknown r where not exists (select from tables t, aclexplode(t.relacl) x where x.grantee = r.oid)
  union all
  select format('%s may call %s', r.rolname, p.oid::regprocedure)
  from unknown r cross join past p
  where not r.rolsuper and has_schema_privilege(r.oid, p.pronamespace, 'USAGE') and has_function_privilege(r.oid, p.oid, 'EXECUTE')
  order by 1`;

/** Who can enter and reach the rows though nobody declared it, in words. */
export async function readStrangers(client: Client, place: PostgresPlace): Promise<readonly string[]> {
  const { schema, role, admin, operators, neighbours = [], isToldOf = false } = place;
  const known = [admin.user, ...(role ? [role.user] : []), ...operators, ...neighbours];
  const rows = await rowsOf<{ name: string | null }>(client, STRANGERS, [
    schema,
    known,
    role?.user ?? admin.user,
    isToldOf,
    await readPast(client, schema),
  ]);
  return rows.flatMap(({ name }) => name ?? []);
}

/** Functions that run as their owner and read rows of the schema past the policies. */
async function readPast(client: Client, schema: string): Promise<readonly number[]> {
  const tables = await rowsOf<{ oid: number }>(
    client,
    `select oid as oid from pg_class
     where relnamespace = (select oid from pg_namespace where nspname = $1) and relrowsecurity`,
    [schema],
  );
  const functions = await readDefinerFunctions(
    client,
    tables.map(({ oid }) => oid),
  );
  return functions.filter(({ reading }) => reading === 'past').map(({ oid }) => oid);
}

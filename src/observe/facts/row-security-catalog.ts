import type { Client } from 'pg';
import { callableBy, readDefinerFunctions } from './routines/definer-functions.ts';
import { LEAKING_KEYS } from './leaking-keys.ts';
import { type PostgresPlace, rowsOf } from './postgres-place.ts';

/** A table that holds data of tenants, as the catalog shows it. */
export interface TenantTable {
  readonly oid: number;
  /** Quoted. */
  readonly table: string;
  /** Column that its policies compare; null when they name none. */
  readonly column: string | null;
  /** As PostgreSQL writes it: `text`, `uuid`. */
  readonly columnType: string | null;
  /** Setting of the session that its policies, or functions that they call, read. */
  readonly setting: string | null;
  /** Every setting that its policies read, and every value that they write out. */
  readonly settings: readonly string[];
  readonly literals: readonly string[];
  /** Commands that the role may give and to which no policy that looks at the row applies. */
  readonly unguarded: readonly string[];
  /** Whether it has rows; null when that could not be seen past the policies. */
  readonly holdsRows: boolean | null;
}

/**
 * Partitions and tables that inherit, wherever they are, count when the role may enter them directly: by way of their parent
 * they are guarded by its policies. A
 * policy guards when it compares a column of the table with something of the session: a setting, who it is, what a function
 * says, rows of another table; for rows as they are (USING) and as they are to be (WITH CHECK) apart. One of `true`, or of
 * the row alone, lets everybody through, since permissive ones are joined by OR. Policies for roles that the application's role does not have are nothing to it. `$1` schema, `$2` role, `$3` names
 * of tables or none for all.
 */
export const UNGUARDED = `
  with recursive family (oid, is_declared) as (
    select c.oid, not c.relispartition from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and (cardinality($3::text[]) = 0 or c.relname = any ($3))
    union select i.inhrelid, false from pg_inherits i join family f on f.oid = i.inhparent
  ),
  tables as (
    select c.oid, c.relrowsecurity or bool_or(f.is_declared) as is_on, format('%I.%I', n.nspname, c.relname) as name
    from family f join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and (f.is_declared or has_schema_privilege($2, n.oid, 'USAGE') and (
           has_table_privilege($2, c.oid, 'DELETE') or has_any_column_privilege($2, c.oid, 'SELECT, INSERT, UPDATE')))
    group by c.oid, c.relrowsecurity, n.nspname, c.relname
  ),
  policies as (
    select p.oid, p.polrelid, p.polcmd, p.polpermissive, e.kind, e.tree is null as is_absent,
           e.tree::text ~ '\\{VAR ' and exists (
             select from pg_depend d where d.classid = 'pg_policy'::regclass and d.objid = p.oid
             and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid > 0)
           and (pg_get_expr(e.tree, p.polrelid) ~* 'current_setting\\(|\\m(current|session)_user\\M|\\mcurrent_role\\M|\\mselect\\M'
                or e.tree::text ~ ':funcid (1[6-9]\\d{3}|[2-9]\\d{4}|\\d{6,}) ') as looks
    from pg_policy p join tables t on t.oid = p.polrelid,
      lateral (values ('old', p.polqual), ('new', coalesce(p.polwithcheck, p.polqual))) as e (kind, tree)
    where p.polroles = '{0}' or exists (select from unnest(p.polroles) r where r <> 0 and pg_has_role($2, r, 'USAGE'))
  ),
  commands (command, letter, kinds) as (
    values ('SELECT', 'r', '{old}'::text[]), ('INSERT', 'a', '{new}'), ('UPDATE', 'w', '{old,new}'), ('DELETE', 'd', '{old}')
  )
  select t.oid, t.name as table,
    (select a.attname from pg_depend d join policies p on p.oid = d.objid join pg_attribute a
       on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
     where d.classid = 'pg_policy'::regclass and d.refobjid = t.oid and d.refobjsubid > 0
     group by a.attname order by count(*) desc, min(a.attnum) limit 1) as column,
    coalesce(
      (select m[1] from pg_policy p, lateral (values (p.polqual), (p.polwithcheck)) as e (tree),
         lateral (select pg_get_expr(e.tree, t.oid) as text) as x, regexp_matches(x.text, 'current_setting\\(''([^'']+)''', 'g') m
       where p.polrelid = t.oid
       group by m[1] order by count(*) filter (where x.text ~ ('= [^=]{0,40}current_setting\\(''' || m[1] || '''')) desc, m[1] limit 1),
      (select substring(f.prosrc from 'current_setting\\(''([^'']+)''')
       from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
         join pg_proc f on d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid
       where p.polrelid = t.oid and f.prosrc like '%current_setting%' order by 1 limit 1)) as setting,
    array(select distinct m[1] from pg_policy p, lateral (values (p.polqual), (p.polwithcheck)) as e (tree),
            regexp_matches(pg_get_expr(e.tree, t.oid), 'current_setting\\(''([^'']+)''', 'g') m
          where p.polrelid = t.oid order by 1) as settings,
    array(select distinct m[1] from pg_policy p, lateral (values (p.polqual), (p.polwithcheck)) as e (tree),
            regexp_matches(pg_get_expr(e.tree, t.oid), '''([^'']+)''::text', 'g') m
          where p.polrelid = t.oid order by 1 limit 20) as literals,
    array(select c.command from commands c where (case when c.command = 'DELETE' then has_table_privilege($2, t.oid, 'DELETE')
                 else has_any_column_privilege($2, t.oid, c.command) end)
       and exists (select from unnest(c.kinds) k (kind)
         where not exists (select from policies p where p.polrelid = t.oid and p.polcmd in ('*', c.letter) and p.kind = k.kind
                           and not p.polpermissive and p.looks)
           and (not t.is_on or not exists (select from policies p where p.polrelid = t.oid)
                or exists (select from policies p where p.polrelid = t.oid and p.polcmd in ('*', c.letter) and p.kind = k.kind
                           and p.polpermissive and not p.is_absent and not p.looks)))
    ) as unguarded
  from tables t order by t.name`;

export async function readTenantTables(client: Client, place: PostgresPlace): Promise<readonly TenantTable[]> {
  const rows = await rowsOf<Omit<TenantTable, 'columnType' | 'holdsRows'>>(client, UNGUARDED, [
    place.schema,
    place.role?.user,
    place.tables,
  ]);
  const columns = commonest(rows.map(({ column }) => column));
  const settings = commonest(rows.map(({ setting }) => setting));
  const tables: TenantTable[] = [];
  for (const row of rows) {
    // A table whose policy was taken away is still divided as the others are.
    const found = await columnOf(client, row.oid, row.column ?? columns);
    const holdsRows = await holdsAny(client, row.table);
    tables.push({ ...row, ...found, setting: row.setting ?? settings, holdsRows });
  }
  return tables;
}

async function columnOf(client: Client, oid: number, name: string | null) {
  const [column] = await rowsOf<{ name: string; type: string }>(
    client,
    `select attname as name, format_type(atttypid, null) as type from pg_attribute
     where attrelid = $1 and attname = $2 and not attisdropped`,
    [oid, name],
  );
  return { column: column?.name ?? null, columnType: column?.type ?? null };
}

/** With `row_security` off PostgreSQL refuses to answer rather than to hide rows. */
async function holdsAny(client: Client, table: string): Promise<boolean | null> {
  await client.query('set row_security = off');
  const answer = rowsOf<{ some: boolean }>(client, `select exists (select from ${table}) as some`);
  return (await answer.catch(() => []))[0]?.some ?? null;
}

function commonest(names: readonly (string | null)[]): string | null {
  const counts = new Map<string, number>();
  for (const name of names) if (name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

/**
 * `$1`, or a role that it can become, is superuser, has BYPASSRLS or owns one of the tables with the oids `$2`; what owners may
 * is inherited too. A membership says since PostgreSQL 16 what it gives; before, it gives all.
 */
export const BYPASSING_ROLES = `
  with recursive becomes (oid) as (
    select oid from pg_roles where rolname = $1
    union select m.roleid from pg_auth_members m join becomes b on b.oid = m.member
    where m.admin_option or coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
  ),
  owners as (select distinct relowner as oid from pg_class where oid = any ($2::oid[]))
  select r.rolname as name from pg_roles r
  where r.oid in (select oid from becomes) and (r.rolsuper or r.rolbypassrls or r.oid in (select oid from owners))
    or r.oid in (select oid from owners) and pg_has_role($1, r.oid, 'USAGE')
       and not (select rolsuper from pg_roles where rolname = $1)`;

/**
 * Views that read tables with the rights of somebody whom the policies do not bind: row-level security of a view without
 * security_invoker is that of its owner. One whose owner is bound is sound. Materialized views hold rows of all tenants.
 * `$1` is the role that reads, `$2` the oids of the tables.
 */
export const BYPASSING_VIEWS = `
  with recursive readers (oid, base) as (
    select r.ev_class, d.refobjid from pg_rewrite r
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
    where d.refobjid = any ($2::oid[]) and r.ev_class <> d.refobjid
    union
    select r.ev_class, v.base from readers v
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid
    where r.ev_class <> v.oid
  )
  select distinct format('%I.%I', n.nspname, c.relname) as name
  from readers v join pg_class c on c.oid = v.oid join pg_namespace n on n.oid = c.relnamespace
    join pg_roles o on o.oid = c.relowner join pg_class b on b.oid = v.base
  where has_any_column_privilege($1, c.oid, 'SELECT')
    and (c.relkind = 'm' or (c.relkind = 'v'
      and not exists (select from pg_options_to_table(c.reloptions) x
                      where x.option_name = 'security_invoker' and x.option_value in ('true', 'on', '1', 'yes'))
      and (o.rolsuper or o.rolbypassrls or (pg_has_role(o.oid, b.relowner, 'USAGE') and not b.relforcerowsecurity))))`;

/**
 * Views among those that keep tenants apart by themselves, if what they say is so: a barrier, behind which nothing of others is
 * looked at, and a plain comparison with the session. Whether it is so is tried. `$1` oids of the tables.
 */
const FILTERING_VIEWS = `
  select distinct format('%I.%I', n.nspname, c.relname) as name, d.refobjid as base
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_rewrite r on r.ev_class = c.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjid = any ($1::oid[])
    cross join lateral pg_get_viewdef(c.oid) as v (text)
  where c.relkind = 'v' and v.text ~ '= current_setting\\(' and v.text !~* '\\m(or|union|intersect|except|left|right|full)\\M'
    and exists (select from pg_options_to_table(c.reloptions) x
                where x.option_name = 'security_barrier' and x.option_value in ('true', 'on', '1', 'yes'))`;

/** A view that says that it keeps the tenants of a table apart. */
export interface FilteringView {
  /** Quoted. */
  readonly name: string;
  /** Oid of the table. */
  readonly base: number;
}

export function readFilteringViews(client: Client, tables: readonly TenantTable[]): Promise<readonly FilteringView[]> {
  return rowsOf<FilteringView>(client, FILTERING_VIEWS, [tables.map(({ oid }) => oid)]);
}

const BLIND_SPOTS = `
  select format('%s on %s', x.privilege_type, c.oid::regclass) as name
  from pg_class c, aclexplode(c.relacl) x
  where c.oid = any ($2::oid[]) and x.privilege_type in ('TRUNCATE', 'REFERENCES') and x.grantee <> c.relowner
    and (x.grantee = 0 or pg_has_role($1, x.grantee, 'MEMBER'))
    and not (select rolsuper from pg_roles where rolname = $1)`;

/** What the catalog says of ways around row-level security; each list names what it found. */
export interface Bypasses {
  readonly roles: readonly string[];
  readonly views: readonly string[];
  /** Functions that read past the policies; apart from them, those of which nobody can tell. */
  readonly functions: readonly string[];
  readonly unread: readonly string[];
  readonly grants: readonly string[];
  readonly keys: readonly string[];
}

export async function readBypasses(client: Client, role: string, tables: readonly TenantTable[]): Promise<Bypasses> {
  const oids = tables.map(({ oid }) => oid);
  const names = async (text: string, more: readonly unknown[] = []) =>
    (await rowsOf<{ name: string }>(client, text, [role, oids, ...more])).map(({ name }) => name).toSorted();
  const functions = await callableBy(client, role, await readDefinerFunctions(client, oids));
  return {
    roles: await names(BYPASSING_ROLES),
    views: await names(BYPASSING_VIEWS),
    functions: functions.filter(({ reading }) => reading === 'past').map(({ name }) => name),
    unread: functions.filter(({ reading }) => reading === 'unread').map(({ name }) => name),
    grants: await names(BLIND_SPOTS),
    keys: await names(LEAKING_KEYS, [tables.map(({ column }) => column)]),
  };
}

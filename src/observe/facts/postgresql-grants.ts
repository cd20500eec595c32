import type { Client } from 'pg';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { readStrayCopies } from './other-databases.ts';
import { readOutlets } from './outlets.ts';
import { counted, placeCollector, Unmeasured, unknown, value } from './place-collector.ts';
import { inSession, type PostgresPlace, rowsOf } from './postgres-place.ts';
import { HOLDERS } from './row-holders.ts';
import { BECOMES, readStrangers } from './strangers.ts';

/**
 * Privileges beyond the declared ones that come with every table that is made next (ALTER DEFAULT PRIVILEGES). `$1` schema,
 * `$2` role of the application, `$3` what is declared, `$4` roles that may have any.
 */
export const SURPLUS_DEFAULTS = `
  select x.privilege_type as privilege, pg_get_userbyid(d.defaclrole)::text as creator, n.nspname::text as schema,
         case when x.grantee = 0 then 'PUBLIC' else r.rolname::text end as grantee
  from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
    cross join lateral aclexplode(d.defaclacl) x left join pg_roles r on r.oid = x.grantee
  where d.defaclobjtype = 'r' and (n.nspname is null or n.nspname = $1::name) and x.grantee <> d.defaclrole
    and x.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER')
    and not coalesce(r.rolsuper, false)
    and case when x.grantee = 0 or r.rolname = $2::name then x.privilege_type <> all ($3::text[])
             else r.rolname <> all ($4::text[]) and not pg_has_role($2::name, x.grantee, 'MEMBER') end`;

/** Of the catalog: what holds rows, hashes and passwords of all, or files. Other rights there are for who minds the server. */
const READS_ALL =
  'authid|shadow|statistic|largeobject|user_mapping|hba_file|read_.*file|ls_|stat_file|lo_(?:im|ex)port';

/**
 * What the application's role may do beyond what is declared (its own grants, those of its groups and of PUBLIC, what it
 * may create, groups of PostgreSQL's own that it is in), who else has been granted anything on what holds the rows, wherever that
 * is, and what was opened of the catalog itself. Owners of tables and superusers need no grants: those who may log
 * in are counted by `readStrangers`.
 */
const SURPLUS = `
  with recursive ${HOLDERS}, ${BECOMES},
  tables as (select c.* from pg_class c join declared d on d.oid = c.oid),
  everywhere as (select c.* from pg_class c join holders h on h.oid = c.oid),
  kinds (privilege) as (
    select unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])
  ),
  own as (
    select format('%s %s on %s', $2::name, k.privilege, t.oid::regclass) as name
    from tables t cross join kinds k
    where has_table_privilege($2::name, t.oid, k.privilege) and k.privilege <> all ($3::text[])
      and not (t.relkind in ('v', 'm') and k.privilege = 'SELECT')
  ),
  others as (
    select format('%s %s on %s', x.grantee::regrole, x.privilege_type, t.oid::regclass)
    from everywhere t, aclexplode(t.relacl) x join pg_roles r on r.oid = x.grantee
    where x.grantee <> t.relowner and not r.rolsuper and r.rolname <> all ($4::text[])
      and not pg_has_role($2::name, x.grantee, 'MEMBER')
  ),
  everybody as (
    select format('PUBLIC %s on %s', x.privilege_type, t.oid::regclass) from tables t, aclexplode(t.relacl) x
    where x.grantee = 0 and x.privilege_type = any ($3::text[]) and t.relkind not in ('v', 'm')
  ),
  columns as (
    select format('%s %s (%s) on %s', coalesce(r.rolname, 'PUBLIC'), x.privilege_type, a.attname, t.oid::regclass)
    from everywhere t join pg_attribute a on a.attrelid = t.oid and a.attacl is not null and not a.attisdropped
      cross join lateral aclexplode(a.attacl) x left join pg_roles r on r.oid = x.grantee
    where x.grantee <> t.relowner and not coalesce(r.rolsuper, false)
      and case when x.grantee = 0 then true
               when pg_has_role($2::name, x.grantee, 'MEMBER') then x.privilege_type <> all ($3::text[])
               else r.rolname <> all ($4::text[]) end
  ),
  catalog as (
    select format('%s %s on %s', coalesce(r.rolname, 'PUBLIC'), x.privilege_type, o.name)
    from (select 'pg_class'::regclass as class, oid, oid::regclass::text as name, relacl as acl, acldefault('r', relowner) as plain
          from pg_class where relnamespace = 'pg_catalog'::regnamespace and relacl is not null
          union all
          select 'pg_proc'::regclass, oid, oid::regprocedure::text, proacl, acldefault('f', proowner)
          from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proacl is not null) o
      left join pg_init_privs i on i.classoid = o.class and i.objoid = o.oid and i.objsubid = 0
      cross join lateral aclexplode(o.acl) x left join pg_roles r on r.oid = x.grantee
    where not exists (select from aclexplode(coalesce(i.initprivs, o.plain)) b
                      where b.grantee = x.grantee and b.privilege_type = x.privilege_type)
      and (x.grantee = 0 or r.rolcanlogin and not r.rolsuper and (r.rolname = $2::name
           or r.rolname <> all ($4::text[]) and o.name ~ '${READS_ALL}'))
  ),
  attributes as (
    select format('%s may %s', $2::name, a.what) from pg_roles r,
      lateral (values (r.rolcreaterole, 'create roles'), (r.rolcreatedb, 'create databases'), (r.rolreplication, 'replicate'),
                      (has_schema_privilege($2::name, $1::name, 'CREATE'), 'create in the schema')) as a (may, what)
    where r.rolname = $2::name and a.may
  ),
  groups as (
    select format('%s is in %s', $2::name, g.rolname)
    from pg_roles r join becomes b on b.role = r.oid join pg_roles g on g.oid = b.oid and g.oid <> r.oid
    where r.rolname = $2::name and not r.rolsuper and (g.rolname ~ '^pg_' or g.rolcreaterole or g.rolreplication)
      and exists (select from pg_auth_members m join pg_roles o on o.oid = m.member join becomes c on c.oid = o.oid
                  where m.roleid = g.oid and c.role = r.oid and o.rolname !~ '^pg_')
  )
  select * from own union select * from others union select * from everybody union select * from columns
  union select * from catalog union select * from attributes union select * from groups
  union select format('%s of what %s makes next', d.privilege, d.creator) from (${SURPLUS_DEFAULTS}) d order by 1`;

export interface PostgresqlGrantsOptions {
  readonly places: () => readonly PostgresPlace[];
  readonly clock: Clock;
}

/** Privileges in a store against those that its workload declares. Reading by a view is judged as isolation, not here. */
export function postgresqlGrants({ places, clock }: PostgresqlGrantsOptions): Collector {
  return placeCollector({
    name: 'postgresql-grants',
    facts: ['access.grants.surplus'],
    everyMs: 60_000,
    timeoutMs: 60_000,
    placeMs: 20_000,
    places,
    clock,
    look: async (place, signal) => {
      const { role, schema, privileges, admin, operators } = place;
      if (!role) throw new Unmeasured('the store does not say as whom its workload logs in');
      if (privileges.length === 0) throw new Unmeasured('the store does not declare the privileges of its role');
      const known = [role.user, admin.user, ...operators];
      const { surplus, unseen } = await inSession(place, admin, signal, async (client) => {
        const grants = await rowsOf<{ name: string }>(client, SURPLUS, [schema, role.user, privileges, known]);
        const others = [...(await readStrangers(client, place)), ...(await readOutlets(client, place))];
        const { copies, unseen } = await readStrayCopies(client, place, signal);
        const held = copies.map(({ database, table, of }) => `database ${database} has rows of ${of} in ${table}`);
        return { surplus: [...grants.map(({ name }) => name), ...others, ...held], unseen };
      });
      const measured = surplus.length === 0 && unseen !== null ? unknown(unseen) : counted(surplus);
      return { readings: { 'access.grants.surplus': measured }, transcript: surplus };
    },
  });
}

/** Half of the time that the answer took could have passed on either way. */
export function databaseClocks({ places, clock }: PostgresqlGrantsOptions): Collector {
  return placeCollector({
    name: 'database-clocks',
    facts: ['clock.offset.seconds'],
    everyMs: 60_000,
    timeoutMs: 60_000,
    placeMs: 5_000,
    places,
    clock,
    look: async (place, signal) => {
      const offsetMs = await inSession(place, place.admin, signal, (client) => offsetOf(client, clock));
      return { readings: { 'clock.offset.seconds': measuredOffset(offsetMs) }, transcript: offsetMs };
    },
  });
}

interface Offset {
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

/** Of five answers the quickest: it says most exactly when it was given. */
async function offsetOf(client: Client, clock: Clock): Promise<Offset> {
  const offsets: Offset[] = [];
  for (let round = 0; round < 5; round += 1) {
    const before = clock.now();
    const [row] = await rowsOf<{ ms: number }>(
      client,
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    const after = clock.now();
    offsets.push({ offsetMs: Math.abs((row?.ms ?? 0) - (before + after) / 2), roundTripMs: after - before });
  }
  return offsets.toSorted((a, b) => a.roundTripMs - b.roundTripMs)[0] ?? { offsetMs: Number.NaN, roundTripMs: 0 };
}

function measuredOffset({ offsetMs, roundTripMs }: Offset): Measured {
  if (roundTripMs > 2_000) return unknown(`the answers took ${roundTripMs} ms, too long to compare clocks by`);
  return value(Math.max(0, offsetMs - roundTripMs / 2) / 1_000);
}

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../../store/throwaway-postgres.ts';
import { callableBy, readDefinerFunctions } from './definer-functions.ts';

let server: ThrowawayPostgres;
let admin: Client;

const TENANTS = `
  create role bound; create role records_app; create schema records; create schema reports;
  grant usage on schema records, reports to records_app, bound;
  create table records.notes (tenant text not null, id uuid primary key default gen_random_uuid(), kind text, body text);
  create table records.keys (tenant uuid not null, key text not null);
  alter table records.notes enable row level security; alter table records.notes force row level security;
  alter table records.keys enable row level security; alter table records.keys force row level security;
  create policy own on records.notes using (tenant = current_setting('app.tenant', true));
  create policy own on records.keys using (tenant = nullif(current_setting('app.tenant', true), '')::uuid);
  create table reports.plans (plan text primary key, price int, notes text);
  create table reports.notes (plan text, said text);
  grant select on all tables in schema records, reports to bound`;

beforeAll(async () => {
  const reserved = createServer().listen(0, '127.0.0.1');
  await once(reserved, 'listening');
  const { port } = reserved.address() as AddressInfo;
  reserved.close();
  await once(reserved, 'close');
  server = await startThrowawayPostgres({ port, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: 'secret' });
  admin = new Client({ host: '127.0.0.1', port, database: 'kintsugi', user: 'kintsugi', password: 'secret' });
  await admin.connect();
});

beforeEach(async () => {
  await admin.query(`drop schema if exists records cascade; drop schema if exists reports cascade;
    drop role if exists bound; drop role if exists records_app; ${TENANTS}`);
});

afterAll(async () => {
  await admin?.end();
  await server?.close();
});

/** What is told of the functions that the application may call. */
async function told(sql: string): Promise<Readonly<Record<string, string>>> {
  await admin.query(sql);
  const { rows } = await admin.query<{ oid: number }>('select oid from pg_class where relrowsecurity');
  const tables = rows.map(({ oid }) => oid);
  const functions = await callableBy(admin, 'records_app', await readDefinerFunctions(admin, tables));
  return Object.fromEntries(functions.map(({ name, reading }) => [name.replace(/\(.*/, ''), reading]));
}

const NOW = `current_setting('app.tenant', true)`;

/** A function of PL/pgSQL with the rights of a superuser. */
function plpgsql(head: string, body: string, of = 'records.f'): string {
  return `create function ${of}(${head}) returns setof text language plpgsql security definer as $f$ ${body} $f$;`;
}

/** One in SQL. */
function sql(head: string, body: string, of = 'records.f'): string {
  return `create function ${of}(${head}) returns setof text language sql security definer as $f$ ${body} $f$;`;
}

/** One that nobody but its owner may call, with the rights of who does. */
const INNER = `create function records.inner_all() returns setof records.notes language sql as 'select * from records.notes';
  revoke all on function records.inner_all() from public;`;

describe('a function that reads past the policies is seen', () => {
  test.each([
    ['by way of another', INNER + sql('', 'select body from records.inner_all()')],
    [
      'by way of two others, of which the last makes text',
      `${plpgsql('t text', `begin return query execute format('select body from records.%I', t); end`, 'records.h')}
       revoke all on function records.h(text) from public;
       ${sql('t text', 'select records.h(t)', 'records.g')} revoke all on function records.g(text) from public;
       ${sql('t text', 'select records.g(t)')}`,
    ],
    [
      'by way of a view',
      `create view reports.v as select * from records.notes; ${sql('', 'select body from reports.v')}`,
    ],
    [
      'by way of a view that filters only some',
      `create view reports.v as select * from records.notes where tenant = ${NOW} or kind = 'public';
       ${sql('', 'select body from reports.v')}`,
    ],
    [
      'by way of a partition',
      `create table records.events (tenant text not null, at date) partition by range (at);
       create table records.events_2026 partition of records.events for values from ('2026-01-01') to ('2027-01-01');
       alter table records.events enable row level security; alter table records.events force row level security;
       create policy own on records.events using (tenant = ${NOW});
       ${sql('', 'select tenant from records.events_2026')} alter function records.f() owner to bound;
       grant select on records.events_2026 to bound`,
    ],
    ['with text of its caller', plpgsql('q text', 'begin return query execute q; end')],
    [
      'with text of its caller in a variable',
      plpgsql(
        'q text',
        `declare s text; begin s := 'select plan from reports.plans '; s := s || q; return query execute s; end`,
      ),
    ],
    [
      'with a name of its caller',
      plpgsql('t text', `begin return query execute 'select body from records.' || quote_ident(t); end`),
    ],
    [
      'with a table of its caller',
      plpgsql('t regclass', `begin return query execute format('select to_json(x)::text from %s x', t); end`),
    ],
    [
      'with a value of its caller that is not quoted',
      plpgsql(
        'p text',
        `begin return query execute 'select plan from reports.plans where plan = ''' || p || ''''; end`,
      ),
    ],
    [
      'with text that names it',
      plpgsql('', `begin return query execute 'select body from ' || 'records.' || 'notes'; end`),
    ],
    [
      'with a function of PostgreSQL that runs text',
      sql('t text', `select query_to_xml('select * from ' || t, true, true, '')::text`),
    ],
    [
      'by comparing one of two tables',
      sql('', `select a.body from records.notes a join records.notes b on true where b.tenant = ${NOW}`),
    ],
    ['by another parameter that is the tenant', sql('t text', `select body from records.notes where t = ${NOW}`)],
    ['by another column', sql('', `select body from records.notes where kind = ${NOW}`)],
    ['by comparing where nothing is narrowed', sql('', `select (tenant = ${NOW})::text from records.notes`)],
    ['by turning the comparison round', sql('', `select body from records.notes where not (tenant = ${NOW})`)],
    ['by asking whether it is not among them', sql('', `select body from records.notes where tenant not in (${NOW})`)],
    [
      'by asking who runs it, which is its owner',
      `alter policy own on records.notes using (tenant = session_user);
       ${sql('', 'select body from records.notes where tenant = current_user')}`,
    ],
    ['by asking whether it is not so', sql('', `select body from records.notes where (tenant = ${NOW}) is not true`)],
    [
      'on one side of UNION',
      sql('', `select body from records.notes where tenant = ${NOW} union select body from records.notes`),
    ],
    [
      'after it set the tenant itself',
      plpgsql(
        't text',
        `begin perform set_config('app.tenant', t, true);
       return query select body from records.notes where tenant = ${NOW}; end`,
      ),
    ],
    [
      'by a variable that may be something else',
      plpgsql(
        't text',
        `declare v text := ${NOW}; begin if t <> '' then v := t; end if;
        return query select body from records.notes where tenant = v; end`,
      ),
    ],
    [
      'after a check that lets nobody through but on paper',
      plpgsql(
        't text',
        `begin if t is distinct from ${NOW} then raise notice 'no'; end if;
       return query select body from records.notes where tenant = t; end`,
      ),
    ],
    [
      'by taking the policies off',
      plpgsql('', `begin execute 'alter table records.notes disable row level security'; end`),
    ],
  ])('%s', async (_, harm) => {
    expect(await told(harm)).toEqual({ 'records.f': 'past' });
  });

  test('in another language, where it names a table', async () => {
    // The language is there in name alone: nothing is run.
    await admin.query(`create language pretend handler plpgsql_call_handler`);
    const f = `create function records.f() returns text language pretend security definer as`;
    expect(await told(`${f} 'return plpy.execute("select * from records.notes")'`)).toEqual({ 'records.f': 'past' });
    await admin.query('drop language pretend cascade');
  });
});

describe('what nobody can tell is told as that', () => {
  test.each([
    [
      'a name out of the catalog',
      plpgsql(
        '',
        `declare t text; begin for t in select tablename from pg_tables where schemaname = 'records' loop
        return query execute format('select count(*)::text from records.%I', t); end loop; end`,
      ),
    ],
    [
      'a name that is looked up before',
      plpgsql(
        't text',
        `begin if not exists (select from reports.plans where plan = t) then raise exception 'no'; end if;
        return query execute format('select plan from %I', t); end`,
      ),
    ],
    [
      'text out of a table',
      plpgsql('', `declare q text; begin select notes into q from reports.plans limit 1; return query execute q; end`),
    ],
    [
      'a table that begins as one of them',
      plpgsql(
        '',
        `declare n text := now()::text; begin
       return query execute format('select body from records.no%s', n); end`,
      ),
    ],
  ])('%s', async (_, odd) => {
    expect(await told(odd)).toEqual({ 'records.f': 'unread' });
  });
});

describe('a sound function that looks odd is not flagged', () => {
  test.each([
    [
      'one that narrows what another gives it',
      INNER + sql('', `select body from records.inner_all() n where n.tenant = ${NOW}`),
    ],
    [
      'one that calls another that narrows',
      sql('', `select body from records.notes where tenant = ${NOW}`, 'records.g') + sql('', 'select records.g()'),
    ],
    [
      'one that calls another whose owner the policies bind',
      `${sql('', 'select body from records.notes', 'records.g')} alter function records.g() owner to bound; ${sql('', 'select records.g()')}`,
    ],
    [
      'one whose owner the policies bind',
      `${sql('', 'select body from records.notes')} alter function records.f() owner to bound;`,
    ],
    [
      'one that reads a view that filters',
      `create view reports.v as select * from records.notes where tenant = ${NOW}; ${sql('', 'select body from reports.v')}`,
    ],
    [
      'one that makes partitions by name',
      plpgsql(
        'month date',
        `begin execute format('create table if not exists records.notes_%s partition of records.notes
        for values from (%L) to (%L)', to_char(month, 'YYYY_MM'), month, month + 31); end`,
      ),
    ],
    [
      'one that tends tables',
      plpgsql(
        '',
        `declare t text; begin for t in select tablename from pg_tables loop execute format('analyze %I', t); end loop;
       execute 'refresh materialized view reports.prices'; end`,
      ),
    ],
    [
      'text that reads elsewhere',
      plpgsql('p text', `begin return query execute format('select plan from reports.plans where plan = %L', p); end`),
    ],
    [
      'a table of another schema by name',
      plpgsql('t text', `begin return query execute format('select plan from reports.%I', t); end`),
    ],
    [
      'a number of the caller in the text',
      plpgsql('n int', `begin return query execute 'select plan from reports.plans limit ' || n; end`),
    ],
    [
      'a name of the caller out of a list',
      plpgsql(
        't text',
        `begin if t not in ('plans', 'prices') then raise exception 'no'; end if;
        return query execute format('select plan from %I', t); end`,
      ),
    ],
    [
      'a name that is chosen of two',
      plpgsql(
        't text',
        `declare n text; begin if t = 'a' then n := 'plans'; else n := 'prices'; end if;
        return query execute format('select plan from %I', n); end`,
      ),
    ],
    [
      'text that narrows by what it is handed',
      plpgsql(
        't text',
        `begin return query execute format('select body from records.%I where tenant = $1', t) using ${NOW}; end`,
      ),
    ],
    [
      'text that narrows by a quoted value',
      plpgsql(
        '',
        `declare q text := 'select body from records.notes'; begin q := q || ' where tenant = ' || quote_literal(${NOW});
        return query execute q; end`,
      ),
    ],
    [
      'a variable that is the tenant',
      plpgsql('', `declare t text := ${NOW}; begin return query select body from records.notes where tenant = t; end`),
    ],
    [
      'a parameter that is refused unless it is the tenant',
      plpgsql(
        't text',
        `begin if t is distinct from ${NOW} then raise exception 'not yours'; end if;
        return query select body from records.notes where tenant = t; end`,
      ),
    ],
    [
      'a function that says the tenant',
      `create function records.tenant_now() returns uuid language sql stable as $$ select nullif(${NOW}, '')::uuid $$;
       ${sql('', 'select key from records.keys where tenant = records.tenant_now()')}`,
    ],
    [
      'a function that the policies ask',
      `create function records.me() returns text language sql stable as $$
         select coalesce(${NOW}, current_setting('request.claims', true)::jsonb ->> 'sub') $$;
       create table records.people (who text); alter table records.people enable row level security;
       create policy own on records.people using (who = records.me());
       ${sql('', 'select who from records.people where who = records.me()')}`,
    ],
    [
      'a list of tenants that a function says',
      `create function records.mine() returns setof text language sql stable as $$ select 'a' union select 'b' $$;
       alter policy own on records.notes using (tenant in (select records.mine()));
       ${sql('', 'select body from records.notes where tenant in (select records.mine())')}`,
    ],
    [
      'a part of what the session says',
      `alter policy own on records.notes using (tenant = (current_setting('request.claims', true)::jsonb ->> 'tenant'));
       ${sql('', `select body from records.notes where tenant = (pg_catalog.current_setting('request.claims', true)::jsonb ->> 'tenant')`)}`,
    ],
    [
      'several tenants that the session says',
      `alter policy own on records.notes using (tenant = any (string_to_array(current_setting('app.tenants', true), ',')));
       ${sql('', `select body from records.notes where tenant = any (string_to_array(current_setting('app.tenants', true), ','))`)}`,
    ],
    [
      'rows of a loop, and what an update takes them from',
      plpgsql(
        '',
        `declare r record; begin
         for r in select * from records.notes n where n.tenant = ${NOW} and n.kind in ('a', 'b') loop return next r.body; end loop;
         with own as (select id from records.notes where tenant = ${NOW})
         update records.notes t set body = 'x' from own where t.tenant = ${NOW} and own.id = t.id; end`,
      ),
    ],
    [
      'whoever logged in',
      `alter policy own on records.notes using (tenant = session_user);
       ${sql('', 'select body from records.notes where tenant = session_user')}`,
    ],
    [
      'a choice beside the comparison',
      sql(
        'k text',
        `select body from records.notes n where (n.kind = k or k is null) and ${NOW} = n.tenant order by 1`,
      ),
    ],
    [
      'two narrowed sides of UNION',
      sql(
        '',
        `select body from records.notes where tenant = ${NOW} union all
       select key from records.keys where tenant = nullif(${NOW}, '')::uuid`,
      ),
    ],
    [
      'the name in a message, a type and another table',
      plpgsql(
        '',
        `declare n records.notes; begin
       raise notice 'no notes from notes'; return query select notes from reports.plans; return query select said from reports.notes; end`,
      ),
    ],
    [
      'one that writes what happens for the tenant',
      plpgsql('b text', `begin insert into records.notes (tenant, body) values (${NOW}, b); end`),
    ],
    [
      'one that looks up nothing of tenants',
      plpgsql('', `begin perform pg_notify('a', 'b'); return query select plan from reports.plans; end`),
    ],
    [
      'one that nobody may call',
      `${sql('', 'select body from records.notes')} revoke all on function records.f() from public;`,
    ],
  ])('%s', async (_, odd) => {
    expect(await told(odd)).toEqual({});
  });
});

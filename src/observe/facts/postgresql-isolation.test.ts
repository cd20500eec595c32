import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { Redacted } from '../../base/redacted.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import type { Fact, FactValue } from '../fact.ts';
import { loggedCardNumbers, storedCardNumbers } from './card-numbers.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { databaseClocks, defaultAccounts, postgresqlGrants } from './postgresql-grants.ts';
import { postgresqlIsolation } from './postgresql-isolation.ts';
import { tenantStores } from './tenant-stores.ts';

const PORT = await freePort();
const ADMIN = 'admin-password';
/** Two runs of this file at once do not meet. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const signal = new AbortController().signal;
let server: ThrowawayPostgres;
let admin: Client;

const place: PostgresPlace = {
  subject: 'postgresql/records/eu',
  tenants: ['clinic-de'],
  host: '127.0.0.1',
  port: PORT,
  database: 'kintsugi',
  schema: 'records',
  tables: ['notes', 'keys'],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'records_app', password: new Redacted('app-password') },
  privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  operators: [],
  rowSecurity: true,
};

const SOUND = `
  create role records_owner;
  create role records_app login password 'app-password';
  create schema records authorization records_owner; grant usage on schema records to records_app;
  set role records_owner;
  create table records.notes (
    tenant text not null, id uuid not null default gen_random_uuid(), kind text not null check (kind in ('note', 'invoice')),
    body jsonb not null, primary key (tenant, id));
  create table records.keys (tenant text not null, key text not null, primary key (tenant, key));
  alter table records.notes enable row level security; alter table records.notes force row level security;
  alter table records.keys enable row level security; alter table records.keys force row level security;
  create policy own on records.notes using (tenant = current_setting('app.tenant', true));
  create policy own on records.keys using (tenant = current_setting('app.tenant', true));
  grant select, insert, update, delete on records.notes, records.keys to records_app;
  reset role;
  insert into records.notes values ('clinic-de', default, 'note', '{}'), ('clinic-fr', default, 'note', '{}')`;

const CLEAN = `
  drop schema if exists records cascade; drop schema if exists reports cascade; drop table if exists public.notes_2026;
  do $$ declare r text; begin
    for r in select rolname from pg_roles where rolname in ('records_app', 'records_owner', 'group_role', 'backup', 'stranger')
    loop execute format('drop owned by %I cascade; drop role %I', r, r); end loop; end $$`;

const GOOD: Readonly<Record<string, FactValue>> = {
  'rls.policies.missing': 0,
  'rls.roles.bypassing': 0,
  'rls.views.bypassing': 0,
  'rls.truncate.granted': 0,
  'rls.keys.leaking': 0,
  'isolation.sql.foreignRows': 0,
};

async function measured(over: Partial<PostgresPlace> = {}) {
  const collector = postgresqlIsolation({ places: () => [{ ...place, ...over }], clock, random: seededRandom(7) });
  const facts = await collector.collect(signal);
  return Object.fromEntries(
    facts.map((f) => [f.name, f.measured.kind === 'value' ? f.measured.value : f.measured.reason]),
  );
}

beforeAll(async () => {
  server = await startThrowawayPostgres({ port: PORT, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  admin = new Client({ host: '127.0.0.1', port: PORT, database: 'kintsugi', user: 'kintsugi', password: ADMIN });
  await admin.connect();
});

beforeEach(async () => {
  await admin.query(SOUND);
});

afterEach(async () => {
  await admin.query(CLEAN);
});

afterAll(async () => {
  await admin?.end();
  await server?.close();
});

describe('a trap of row-level security is found', () => {
  const traps: readonly [string, string, Partial<Record<FactName, FactValue>>][] = [
    ['it is off', 'alter table records.notes disable row level security', { 'isolation.sql.foreignRows': 6 }],
    [
      'the application owns a table',
      'alter table records.notes owner to records_app; alter table records.notes no force row level security',
      { 'rls.roles.bypassing': 1, 'isolation.sql.foreignRows': 6 },
    ],
    ['the role has BYPASSRLS', 'alter role records_app bypassrls', { 'rls.roles.bypassing': 1 }],
    ['the role is superuser', 'alter role records_app superuser', { 'rls.roles.bypassing': 1 }],
    [
      'the role can become one that has BYPASSRLS',
      'create role group_role bypassrls; grant group_role to records_app',
      { 'rls.roles.bypassing': 1, 'isolation.sql.foreignRows': 0 },
    ],
    [
      'a view reads with the rights of a superuser',
      'create view records.all_notes as select * from records.notes; grant select on records.all_notes to records_app',
      { 'rls.views.bypassing': 1 },
    ],
    [
      'a view of a view in another schema does',
      `create schema reports; grant usage on schema reports to records_app;
       create view reports.a as select * from records.notes; create view reports.b as select * from reports.a;
       grant select on reports.b to records_app`,
      { 'rls.views.bypassing': 1 },
    ],
    [
      'a view of an owner that is not forced does',
      `alter table records.notes no force row level security; grant create on schema records to records_owner;
       set role records_owner; create view records.v as select * from records.notes; grant select on records.v to records_app;
       reset role`,
      { 'rls.views.bypassing': 1 },
    ],
    [
      'a materialized view holds all',
      'create materialized view records.m as select * from records.notes; grant select on records.m to public',
      { 'rls.views.bypassing': 1 },
    ],
    ['TRUNCATE is granted', 'grant truncate on records.notes to records_app', { 'rls.truncate.granted': 1 }],
    ['REFERENCES is granted to all', 'grant references on records.notes to public', { 'rls.truncate.granted': 1 }],
    [
      'a unique key goes over tenants',
      'alter table records.notes add email text unique',
      { 'rls.keys.leaking': 1, 'isolation.sql.foreignRows': 0 },
    ],
    [
      'a policy lets everybody through',
      'create policy all_of_it on records.notes using (true)',
      { 'rls.policies.missing': 1, 'isolation.sql.foreignRows': 6 },
    ],
    [
      'a copy without policies may be read',
      'create table public.notes_2026 as select * from records.notes; grant select on public.notes_2026 to records_app',
      { 'rls.policies.missing': 1, 'isolation.sql.foreignRows': 0 },
    ],
    ['the policy is gone', 'drop policy own on records.notes', { 'rls.policies.missing': 1 }],
    [
      'a policy looks at the row and lets all through',
      'alter policy own on records.notes using (tenant is not null)',
      { 'rls.policies.missing': 1, 'isolation.sql.foreignRows': 6 },
    ],
    [
      'rows can be forged for others',
      'alter policy own on records.notes with check (tenant is not null)',
      { 'isolation.sql.foreignRows': 1 },
    ],
    [
      'a session without tenant sees everything',
      `alter policy own on records.notes using (tenant = current_setting('app.tenant', true)
         or coalesce(current_setting('app.tenant', true), '') = '')`,
      { 'isolation.sql.foreignRows': 3 },
    ],
  ];
  test.each(traps)('%s', async (_, harm, expected) => {
    await admin.query(harm);
    expect(await measured()).toMatchObject(expected);
  });
});

describe('a sound set-up that looks odd is not flagged', () => {
  const odd: readonly [string, string, Partial<PostgresPlace>][] = [
    ['the plain one', '', {}],
    [
      'a policy by way of a function',
      `create function records.tenant_now() returns text language sql stable as $$ select current_setting('app.tenant', true) $$;
       alter policy own on records.notes using (tenant = records.tenant_now())`,
      {},
    ],
    [
      'a partitioned table whose partitions have no policy and no grant',
      `create table records.events (tenant text not null, at date not null, primary key (tenant, at)) partition by range (at);
       create table records.events_2000 partition of records.events for values from ('1999-01-01') to ('2001-01-01');
       alter table records.events enable row level security; alter table records.events force row level security;
       create policy own on records.events using (tenant = current_setting('app.tenant', true));
       grant select, insert on records.events to records_app`,
      { tables: ['events'] },
    ],
    [
      'a view with security_invoker',
      'create view records.v with (security_invoker = on) as select * from records.notes; grant select on records.v to records_app',
      {},
    ],
    ['a bypassing view that nobody but its owner reads', 'create view records.v as select * from records.notes', {}],
    [
      'a role for backups with BYPASSRLS',
      'create role backup login bypassrls; grant select on records.notes to backup',
      {},
    ],
    [
      'a policy of true for another role',
      'create role stranger; create policy s on records.notes to stranger using (true)',
      {},
    ],
    [
      'a list of all tenants, and a copy that the application cannot read',
      `create table records.tenants (tenant text primary key, plan text); grant select on records.tenants to records_app;
       create table records.backup as select * from records.notes`,
      {},
    ],
    [
      'a key that the server makes',
      'alter table records.notes add n bigint generated always as identity unique, add u uuid unique',
      {},
    ],
    [
      'a restrictive policy beside a permissive one of true',
      `drop policy own on records.notes; create policy p on records.notes using (true);
       create policy r on records.notes as restrictive using (tenant = current_setting('app.tenant', true))`,
      {},
    ],
    [
      'tenants that are uuids',
      `drop table records.keys; create table records.keys (tenant uuid not null, key text not null, primary key (tenant, key));
       alter table records.keys enable row level security; alter table records.keys force row level security;
       create policy own on records.keys using (tenant = nullif(current_setting('app.tenant', true), '')::uuid);
       grant select, insert on records.keys to records_app`,
      { tables: ['keys'] },
    ],
  ];
  test.each(odd)('%s', async (_, change, over) => {
    await admin.query(change);
    expect(await measured(over)).toEqual(GOOD);
  });
});

describe('the live probe', () => {
  test('leaves nothing behind', async () => {
    const everything =
      'select jsonb_agg(n order by id)::text as notes, (select count(*) from records.keys) as keys from records.notes n';
    const before = (await admin.query(everything)).rows;
    await admin.query('alter table records.keys disable row level security');
    await measured();
    expect((await admin.query(everything)).rows).toEqual(before);
  });

  test('proves nothing of an empty table that takes no row, and says so', async () => {
    await admin.query(`revoke insert on records.keys from records_app`);
    expect(await measured()).toMatchObject({
      'isolation.sql.foreignRows': 'nothing is proven of records.keys: it takes no canary row (42501)',
      'rls.policies.missing': 0,
    });
  });

  test('says why it could not try, and the catalog is still read', async () => {
    const role = { user: 'records_app', password: new Redacted('wrong') };
    expect(await measured({ role })).toMatchObject({
      'rls.policies.missing': 0,
      'isolation.sql.foreignRows': "the application's role could not try: it was refused with 28P01",
    });
  });

  test('a server that is away makes all unknown', async () => {
    expect(new Set(Object.values(await measured({ port: 1 })))).toEqual(new Set(['it was refused with ECONNREFUSED']));
  });
});

describe('grants', () => {
  async function surplus(over: Partial<PostgresPlace> = {}) {
    const [fact] = await postgresqlGrants({ places: () => [{ ...place, ...over }], clock }).collect(signal);
    return fact?.measured;
  }

  test('as declared are no surplus', async () => {
    expect(await surplus()).toEqual({ kind: 'value', value: 0 });
  });

  test.each([
    ['to the role', 'grant trigger on records.notes to records_app', 1],
    ['to everybody', 'grant truncate on records.notes to public', 1],
    ['to a stranger', 'create role stranger login; grant select on records.notes to stranger', 1],
    ['to a group of a stranger', 'create role stranger login; grant pg_read_all_data to stranger', 1],
    ['to one who may become the application', 'create role stranger login; grant records_app to stranger', 1],
    ['to one who needs none, being superuser,', 'create role stranger login superuser', 1],
    ['to one who passes policies by', 'create role backup login bypassrls', 1],
    ['of creating roles', 'alter role records_app createrole', 1],
    ['of creating in the schema', 'grant create on schema records to records_app', 1],
  ])('%s beyond what is declared are counted', async (_, harm, count) => {
    await admin.query(harm);
    expect(await surplus()).toMatchObject({ value: count, detail: expect.any(String) });
  });

  test('of roles that people declared are no surplus, nor are groups without login', async () => {
    await admin.query('create role backup login bypassrls; grant select on records.notes to backup');
    await admin.query('create role group_role; grant pg_read_all_data to group_role');
    expect(await surplus({ operators: ['backup'] })).toEqual({ kind: 'value', value: 0 });
  });

  test('that nobody declared are unknown', async () => {
    expect(await surplus({ privileges: [] })).toMatchObject({ kind: 'unknown' });
  });
});

test('an account with the password of its vendor is found', async () => {
  const collector = defaultAccounts({ places: () => [place], clock });
  expect((await collector.collect(signal))[0]?.measured).toEqual({ kind: 'value', value: 0 });
  await admin.query(`alter role records_app password 'records_app'`);
  expect((await collector.collect(signal))[0]?.measured).toEqual({ kind: 'value', value: 1, detail: 'records_app' });
});

test("a clock that is ahead of the server's is told by how much", async () => {
  const ahead = { ...clock, now: () => clock.now() + 90_000 };
  const [fact] = await databaseClocks({ places: () => [place], clock: ahead }).collect(signal);
  expect(fact?.measured.kind === 'value' && Math.round(Number(fact.measured.value))).toBe(90);
});

describe('where rows of a tenant are', () => {
  async function regionsOf(tenants: readonly string[], port = PORT) {
    const collector = tenantStores({
      stores: () => [{ ...place, region: 'eu', server: 'database', port }],
      tenants: () => tenants,
      clock,
    });
    return (await collector.collect(signal)).map(({ measured }) =>
      measured.kind === 'value' ? measured.value : measured.reason,
    );
  }

  test('is found by looking, whatever is declared', async () => {
    expect(await regionsOf(['clinic-de', 'hospital-us'])).toEqual([['eu'], []]);
  });

  test('is unknown while a store cannot be looked at', async () => {
    expect(await regionsOf(['clinic-de'], 1)).toEqual([
      'postgresql/records/eu could not be looked at: it was refused with ECONNREFUSED',
    ]);
  });
});

describe('full card numbers', () => {
  async function look(collector: { collect(signal: AbortSignal): Promise<readonly Fact[]> }) {
    const [fact] = await collector.collect(signal);
    expect(JSON.stringify(fact)).not.toContain('4111');
    return fact?.measured;
  }

  test('in any column are counted and copied nowhere', async () => {
    const stored = storedCardNumbers({ places: () => [place], clock });
    expect(await look(stored)).toEqual({ kind: 'value', value: 0 });
    await admin.query(
      `update records.notes set body = '{"text": "paid with 4111 1111 1111 1111"}' where tenant = 'clinic-de'`,
    );
    expect(await look(stored)).toEqual({ kind: 'value', value: 1 });
  });

  test('in a log are found', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kin-card-'));
    const logged = loggedCardNumbers({ folder, clock });
    expect(await look(logged)).toEqual({ kind: 'value', value: 0 });
    writeFileSync(join(folder, 'payments.log'), '{"msg":"charge failed","card":"4111111111111111"}\n');
    expect(await look(logged)).toEqual({ kind: 'value', value: 1 });
    rmSync(folder, { recursive: true });
  });
});

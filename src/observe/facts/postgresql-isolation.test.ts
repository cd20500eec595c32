import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { Redacted } from '../../base/redacted.ts';
import { ODD_AND_SOUND, UNSOUND } from '../../../test/fixtures/row-security-set-ups.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import type { Fact, FactValue } from '../fact.ts';
import { loggedCardNumbers, storedCardNumbers } from './card-numbers.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { databaseClocks, postgresqlGrants } from './postgresql-grants.ts';
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
  drop publication if exists spy; drop extension if exists dblink;
  select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'spy';
  do $$ begin if exists (select from pg_subscription) then alter subscription spy disable;
    alter subscription spy set (slot_name = none); drop subscription spy; end if; end $$;
  select lo_unlink(oid) from pg_largeobject_metadata; drop foreign data wrapper if exists nowhere cascade;
  drop schema if exists records cascade; drop schema if exists reports cascade; drop table if exists public.notes_2026, public.history;
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
  test.each(UNSOUND)('%s', async (_, harm, expected) => {
    await admin.query(harm);
    expect(await measured()).toMatchObject(expected);
  });
});

test('sessions that begin as a tenant are found where several tenants share the store', async () => {
  await admin.query(`alter role records_app set app.tenant = 'clinic-de'`);
  expect(await measured({ tenants: 'all' })).toMatchObject({ 'isolation.sql.foreignRows': 1 });
  expect(await measured({ tenants: ['clinic-de'] })).toEqual(GOOD);
});

describe('a sound set-up that looks odd is not flagged', () => {
  test.each(ODD_AND_SOUND)('%s', async (_, change, over) => {
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
  const STRANGER = 'create role stranger login';
  const GROUP = 'create role group_role';
  const COPY = 'create table public.notes_2026 as select * from records.notes';
  const VIEWS = `create schema reports; create view reports.a as select * from records.notes;
    create view reports.b as select * from reports.a`;
  const CALL = `create schema reports; grant usage on schema reports to stranger;
    create function reports.all_of_it() returns setof records.notes language sql security definer as 'select * from records.notes';
    revoke all on function reports.all_of_it() from public`;

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
    ['of reading to everybody', 'grant select on records.notes to public', 1],
    ['of one column to a stranger', 'create role stranger login; grant select (body) on records.notes to stranger', 1],
    ['of one column to everybody', 'grant references (tenant) on records.notes to public', 1],
    ['of one column to the role', 'grant references (tenant) on records.notes to records_app', 1],
    ['to a stranger', 'create role stranger login; grant select on records.notes to stranger', 1],
    ['to a group of a stranger', 'create role stranger login; grant pg_read_all_data to stranger', 1],
    ['to one who may become the application', 'create role stranger login; grant records_app to stranger', 1],
    ['to one who needs none, being superuser,', 'create role stranger login superuser', 1],
    ['to one who passes policies by', 'create role backup login bypassrls', 1],
    ['of creating roles', 'alter role records_app createrole', 1],
    ['of creating in the schema', 'grant create on schema records to records_app', 1],
    ['by way of a group of the server', 'grant pg_read_all_stats to records_app', 1],
    ['by way of two groups', `${GROUP}; grant pg_read_server_files to group_role; grant group_role to records_app`, 1],
    ['of running programs to a stranger', `${STRANGER}; grant pg_execute_server_program to stranger`, 1],
    ['of making roles to a stranger', 'create role stranger login createrole', 1],
    [
      'to a stranger who has to ask for it',
      `create role stranger login noinherit; grant pg_read_all_data to stranger`,
      1,
    ],
    ['on a copy elsewhere', `${STRANGER}; ${COPY}; grant select on public.notes_2026 to stranger`, 1],
    ['on a view of a view elsewhere', `${STRANGER}; ${VIEWS}; grant select on reports.b to stranger`, 1],
    [
      'of a function to a stranger',
      `${STRANGER}; ${CALL}; grant execute on function reports.all_of_it() to stranger`,
      1,
    ],
    ['of hashes of passwords', 'grant select on pg_authid to records_app', 1],
    ['of files of the server', 'grant execute on function pg_read_file(text) to records_app', 1],
    ['of hashes to a stranger', `${STRANGER}; grant select on pg_authid to stranger`, 1],
  ])('%s beyond what is declared are counted', async (_, harm, count) => {
    await admin.query(harm);
    expect(await surplus()).toMatchObject({ value: count, detail: expect.any(String) });
  });

  test('of reading what an extension brought, and a stranger who may see how the server does, are none', async () => {
    await admin.query('create schema reports; create extension pg_stat_statements schema reports');
    await admin.query('grant usage on schema reports to records_app; create role stranger login connection limit 2');
    await admin.query('grant select on all tables in schema reports to records_app; grant pg_monitor to stranger');
    await admin.query('grant execute on function pg_switch_wal() to stranger');
    expect(await surplus()).toEqual({ kind: 'value', value: 0 });
  });

  describe('ways out of the store', () => {
    const WRAPPER = 'create foreign data wrapper nowhere; create server elsewhere foreign data wrapper nowhere';
    const RATES = `${WRAPPER}; create foreign table records.rates (currency text) server elsewhere`;

    test.each([
      ['a publication', 'create publication spy for table records.notes', 'publication spy gives its rows out'],
      ['a publication of all', 'create publication spy for all tables', 'publication spy gives its rows out'],
      ['a slot', "select pg_create_physical_replication_slot('spy', true)", 'replication slot spy'],
      [
        'a subscription',
        "create subscription spy connection 'dbname=none' publication p with (connect = false)",
        'subscription spy brings rows of another server in',
      ],
      [
        'a table elsewhere',
        `${RATES}; grant insert on records.rates to records_app`,
        'records_app may write records.rates on server elsewhere',
      ],
      [
        'a server',
        `${WRAPPER}; grant usage on foreign server elsewhere to records_app`,
        'records_app may use server elsewhere',
      ],
      ['dblink', 'create extension dblink', 'records_app may call functions of dblink'],
      [
        'a trigger',
        `${RATES}; create function records.out() returns trigger language plpgsql security definer as
           $f$ begin insert into records.rates values (new.body::text); return new; end $f$;
         create trigger out after insert on records.notes for each row execute function records.out()`,
        'what comes into records.notes is written to server elsewhere',
      ],
    ])('%s is found, unless it is declared', async (_, harm, detail) => {
      await admin.query(harm);
      expect(await surplus()).toEqual({ kind: 'value', value: 1, detail });
      expect(await surplus({ operators: ['spy', 'elsewhere', 'dblink'] })).toEqual({ kind: 'value', value: 0 });
    });

    test('who gets every change of the server now is found, unless declared', async () => {
      const { rows } = await admin.query("select current_setting('hba_file') as file");
      const { file } = rows[0] as { file: string };
      await admin.query(
        `copy (values ('host all,replication all all scram-sha-256'), ('local all all trust')) to '${file}'`,
      );
      await admin.query('select pg_reload_conf()');
      const login = { host: '127.0.0.1', port: PORT, user: 'kintsugi', password: ADMIN, application_name: 'mirror' };
      // The server reads its file anew a moment after it was told to.
      const mirror = await vi.waitFor(async () => {
        const client = new Client({ ...login, replication: 'true' } as ClientConfig);
        client.on('error', () => undefined);
        await client.connect();
        return client;
      }, 5_000);
      mirror.query('START_REPLICATION PHYSICAL 0/1000000').catch(() => undefined);
      const found = {
        kind: 'value',
        value: 1,
        detail: 'mirror of kintsugi gets every change of the server at 127.0.0.1',
      };
      await expect.poll(() => surplus(), { timeout: 5_000 }).toEqual(found);
      expect(await surplus({ operators: ['mirror'] })).toEqual({ kind: 'value', value: 0 });
      await mirror.end();
      await expect.poll(() => surplus(), { timeout: 5_000 }).toEqual({ kind: 'value', value: 0 });
    });

    test('for other tables, and into the store for reading, are none', async () => {
      await admin.query(`${RATES}; grant select on records.rates to records_app; create schema reports`);
      await admin.query(
        'create table reports.plans (a int primary key); create publication spy for table reports.plans',
      );
      expect(await surplus()).toEqual({ kind: 'value', value: 0 });
    });
  });

  test('of the whole server are told by one of the stores on it', async () => {
    await admin.query(`${STRANGER}; alter role stranger createrole; create publication spy for all tables`);
    expect(await surplus()).toMatchObject({ value: 2 });
    expect(await surplus({ isToldOf: true })).toEqual({ kind: 'value', value: 0 });
    await admin.query('grant records_app to stranger; alter role stranger nocreaterole');
    expect(await surplus({ isToldOf: true })).toMatchObject({
      detail: 'stranger is in a group that may read or write',
    });
  });

  test('of the role of a neighbour are told at its own store, those on the rows here also here', async () => {
    await admin.query(`${STRANGER}; grant pg_read_all_data to stranger`);
    expect(await surplus({ neighbours: ['stranger'] })).toEqual({ kind: 'value', value: 0 });
    await admin.query('grant select on records.notes to stranger');
    expect(await surplus({ neighbours: ['stranger'] })).toMatchObject({ detail: 'stranger SELECT on records.notes' });
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

test("a clock that is ahead of the server's is told by how much", async () => {
  const ahead = { ...clock, now: () => clock.now() + 90_000 };
  const [fact] = await databaseClocks({ places: () => [place], clock: ahead }).collect(signal);
  expect(fact?.measured.kind === 'value' && Math.round(Number(fact.measured.value))).toBe(90);
});

test('a server in another time zone is in step', async () => {
  await admin.query(`alter role kintsugi set timezone = 'Asia/Kolkata'`);
  const [fact] = await databaseClocks({ places: () => [place], clock }).collect(signal);
  await admin.query('alter role kintsugi reset timezone');
  expect(fact?.measured.kind === 'value' && Math.round(Number(fact.measured.value))).toBe(0);
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
    expect(await look(stored)).toEqual({ kind: 'value', value: 1, detail: 'records.notes."body"' });
  });

  test('in a log are found', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kin-card-'));
    const logged = loggedCardNumbers({ folder, clock });
    expect(await look(logged)).toEqual({ kind: 'value', value: 0 });
    writeFileSync(join(folder, 'payments.log'), '{"msg":"charge failed","card":"4111111111111111"}\n');
    expect(await look(logged)).toEqual({ kind: 'value', value: 1, detail: 'payments.log' });
    rmSync(folder, { recursive: true });
  });
});

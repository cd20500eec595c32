import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import type { SettingView } from '../../diagnose/fleet-view.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import type { LeaderLease } from '../../store/lease.ts';
import { migrate } from '../../store/migrate.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { GoodLooks } from './good-looks.ts';
import { PostgresqlParts } from './postgresql-parts.ts';
import type { StoreAddress } from './store.ts';
import { surplusOf } from './surplus.ts';

const PORT = 21_438;
const ADMIN = 'admin-password';
const context = { key: 'rep_1:0' };
let server: ThrowawayPostgres;
let database: Database;
let lease: LeaderLease;
let parts: PostgresqlParts;
let admin: Client;
let application: Client;

const address: StoreAddress = {
  id: 'shop/eu',
  region: 'eu',
  workloads: ['shop'],
  server: 'database',
  host: '127.0.0.1',
  port: PORT,
  database: 'kintsugi',
  schema: 'shop',
  tables: ['orders'],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'shop_app', password: new Redacted('app-password') },
  privileges: ['SELECT', 'INSERT'],
  operators: [],
  rowSecurity: true,
};

beforeAll(async () => {
  server = await startThrowawayPostgres({ port: PORT, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  await migrate(server.connection);
  database = await openDatabase(server.connection);
  lease = await holdLease(database);
  admin = await enter('kintsugi', ADMIN);
  await admin.query(`
    create role shop_app login password 'app-password'; create role reader; create role owner bypassrls;
    create schema shop; grant usage on schema shop to shop_app;
    create table shop.orders (tenant text, body text);
    create view shop.old_orders as select body from shop.orders; grant select on shop.old_orders to shop_app;
    grant select on shop.orders to reader;
    alter table shop.orders enable row level security; alter table shop.orders force row level security;
    create policy own on shop.orders using (tenant = current_setting('app.tenant', true));
    grant select, insert on shop.orders to shop_app;
    insert into shop.orders values ('a', '1'), ('b', '2')`);
  application = await enter('shop_app', 'app-password');
}, 60_000);

beforeEach(() => {
  parts = new PostgresqlParts({
    addresses: () => [address],
    // The application is idle: nobody waits for what it might say meanwhile.
    clock: { ...systemClock, sleep: () => systemClock.sleep(0) },
    goodLooks: new GoodLooks({ database, lease }),
    onBlind: (id, error) => expect.fail(`${id}: ${String(error)}`),
  });
});
afterEach(() => parts.close());
afterAll(async () => {
  await admin?.end();
  await application?.end();
  await database?.close();
  await server?.close();
});

async function enter(user: string, password: string): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port: PORT, database: 'kintsugi', user, password });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const surplusIn = (settings: readonly SettingView[]) => settings.filter(({ kind }) => kind === 'object');
const present = async () => surplusIn((await parts.look()).settings).filter(({ value }) => value !== null);
const orderFor = ({ id, value, revision }: SettingView) => {
  return { setting: id, value: null, oldValue: value, expectedRevision: revision, key: 'pln_1-0' };
};

/** What of the tenants the application reads when it says that it is `a`, from this relation. */
async function readAs(tenant: string, relation: string): Promise<number> {
  await application.query('begin');
  try {
    await application.query("select set_config('app.tenant', $1, true)", [tenant]);
    return (await application.query(`select from ${relation}`)).rowCount ?? 0;
  } finally {
    await application.query('rollback');
  }
}

test('what was there at the first look is how people set it up: it has no value to go back to', async () => {
  const before = await present();
  expect(before.map(({ id }) => id.replace('postgresql/shop/eu/', ''))).toEqual([
    'grant of SELECT on shop.orders to reader',
    'view shop.old_orders with the rights of its owner',
  ]);
  expect(before.every(({ history, declared }) => history.length === 1 && declared === undefined)).toBe(true);
});

test.each([
  ['grant truncate on shop.orders to shop_app', 'grant of TRUNCATE on shop.orders to shop_app'],
  ['grant delete on shop.orders to public', 'grant of DELETE on shop.orders to PUBLIC'],
  ['grant update on shop.orders to reader', 'grant of UPDATE on shop.orders to reader'],
  ['grant create on schema shop to shop_app', 'grant of CREATE in schema shop to shop_app'],
  ['alter role shop_app bypassrls', 'attribute BYPASSRLS of shop_app'],
  ['alter role shop_app createrole', 'attribute CREATEROLE of shop_app'],
  ['grant owner to shop_app', 'membership of shop_app in owner'],
  ['grant pg_read_server_files to shop_app', 'membership of shop_app in pg_read_server_files'],
  [
    'create table public.copy as select * from shop.orders; grant select on public.copy to reader',
    'grant of SELECT on public.copy to reader',
  ],
  [
    'create materialized view public.every as select * from shop.orders; grant select on public.every to shop_app',
    'grant of SELECT on public.every to shop_app',
  ],
  [
    'alter default privileges in schema shop grant delete on tables to shop_app',
    'grant of DELETE on what kintsugi makes next in schema shop to shop_app',
  ],
  [
    'alter default privileges grant select on tables to reader',
    'grant of SELECT on what kintsugi makes next to reader',
  ],
  [
    `create function shop."all; of it"(tenant text, n integer[]) returns setof shop.orders security definer
     language plpgsql as 'begin return query select * from shop.orders; end'`,
    'function shop."all; of it"(tenant text, n integer[]) with the rights of its owner',
  ],
  [
    'create view shop."All; Orders" as select * from shop.orders; grant select on shop."All; Orders" to shop_app',
    'view shop."All; Orders" with the rights of its owner',
  ],
])('%s is seen, goes back to not being there, and is put back exactly', async (statement, name) => {
  await parts.look();
  await admin.query(statement);
  const found = (await present()).find(({ id }) => id === `postgresql/shop/eu/${name}`);
  expect(found?.history.map(({ value, soakedAt }) => [value !== null, soakedAt !== null])).toEqual([
    [false, true],
    [true, false],
  ]);
  const view = await parts.look();
  expect(view.assets.find(({ id }) => id === 'store postgresql/shop/eu')?.settings).toContain(found!.id);
  const order = orderFor(found!);
  await parts.set(order, context);
  const isThere = async () => (await present()).some(({ id }) => id === found!.id);
  expect(await isThere()).toBe(false);
  const after = (await parts.look()).settings.find(({ id }) => id === found!.id);
  expect(after?.history.at(-1)).toMatchObject({ value: null, by: 'kintsugi rep_1' });
  // Again, as after a crash: it is there already.
  await parts.set(order, context);
  await parts.unset(order, context);
  expect(await isThere()).toBe(true);
  await parts.set(order, context);
  expect(await isThere()).toBe(false);
});

test('a view that showed all tenants shows one after it, and still works', async () => {
  await parts.look();
  await admin.query('create view shop.every as select * from shop.orders; grant select on shop.every to shop_app');
  expect(await readAs('a', 'shop.every')).toBe(2);
  const found = (await present()).find(({ id }) => id.includes('shop.every'));
  await parts.set(orderFor(found!), context);
  expect(await readAs('a', 'shop.every')).toBe(1);
});

test('a function that showed all tenants shows one after it, and still works', async () => {
  await parts.look();
  await admin.query(`create function shop.every_order() returns setof shop.orders language sql security definer
    begin atomic select * from shop.orders; end`);
  expect(await readAs('a', 'shop.every_order()')).toBe(2);
  const found = (await present()).find(({ id }) => id.includes('every_order'));
  await parts.set(orderFor(found!), context);
  expect(await readAs('a', 'shop.every_order()')).toBe(1);
});

test('a function that runs as its owner and reads no protected table, or that the role may not call, is nothing to it', async () => {
  await parts.look();
  await admin.query(`
    create function shop.hour() returns int language sql security definer as 'select 1';
    create function shop.hidden() returns setof shop.orders language sql security definer as 'select * from shop.orders';
    revoke execute on function shop.hidden() from public`);
  expect((await present()).map(({ id }) => id).filter((id) => /hour|hidden/.test(id))).toEqual([]);
});

test('what is surplus by way of a group is a matter for people', async () => {
  await parts.look();
  await admin.query('create role clerks; grant delete on shop.orders to clerks; grant clerks to shop_app');
  expect((await present()).map(({ id }) => id).filter((id) => id.includes('clerks'))).toEqual([]);
  await admin.query('revoke clerks from shop_app; revoke delete on shop.orders from clerks');
});

test('row-level security is not known to be safe before a session of the application was seen to name its tenant', async () => {
  const proven = async () =>
    (await parts.look()).assets.find(({ kind }) => kind === 'protection')?.detail['tenantContext'];
  const other = await enter('shop_app', 'app-password');
  await other.query('select 1');
  await application.query('select 2');
  expect(await proven()).toBe(false);
  await other.query('begin');
  await other.query("select set_config('app.tenant', 'a', true)");
  expect(await proven()).toBe(true);
  await other.query('commit');
  expect(await proven()).toBe(true);
  await other.end();
});

test.each([
  '{"kind":"grant","privilege":"SELECT","relation":"a; drop table b","grantee":"x"}',
  '{"kind":"grant","privilege":"ALL; drop table b","relation":"a","grantee":"x"}',
  '{"kind":"view","relation":"a.b.c"}',
  '{"kind":"attribute","role":"x","attribute":"LOGIN"}',
  '{"kind":"function","name":"a.b(); drop table c; --()"}',
  '{"kind":"default","privilege":"SELECT","creator":"x","schema":"","grantee":"y"}',
  'drop table b',
])('a value that is no such thing is refused: %s', (value) => {
  expect(() => surplusOf(value)).toThrow();
});

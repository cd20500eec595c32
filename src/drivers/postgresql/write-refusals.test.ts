import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import { tenantStores } from '../../observe/facts/tenant-stores.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { readGuardedTables } from './guarded-tables.ts';
import { PostgresqlStore, type StoreAddress } from './store.ts';
import { type WriteRefusal, WriteRefusals } from './write-refusals.ts';

const PORT = 21_447;
const ADMIN = 'admin-password';
const HOUR_MS = 3_600_000;
let server: ThrowawayPostgres;
let store: PostgresqlStore;
let admin: Client;
let app: Client;
let refusals: WriteRefusals;

const address: StoreAddress = {
  id: 'shop/us',
  region: 'us',
  workloads: ['shop'],
  server: 'database',
  host: '127.0.0.1',
  port: PORT,
  database: 'kintsugi',
  schema: 'shop',
  tables: ['Orders; all'],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'shop_app', password: new Redacted('app-password') },
  privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  operators: [],
  rowSecurity: true,
};
const TABLE = 'shop."Orders; all"';

async function connect(user: string, password: string): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port: PORT, database: 'kintsugi', user, password });
  await client.connect();
  return client;
}

beforeAll(async () => {
  server = await startThrowawayPostgres({ port: PORT, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  admin = await connect('kintsugi', ADMIN);
  await admin.query("create role shop_app login password 'app-password'");
  app = await connect('shop_app', 'app-password');
  store = new PostgresqlStore(address);
}, 60_000);

beforeEach(async () => {
  refusals = new WriteRefusals();
  await admin.query(`
    drop schema if exists shop cascade; create schema shop; grant usage on schema shop to shop_app;
    create table ${TABLE} (tenant text not null, note text);
    alter table ${TABLE} enable row level security; alter table ${TABLE} force row level security;
    create policy own_tenant on ${TABLE} using (tenant = current_setting('app.tenant', true));
    grant select, insert, update, delete on ${TABLE} to shop_app`);
});

afterAll(async () => {
  await app?.end();
  await admin?.end();
  await store?.close();
  await server?.stop('SIGINT');
});

/** What the application may do as a tenant: the error of PostgreSQL, or nothing. */
async function as(tenant: string, statement: string): Promise<string> {
  await app.query(`select set_config('app.tenant', $1, false)`, [tenant]);
  return app.query(statement).then(
    () => 'done',
    (error: Error) => error.message,
  );
}
const insert = (tenant: string) => as(tenant, `insert into ${TABLE} values ('${tenant}', 'a note')`);
const REFUSED = /violates row-level security policy/;
const refusal = (until: number): WriteRefusal => ({ id: "pln_1-0-o'quarantine", tenant: "o'clinic", until });
const hour = () => refusal(systemClock.now() + HOUR_MS);

test('new rows of the tenant are refused, those of others come, and what is there stays', async () => {
  await refusals.make(store, [hour()]);
  expect(await as("o'clinic", `insert into ${TABLE} values ($$o'clinic$$, 'a note')`)).toMatch(REFUSED);
  expect(await insert('bank')).toBe('done');
  expect(await as('bank', `update ${TABLE} set note = 'another' where tenant = 'bank'`)).toBe('done');
});

test('what is there can be read and deleted, and is changed into nothing new', async () => {
  await admin.query(`insert into ${TABLE} values ($1, 'there')`, ["o'clinic"]);
  await refusals.make(store, [hour()]);
  expect(await as("o'clinic", `update ${TABLE} set note = 'new'`)).toMatch(REFUSED);
  expect((await app.query(`select * from ${TABLE}`)).rowCount).toBe(1);
  expect(await as("o'clinic", `delete from ${TABLE}`)).toBe('done');
});

test('it goes exactly when nobody wants it any more, also by whoever leads next, and ends by itself', async () => {
  const policies = async () => (await admin.query('select * from pg_policies order by policyname')).rows;
  const before = await policies();
  await refusals.make(store, [hour()]);
  await refusals.make(store, [hour()]);
  expect(await policies()).toHaveLength(3);
  await new WriteRefusals().make(store, []);
  expect(await policies()).toEqual(before);
  await new WriteRefusals().make(store, [refusal(systemClock.now() - 1_000)]);
  expect(await as("o'clinic", `insert into ${TABLE} values ($$o'clinic$$, 'a note')`)).toBe('done');
});

test('a table that somebody has locked is waited for by nobody, and refuses at the next look', async () => {
  await admin.query(`begin; lock table ${TABLE} in access exclusive mode`);
  await refusals.make(store, [hour()]);
  await admin.query('rollback');
  await refusals.make(store, [hour()]);
  expect(await as("o'clinic", `insert into ${TABLE} values ($$o'clinic$$, 'a note')`)).toMatch(REFUSED);
});

test('it is none of the policies that people set up, and one of its name that widens is', async () => {
  const policies = async () => (await readGuardedTables(store.pool, address))[0]?.policies;
  const before = await policies();
  await refusals.make(store, [hour()]);
  expect(await policies()).toBe(before);
  await admin.query(`create policy "kintsugi refuses nothing" on ${TABLE} using (true)`);
  expect(await policies()).not.toBe(before);
});

test('rows of a tenant that may not be there are told by count, table and store', async () => {
  await admin.query(`insert into ${TABLE} select 'clinic', 'x' from generate_series(1, 3)`);
  const place = { ...address, subject: 'postgresql/shop/us', tenants: ['bank'], role: address.role };
  const stores = () => [place];
  const collector = tenantStores({ stores, tenants: () => ['bank', 'clinic'], clock: systemClock });
  const facts = await collector.collect(systemClock.deadline(10_000));
  expect(facts.map(({ subject, measured }) => [subject, measured])).toEqual([
    ['bank', { kind: 'value', value: [] }],
    [
      'clinic',
      {
        kind: 'value',
        value: ['us'],
        detail: `3 rows in ${TABLE} of postgresql/shop/us`,
        where: ['postgresql/shop/us'],
      },
    ],
  ]);
});

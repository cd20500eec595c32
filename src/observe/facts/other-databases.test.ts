import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { Redacted } from '../../base/redacted.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { postgresqlGrants } from './postgresql-grants.ts';
import { postgresqlIsolation } from './postgresql-isolation.ts';

const RECORDS = `
  create schema records; grant usage on schema records to records_app;
  create table records.notes (tenant text not null, id uuid default gen_random_uuid(), kind text, body text, primary key (tenant, id));
  alter table records.notes enable row level security; alter table records.notes force row level security;
  create policy own on records.notes using (tenant = current_setting('app.tenant', true));
  grant select, insert, update, delete on records.notes to records_app;
  insert into records.notes (tenant, kind) values ('clinic-de', 'note'), ('7d9b', 'note')`;
const COPY = 'create table public.notes_2026 (tenant text, id uuid, kind text, at date)';

const signal = new AbortController().signal;
let server: ThrowawayPostgres;
let port: number;

beforeAll(async () => {
  const reserved = createServer().listen(0, '127.0.0.1');
  await once(reserved, 'listening');
  port = (reserved.address() as AddressInfo).port;
  reserved.close();
  await once(reserved, 'close');
  server = await startThrowawayPostgres({ port, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: 'secret' });
  await run('kintsugi', "create role records_app login password 'app-password'");
  await run('kintsugi', 'create database hospital');
  await run('hospital', RECORDS);
});

afterEach(async () => {
  await run('kintsugi', 'drop database if exists other with (force)');
  await run('kintsugi', 'drop role if exists keeper');
});

afterAll(async () => {
  await server?.close();
});

async function run(database: string, sql: string): Promise<void> {
  const client = new Client({ host: '127.0.0.1', port, database, user: 'kintsugi', password: 'secret' });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

/** What is told of privileges, and of tables without policies. */
async function told(over: Partial<PostgresPlace> = {}) {
  const place: PostgresPlace = {
    subject: 'postgresql/records/eu',
    tenants: ['clinic-de'],
    host: '127.0.0.1',
    port,
    database: 'hospital',
    schema: 'records',
    tables: ['notes'],
    admin: { user: 'kintsugi', password: new Redacted('secret') },
    role: { user: 'records_app', password: new Redacted('app-password') },
    privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
    operators: [],
    rowSecurity: true,
    ...over,
  };
  const grants = await postgresqlGrants({ places: () => [place], clock }).collect(signal);
  const isolation = await postgresqlIsolation({ places: () => [place], clock, random: seededRandom(7) }).collect(
    signal,
  );
  const [surplus, missing] = [grants[0], isolation.find(({ name }) => name === 'rls.policies.missing')].map((fact) => {
    const measured = fact?.measured;
    return measured?.kind === 'value' ? (measured.detail ?? measured.value) : measured?.reason;
  });
  return { surplus, missing };
}

const NOTHING = { surplus: 0, missing: 0 };

test('a store alone on its server has no copy', async () => {
  expect(await told()).toEqual(NOTHING);
});

test('a database that was made of it is found, and keeps what its policies keep', async () => {
  await run('kintsugi', 'create database other template hospital');
  const surplus = 'database other has rows of records.notes in records.notes';
  expect(await told()).toEqual({ surplus, missing: 0 });
  await run('other', 'drop policy own on records.notes');
  expect(await told()).toEqual({ surplus, missing: 'records.notes of database other' });
});

test('a table with its rows alone is found, under another name and with half of its columns', async () => {
  await run('kintsugi', 'create database other');
  await run('other', `${COPY}; insert into notes_2026 (tenant, kind) values ('7d9b', 'note')`);
  expect(await told()).toEqual({
    surplus: 'database other has rows of records.notes in public.notes_2026',
    missing: 0,
  });
  await run('other', 'grant select on notes_2026 to records_app');
  expect(await told()).toMatchObject({ missing: 'public.notes_2026 of database other' });
  await run('kintsugi', 'revoke connect on database other from public');
  expect(await told()).toMatchObject({ missing: 0 });
});

test('a database that people name, or declare as a store, is none', async () => {
  await run('kintsugi', 'create database other template hospital');
  expect(await told({ operators: ['other'] })).toEqual(NOTHING);
  const siblings = [
    { database: 'hospital', schema: 'records' },
    { database: 'other', schema: 'records' },
  ];
  expect(await told({ siblings })).toEqual(NOTHING);
  await run('other', `${COPY}; insert into notes_2026 (tenant, kind) values ('clinic-de', 'note')`);
  expect(await told({ siblings })).toEqual({
    surplus: 'database other has rows of records.notes in public.notes_2026',
    missing: 0,
  });
});

test.each([
  ['an empty one for tests', RECORDS.replace(/insert into.*$/, '')],
  [
    'one for tests, with tenants that nobody is',
    RECORDS.replace(/insert into.*$/, "insert into records.notes (tenant) values ('test-1')"),
  ],
  [
    'another product',
    `create table public.notes (tenant text, title text, at date); insert into notes values ('clinic-de', 'a', now())`,
  ],
  [
    'a list of tenants',
    `create table public.tenants (tenant text primary key, plan text); insert into tenants values ('clinic-de', 'gold')`,
  ],
])('%s looks odd and is none', async (_, odd) => {
  await run('kintsugi', 'create database other');
  await run('other', odd);
  expect(await told()).toEqual(NOTHING);
});

test('a database that nobody may enter is passed by', async () => {
  await run('kintsugi', 'create database other template hospital');
  await run(
    'kintsugi',
    `create role keeper login password 'secret'; revoke connect on database other from public;
    grant pg_read_all_data to keeper`,
  );
  const admin = { user: 'keeper', password: new Redacted('secret') };
  const operators = ['keeper', 'kintsugi'];
  expect(await told({ admin, operators })).toEqual(NOTHING);
  await run('kintsugi', 'grant connect on database other to keeper');
  const reason = 'records.notes of database other is built as records.notes, and its rows cannot be looked at';
  expect(await told({ admin, operators })).toEqual({ surplus: reason, missing: 0 });
  await run('other', 'alter table records.notes disable row level security');
  expect(await told({ admin, operators })).toMatchObject({
    surplus: expect.stringMatching(/^database other has rows/),
  });
  await run('kintsugi', 'alter database other allow_connections false');
  expect(await told({ operators })).toEqual(NOTHING);
});

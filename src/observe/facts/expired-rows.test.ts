import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { placeOn, roleOf } from '../../../test/fixtures/postgres-place.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { expiredRows, type KeptStore, type RetentionTenant } from './expired-rows.ts';

let server: ThrowawayPostgres;
let admin: Client;

beforeAll(async () => {
  server = await startThrowawayPostgres();
  admin = new Client(server.connection);
  await admin.connect();
  await admin.query(`
    create role records_app login; create schema records;
    create table records.notes (tenant text, written_at timestamptz);
    create table records."Keys" (tenant text, made_on date);
    alter table records.notes enable row level security; alter table records."Keys" enable row level security;
    create policy own on records.notes using (tenant = current_setting('app.tenant', true));
    create policy own on records."Keys" using (tenant = current_setting('app.tenant', true));
    grant usage on schema records to records_app; grant select, insert on all tables in schema records to records_app`);
}, 60_000);
afterAll(async () => {
  await admin.end();
  await server.close();
});
beforeEach(() => admin.query('truncate records.notes, records."Keys"'));

const NOTES = { table: 'notes', time: 'written_at', class: 'health', keepDays: 30 };
const KEYS = { table: 'Keys', time: 'made_on', class: 'technical', keepDays: 2 };
const BOTH: readonly RetentionTenant[] = [
  { name: 'a', keepDays: {} },
  { name: 'b', keepDays: {} },
];

async function measured(retention: KeptStore['retention'], tenants = BOTH) {
  const store: KeptStore = {
    ...placeOn(
      server,
      'records',
      tenants.map(({ name }) => name),
    ),
    role: roleOf('records'),
    retention,
  };
  const facts = await expiredRows({ stores: () => [store], tenants: () => tenants, clock }).collect(
    new AbortController().signal,
  );
  return Object.fromEntries(
    facts.map(({ subject, measured }) => [subject, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

function write(table: string, tenant: string, days: number) {
  return admin.query(`insert into records.${table} values ($1, now() - $2 * interval '1 day')`, [tenant, days]);
}

test('rows that are older than their class may be are counted for their own tenant', async () => {
  await write('notes', 'a', 29);
  await write('notes', 'b', 40);
  await write('notes', 'b', 50);
  await write('"Keys"', 'b', 4);
  expect(await measured([NOTES, KEYS])).toEqual({ a: 0, b: 3 });
});

test('a purge that runs once a day is in time', async () => {
  await write('notes', 'a', 30.5);
  expect(await measured([NOTES, KEYS])).toMatchObject({ a: 0 });
  await write('notes', 'a', 31.1);
  expect(await measured([NOTES, KEYS])).toMatchObject({ a: 1 });
});

test('what was agreed with a tenant takes the place of what the workload says, for that tenant alone', async () => {
  for (const tenant of ['a', 'b']) await write('notes', tenant, 40);
  const tenants = [
    { name: 'a', keepDays: { health: 3_650 } },
    { name: 'b', keepDays: { invoices: 3_650 } },
  ];
  expect(await measured([NOTES, KEYS], tenants)).toEqual({ a: 0, b: 1 });
});

test('a table with rows of which nobody says anything is no pass, and hides no row that has expired', async () => {
  await write('notes', 'b', 40);
  await write('"Keys"', 'a', 1);
  const untold = 'postgresql/records/eu: nobody says how long rows of records."Keys" may be kept';
  expect(await measured([NOTES])).toEqual({ a: untold, b: 1 });
  expect(await measured([NOTES, { table: 'Keys', class: 'technical' }])).toEqual({ a: 0, b: 1 });
});

test('an empty table needs nobody to speak for it, and a column that is not there is told', async () => {
  await write('notes', 'a', 1);
  expect(await measured([NOTES])).toEqual({ a: 0, b: 0 });
  expect(await measured([{ ...NOTES, time: 'missing' }])).toMatchObject({ a: expect.stringMatching(/42703/) });
});

import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { placeOn, roleOf } from '../../../test/fixtures/postgres-place.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { type AccountStore, unusedAccounts } from './unused-accounts.ts';

let server: ThrowawayPostgres;
let admin: Client;

beforeAll(async () => {
  server = await startThrowawayPostgres();
  admin = new Client(server.connection);
  await admin.connect();
  await admin.query(`
    create role staff_app login; create schema staff;
    create table staff."Accounts" (tenant text, used_at timestamptz, closed boolean);
    create table staff.bare (used_at timestamptz);
    alter table staff."Accounts" enable row level security;
    create policy own on staff."Accounts" using (tenant = current_setting('app.tenant', true));
    grant usage on schema staff to staff_app; grant select, insert on all tables in schema staff to staff_app`);
}, 60_000);
afterAll(async () => {
  await admin.end();
  await server.close();
});
beforeEach(() => admin.query('truncate staff."Accounts"'));

async function measured(accounts: AccountStore['accounts']) {
  const store: AccountStore = {
    ...placeOn(server, 'staff', ['a', 'b']),
    role: roleOf('staff'),
    accounts,
  };
  const collector = unusedAccounts({ stores: () => [store], tenants: () => ['a', 'b'], clock });
  const facts = await collector.collect(new AbortController().signal);
  return Object.fromEntries(
    facts.map(({ subject, measured }) => [subject, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

function write(tenant: string, days: number, closed = false) {
  const text = `insert into staff."Accounts" values ($1, now() - $2 * interval '1 day', $3)`;
  return admin.query(text, [tenant, days, closed]);
}
const ACCOUNTS = { table: 'Accounts', lastUsed: 'used_at', closed: 'closed' };

test('each tenant has the days of its own account that was unused for longest, and closed ones do not count', async () => {
  for (const days of [3, 91, 7]) await write('a', days);
  await write('b', 40);
  await write('b', 400, true);
  expect(await measured([ACCOUNTS])).toEqual({ a: 91, b: 40 });
  expect(await measured([{ table: 'Accounts', lastUsed: 'used_at' }])).toEqual({ a: 91, b: 400 });
});

test('who has no account has none that is unused', async () => {
  expect(await measured([ACCOUNTS])).toEqual({ a: 0, b: 0 });
});

test('where it is not known whose accounts they are, or the table is not there, nothing is known', async () => {
  for (const table of ['bare', 'missing']) {
    const { a } = await measured([{ table, lastUsed: 'used_at' }]);
    expect(a).toContain('no policy says which column');
  }
  expect(await measured([])).toEqual({});
});

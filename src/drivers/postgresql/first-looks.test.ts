import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import type { LeaderLease } from '../../store/lease.ts';
import { migrate } from '../../store/migrate.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { FirstLooks } from './first-looks.ts';
import { PostgresqlParts } from './postgresql-parts.ts';
import { PostgresqlServerParts } from './server-parts.ts';
import type { StoreAddress } from './store.ts';

const ADMIN = 'admin-password';
const port = 21_461;
let server: ThrowawayPostgres;
let database: Database;
let lease: LeaderLease;
let admin: Client;

beforeAll(async () => {
  server = await startThrowawayPostgres({ port, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  await migrate(server.connection);
  database = await openDatabase(server.connection);
  lease = await holdLease(database);
  admin = new Client({ host: '127.0.0.1', port, database: 'kintsugi', user: 'kintsugi', password: ADMIN });
  await admin.connect();
  await admin.query(`
    create role shop_app login password 'app-password'; create role reader;
    create schema shop; grant usage on schema shop to shop_app; create table shop.orders (tenant text);
    grant select on shop.orders to shop_app, reader;
    alter role shop_app set work_mem = '8MB'; alter role shop_app set statement_timeout = '9s'`);
}, 60_000);
afterAll(async () => {
  await admin?.end();
  await database?.close();
  await server?.close();
});

const address = (): StoreAddress => ({
  id: 'shop/eu',
  region: 'eu',
  workloads: ['shop'],
  server: 'database',
  host: '127.0.0.1',
  port,
  database: 'kintsugi',
  schema: 'shop',
  tables: ['orders'],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'shop_app', password: new Redacted('app-password') },
  privileges: ['SELECT'],
  operators: [],
  rowSecurity: false,
});

/** What a control sees that just began: it knows nothing but what was kept. */
async function freshLook(of: 'store' | 'server', looks = new FirstLooks({ database, lease })) {
  const onBlind = (id: string, error: unknown) => expect.fail(`${id}: ${String(error)}`);
  const options = { addresses: () => [address()], clock: systemClock, firstLooks: looks, onBlind };
  const parts = of === 'store' ? new PostgresqlParts(options) : new PostgresqlServerParts(options);
  try {
    const { settings } = await parts.look();
    return { settings, parts };
  } finally {
    await parts.close();
  }
}
type Looked = Awaited<ReturnType<typeof freshLook>>;
const told = ({ settings }: Looked, name: string) =>
  settings
    .find(({ id }) => id.endsWith(name))
    ?.history.map(({ value, soakedAt }) => [value !== null, soakedAt !== null]);

const SURPLUS = 'grant of TRUNCATE on shop.orders to shop_app';
const SET_UP = 'grant of SELECT on shop.orders to reader';

test('what became surplus while no control ran has an earlier value to go back to; how people set it up has none', async () => {
  expect(told(await freshLook('store'), SET_UP)).toEqual([[true, false]]);
  await admin.query('grant truncate on shop.orders to shop_app');
  const later = await freshLook('store');
  expect(told(later, SURPLUS)).toEqual([
    [false, true],
    [true, false],
  ]);
  expect(told(later, SET_UP)).toEqual([[true, false]]);
  // However often: the first look stays the first.
  expect(told(await freshLook('store'), SURPLUS)).toHaveLength(2);
});

test('who does not lead keeps nothing', async () => {
  await admin.query(`alter role shop_app set work_mem = '8MB'`);
  const follower = { ...lease, current: () => undefined } as LeaderLease;
  await freshLook('server', new FirstLooks({ database, lease: follower }));
  expect(told(await freshLook('server'), 'work_mem of role shop_app')).toEqual([[true, true]]);
});

test('what was changed on a server while no control ran goes back to what had been good, and is told so again', async () => {
  await freshLook('server');
  await admin.query(`alter role shop_app set work_mem = '64kB'; alter role shop_app set lock_timeout = '1ms'`);
  const later = await freshLook('server');
  const valuesOf = (name: string) =>
    later.settings.find(({ id }) => id.endsWith(name))?.history.map(({ value }) => value);
  expect(valuesOf('work_mem of role shop_app')).toEqual(['8MB', '64kB']);
  expect(valuesOf('lock_timeout of role shop_app')).toEqual([null, '1ms']);
  expect(valuesOf('statement_timeout of role shop_app')).toEqual(['9s']);
  expect(told(later, 'work_mem of role shop_app')).toEqual([
    [true, true],
    [true, false],
  ]);
  // It has not served for long enough to be believed, so the next control is told the same.
  expect(told(await freshLook('server'), 'work_mem of role shop_app')).toHaveLength(2);
});

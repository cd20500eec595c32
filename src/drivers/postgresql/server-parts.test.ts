import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Client, Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { readServerLevels } from './server-levels.ts';
import { PostgresqlServerParts } from './server-parts.ts';
import type { StoreAddress } from './store.ts';

const ADMIN = 'admin-password';
const ID = 'postgresql-server/database/eu/';
let port: number;
let server: ThrowawayPostgres;
let parts: PostgresqlServerParts;
let admin: Client;
let blind: string[];
const clients: Client[] = [];

const address = (): StoreAddress => ({
  id: 'records/eu',
  region: 'eu',
  workloads: ['records'],
  server: 'database',
  host: '127.0.0.1',
  port,
  database: 'kintsugi',
  schema: 'records',
  tables: [],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'records_app', password: new Redacted('app-password') },
  privileges: [],
  operators: [],
  rowSecurity: false,
});

async function freePort(): Promise<number> {
  const socket = createServer().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port: free } = socket.address() as AddressInfo;
  socket.close();
  await once(socket, 'close');
  return free;
}

async function enter(user: string, password: string): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port, database: 'kintsugi', user, password });
  // A session that is ended from outside breaks its connection.
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

const app = () => enter('records_app', 'app-password');
const show = async (client: Client, parameter: string) => (await client.query(`show ${parameter}`)).rows[0][parameter];
const isAnswering = (client: Client) =>
  client.query('select 1').then(
    () => true,
    () => false,
  );

const context = { key: 'rep_1:0:apply' };

async function seen(name: string) {
  return (await parts.look()).settings.find(({ id }) => id === `${ID}${name}`);
}

/** What the healer orders for a setting that it takes back. */
async function order(name: string, value: string | null) {
  const setting = (await seen(name))!;
  return { setting: setting.id, value, oldValue: setting.value, expectedRevision: setting.revision, key: 'k' };
}

beforeAll(async () => {
  port = await freePort();
  server = await startThrowawayPostgres({ port, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  admin = await enter('kintsugi', ADMIN);
  await admin.query(`create role records_app login password 'app-password'; create role stranger login`);
}, 60_000);

beforeEach(() => {
  blind = [];
  const onBlind = (id: string, error: unknown) => void blind.push(`${id}: ${String(error)}`);
  parts = new PostgresqlServerParts({ addresses: () => [address()], clock: systemClock, onBlind });
});

afterEach(async () => {
  await parts.close();
  await admin.query('alter database kintsugi reset all');
  await admin.query('alter role records_app reset all');
  await admin.query(`alter role records_app login connection limit -1 valid until 'infinity'`);
  await admin.query('alter system reset all');
  await admin.query('select pg_reload_conf()');
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  await server?.close();
});

test('what was set at the first look is how people set it up', async () => {
  await admin.query(`alter role records_app set work_mem = '8MB'`);
  expect(await seen('work_mem of role records_app')).toMatchObject({
    value: '8MB',
    workloads: ['records'],
    history: [{ value: '8MB', soakedAt: expect.any(Number) }],
  });
});

test('a role that the workload made after the first look is seen for the first time, and forgotten when it is gone', async () => {
  await admin.query('alter role records_app rename to records_app_later');
  await parts.look();
  await admin.query('alter role records_app_later rename to records_app');
  await admin.query(`alter role records_app password 'app-password'`);
  expect((await seen('login of role records_app'))?.history).toMatchObject([{ value: 'true', by: 'the first look' }]);
  await admin.query('alter role records_app rename to records_app_later');
  expect(await seen('login of role records_app')).toBeUndefined();
  await admin.query('alter role records_app_later rename to records_app');
  await admin.query(`alter role records_app password 'app-password'`);
});

test('what comes into the log of a server governs it as a store, goes back, and nothing else does', async () => {
  await parts.look();
  await admin.query(`alter system set log_statement = 'all'`);
  await admin.query(`alter role records_app set work_mem = '8MB'`);
  await admin.query('select pg_reload_conf()');
  const { assets, settings } = await parts.look();
  expect(assets).toMatchObject([
    { id: 'store postgresql/database/eu', settings: [`${ID}log_statement of the server`] },
  ]);
  const setting = settings.find(({ id }) => id === assets[0]?.settings[0])!;
  await parts.set(
    { setting: setting.id, value: null, oldValue: 'all', expectedRevision: setting.revision, key: 'rep_1:0' },
    { key: 'rep_1:0' },
  );
  await expect.poll(async () => show(await app(), 'log_statement')).toBe('none');
});

test('of roles that are no role of a workload nothing is told', async () => {
  await parts.look();
  await admin.query(`alter role stranger set work_mem = '8MB'`);
  expect((await parts.look()).settings.filter(({ id }) => id.includes('stranger'))).toEqual([]);
});

const READ_ONLY = 'default_transaction_read_only of database kintsugi';

test('a database that became read only is told, and writable again for sessions that began meanwhile', async () => {
  await parts.look();
  await admin.query('alter database kintsugi set default_transaction_read_only = on');
  const setting = await seen(READ_ONLY);
  expect(setting).toMatchObject({ value: 'on', workloads: ['records', 'database'], kind: 'config' });
  expect(setting?.history).toMatchObject([
    { value: null, soakedAt: expect.any(Number) },
    { value: 'on', soakedAt: null },
  ]);
  const session = await app();
  expect(await show(session, 'default_transaction_read_only')).toBe('on');

  const taken = await order(READ_ONLY, null);
  await parts.set(taken, context);
  await parts.set(taken, context); // Again after a crash: nothing is left to do.
  expect(await isAnswering(session)).toBe(false);
  expect(await show(await app(), 'default_transaction_read_only')).toBe('off');
  expect((await seen(READ_ONLY))?.history.at(-1)).toMatchObject({ value: null, by: 'kintsugi rep_1' });

  await parts.unset(taken, context);
  expect(await show(await app(), 'default_transaction_read_only')).toBe('on');
});

test('what somebody else wrote meanwhile is left: the write says so, and its undo has nothing to do', async () => {
  await parts.look();
  await admin.query('alter database kintsugi set default_transaction_read_only = on');
  const taken = await order(READ_ONLY, null);
  await admin.query('alter database kintsugi set default_transaction_read_only = off');
  await expect(parts.set(taken, context)).rejects.toThrow('written by another meanwhile');
  await parts.unset(taken, context);
  expect(await show(await app(), 'default_transaction_read_only')).toBe('off');
});

test.each([
  ['connection-limit of role records_app', 'alter role records_app connection limit 0', '-1', 'limit'],
  ['login of role records_app', 'alter role records_app nologin', 'true', 'grant'],
  ['valid-until of role records_app', `alter role records_app valid until '2020-01-01'`, 'infinity', 'grant'],
])('%s keeps its workload out, and is put back', async (name, harm, good, kind) => {
  await parts.look();
  await admin.query(harm);
  await expect(app()).rejects.toThrow();
  expect(await seen(name)).toMatchObject({ kind });
  const taken = await order(name, good);
  await parts.set(taken, context);
  expect(await isAnswering(await app())).toBe(true);
  await parts.unset(taken, context);
  await expect(app()).rejects.toThrow();
});

test('what each session of a role begins with governs the stores of that role, when policies may read it', async () => {
  await parts.look();
  await admin.query(`alter role records_app set app.tenant = 'clinic-de'`);
  await admin.query(`alter role records_app set work_mem = '8MB'`);
  expect(await seen('app.tenant of role records_app')).toMatchObject({
    value: 'clinic-de',
    governs: ['store postgresql/records/eu'],
  });
  expect((await seen('work_mem of role records_app'))?.governs).toBeUndefined();
  const taken = await order('app.tenant of role records_app', null);
  await parts.set(taken, context);
  expect((await seen('app.tenant of role records_app'))?.value).toBeNull();
  await admin.query('alter role records_app reset all');
});

test('a parameter of the whole server goes back to what it was, without a restart', async () => {
  await admin.query(`alter system set statement_timeout = '20s'`);
  await admin.query('select pg_reload_conf()');
  await parts.look();
  await admin.query(`alter system set statement_timeout = '1ms'`);
  await admin.query('select pg_reload_conf()');
  const setting = await seen('statement_timeout of the server');
  expect(setting?.history.map(({ value }) => value)).toEqual(['20s', '1ms']);
  await parts.set(await order('statement_timeout of the server', '20s'), context);
  expect(await show(await app(), 'statement_timeout')).toBe('20s');
});

test('a list of names is put back as a list', async () => {
  await admin.query(`alter role records_app set search_path = records, "A b"`);
  await parts.look();
  await admin.query(`alter role records_app set search_path = nowhere`);
  await parts.set(await order('search_path of role records_app', 'records, "A b"'), context);
  expect(await show(await app(), 'search_path')).toBe('records, "A b"');
});

test('of a server that is away nothing is known', async () => {
  const gone = () => [{ ...address(), port: 1 }];
  const away = new PostgresqlServerParts({ addresses: gone, clock: systemClock, onBlind: (id) => void blind.push(id) });
  expect((await away.look()).settings).toEqual([]);
  expect(blind).toEqual(['database/eu']);
  await away.close();
});

test('connections and the size of each database are told as levels with their limits, every ten seconds', async () => {
  const { levels } = await parts.look();
  expect(levels?.map(({ of, measure }) => `${of.name}: ${measure}`)).toEqual([
    'store postgresql/database/eu: connections',
    'store postgresql/database/eu/kintsugi: MiB',
    'store postgresql/database/eu/kintsugi: transactions since the freeze',
  ]);
  expect((await parts.look()).levels).toEqual([]);
  const pool = new Pool({ host: '127.0.0.1', port, database: 'kintsugi', user: 'kintsugi', password: ADMIN, max: 1 });
  try {
    const read = () => readServerLevels(pool, 'database/eu', ['kintsugi']);
    const [before, size, age] = await read();
    await app();
    await admin.query('create table public.grown as select repeat(md5(n::text), 32) from generate_series(1, 20000) n');
    const [after, grown, older] = await read();
    await admin.query('drop table public.grown');
    expect(after!.level).toBe(before!.level + 1);
    expect(after!.limit).toBeGreaterThan(after!.level);
    expect(grown!.level - size!.level).toBeGreaterThan(10);
    expect(grown!.limit).toBeGreaterThan(grown!.level);
    expect(older!.level).toBeGreaterThan(age!.level);
    expect(older!.limit).toBeGreaterThan(2e9);
  } finally {
    await pool.end();
  }
});

import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import { type Database, openDatabase } from '../../store/database.ts';
import type { LeaderLease } from '../../store/lease.ts';
import { migrate } from '../../store/migrate.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import type { PartsView } from '../parts.ts';
import { GoodLooks } from './good-looks.ts';
import { PostgresqlParts } from './postgresql-parts.ts';
import type { StoreAddress } from './store.ts';

const PORT = 21_437;
const ADMIN = 'admin-password';
const context = { key: 'rep_1:0' };
let server: ThrowawayPostgres;
let database: Database;
let lease: LeaderLease;
let parts: PostgresqlParts;
const clients: Client[] = [];

const address: StoreAddress = {
  id: 'records/eu',
  region: 'eu',
  workloads: ['records'],
  server: 'database',
  host: '127.0.0.1',
  port: PORT,
  database: 'kintsugi',
  schema: 'records',
  tables: ['notes'],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: { user: 'records_app', password: new Redacted('app-password') },
  privileges: ['SELECT', 'INSERT'],
  operators: [],
  rowSecurity: true,
};

let blind: string[] = [];
function partsOf(store: StoreAddress): PostgresqlParts {
  blind = [];
  const onBlind = (id: string, error: unknown) => void blind.push(`${id}: ${String(error)}`);
  const goodLooks = new GoodLooks({ database, lease });
  return new PostgresqlParts({ addresses: () => [store], clock: systemClock, goodLooks, onBlind });
}

async function enter(user = 'kintsugi', password = ADMIN): Promise<Client> {
  const client = new Client({ host: '127.0.0.1', port: PORT, database: 'kintsugi', user, password });
  // A session that is ended from outside breaks its connection.
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

beforeAll(async () => {
  server = await startThrowawayPostgres({ port: PORT, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  await migrate(server.connection);
  database = await openDatabase(server.connection);
  lease = await holdLease(database);
  const admin = await enter();
  await admin.query(`
    create role records_app login password 'app-password';
    create schema records; grant usage on schema records to records_app;
    create table records.notes (tenant text, body text);
    create table records.unprotected (n int);
    alter table records.notes enable row level security;
    alter table records.notes force row level security;
    create policy own on records.notes using (tenant = current_setting('app.tenant', true));
    grant select, insert on records.notes to records_app`);
});

beforeEach(() => {
  parts = partsOf(address);
});

afterEach(async () => {
  await parts.close();
  await Promise.all(clients.splice(1).map((client) => client.end().catch(() => undefined)));
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  await database?.close();
  await server?.close();
});

const holding = (view: PartsView) =>
  view.samples.filter(({ holds }) => holds).map(({ asset, condition }) => [condition, asset]);
const order = (setting: string, value: string, oldValue: string) => {
  return { setting, value, oldValue, expectedRevision: 2, key: 'pln_1-0' };
};

async function lookUntil(isSo: (view: PartsView) => boolean): Promise<PartsView> {
  const signal = systemClock.deadline(15_000);
  for (;;) {
    const view = await parts.look();
    if (isSo(view)) return view;
    await systemClock.sleep(100, signal);
  }
}

test('a healthy store has nothing that holds, and says what is declared', async () => {
  const view = await parts.look();
  expect(blind).toEqual([]);
  expect(holding(view)).toEqual([]);
  expect(view.samples.map(({ condition }) => condition).sort()).toEqual(['disabled', 'rejected', 'revoked']);
  expect(view.settings.map(({ id, value, declared }) => [id.split('/').at(-1), value, declared])).toEqual([
    ['row-level-security', 'on', 'on'],
    ['privileges', 'SELECT INSERT', 'SELECT INSERT'],
    ['policies', expect.stringContaining('"name":"own"'), undefined],
    ['owner', 'kintsugi', undefined],
  ]);
});

test('row-level security that somebody switched off is seen, and switched on and forced again', async () => {
  await clients[0]!.query('alter table records.notes disable row level security');
  const id = 'postgresql/records/eu/records.notes/row-level-security';
  const view = await parts.look();
  expect(holding(view)).toEqual([['disabled', `protection ${id}`]]);
  expect(view.settings[0]).toMatchObject({ id, value: 'off', declared: 'on' });
  await parts.set(order(id, 'on', 'off'), context);
  expect(holding(await parts.look())).toEqual([]);
});

test('a privilege that was revoked is seen and granted again', async () => {
  await clients[0]!.query('revoke insert on records.notes from records_app');
  const id = 'postgresql/records/eu/records.notes/privileges';
  const view = await parts.look();
  expect(holding(view)).toEqual([['revoked', `privilege ${id}`]]);
  await parts.set(order(id, 'SELECT INSERT', 'SELECT'), context);
  expect(holding(await parts.look())).toEqual([]);
});

test('a password that no longer fits is seen and made valid again', async () => {
  await clients[0]!.query("alter role records_app password 'somebody changed it'");
  const view = await parts.look();
  expect(holding(view)).toEqual([['rejected', 'credential postgresql/records/eu/records_app']]);
  const asset = 'credential postgresql/records/eu/records_app';
  expect(await parts.act({ verb: 'rotate', asset, key: 'pln_1-0', input: {} })).toEqual({ refused: false });
  await enter('records_app', 'app-password');
  expect(holding(await parts.look())).toEqual([]);
});

test('the session that lets others wait is found, ended once, and never another one under its pid', async () => {
  const holder = await enter();
  await holder.query('begin; lock table records.notes in access exclusive mode');
  const [first, second] = [await enter(), await enter()];
  const waits = [first, second].map((client) => client.query('select * from records.notes'));
  const view = await lookUntil((each) => holding(each).length > 0);
  const { rows } = await clients[0]!.query<{ pid: number }>(
    "select pid from pg_stat_activity where state = 'idle in transaction'",
  );
  const asset = `session postgresql/records/eu/${rows[0]!.pid}`;
  expect(holding(view)).toEqual([['holding', asset]]);
  const input = view.assets.find(({ id }) => id === asset)!.detail;
  expect(input).toMatchObject({ blocked: 2 });
  const another = { ...input, backendStart: '2020-01-01T00:00:00.000Z' };
  expect(await parts.act({ verb: 'terminate', asset, key: 'a', input: another })).toEqual({ ended: false });
  expect(await parts.act({ verb: 'terminate', asset, key: 'b', input })).toEqual({ ended: true });
  await Promise.all(waits);
  expect(await parts.act({ verb: 'terminate', asset, key: 'b', input })).toEqual({ ended: false });
  const after = await parts.look();
  expect(after.samples.filter((sample) => sample.asset === asset)).toMatchObject([{ holds: false }]);
}, 30_000);

test('a store that cannot be reached is no data', async () => {
  const away = partsOf({ ...address, port: 1 });
  expect(await away.look()).toEqual({ settings: [], assets: [], actors: [], samples: [] });
  expect(blind).toHaveLength(1);
  await away.close();
});

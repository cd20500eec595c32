import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { Redacted } from '../../base/redacted.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { defaultAccounts, postgresqlServers } from './postgresql-servers.ts';
import type { RegionalStore } from './tenant-stores.ts';

const ADMIN = 'admin-password';
let port: number;
let server: ThrowawayPostgres;
let admin: Client;
let hba: string;

beforeAll(async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  port = (free.address() as AddressInfo).port;
  free.close();
  await once(free, 'close');
  server = await startThrowawayPostgres({ port, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  admin = new Client({ host: '127.0.0.1', port, database: 'kintsugi', user: 'kintsugi', password: ADMIN });
  await admin.connect();
  await admin.query(`create role records_app login password 'app-password'`);
  const { rows } = await admin.query("select pg_read_file(current_setting('hba_file')) as text");
  hba = (rows[0] as { text: string }).text;
}, 60_000);

afterEach(async () => {
  await admin.query('alter system reset all; ');
  await admin.query('alter role records_app reset all');
  await writeHba(hba);
  // The server reads its file anew a moment after it was told to.
  await vi.waitFor(async () => {
    const stranger = new Client({ host: '127.0.0.1', port, database: 'kintsugi', user: 'records_app', password: 'no' });
    const isIn = await stranger.connect().then(
      () => true,
      () => false,
    );
    await stranger.end();
    if (isIn) throw new Error('it still trusts');
  }, 5_000);
});

afterAll(async () => {
  await admin?.end();
  await server?.close();
});

/** As somebody with the rights of the server would. The server reads it anew a moment later. */
async function writeHba(text: string): Promise<void> {
  const lines = text.split('\n').map((line) => `('${line.replaceAll("'", "''")}')`);
  const { rows } = await admin.query("select current_setting('hba_file') as file");
  const { file } = rows[0] as { file: string };
  await admin.query(`copy (values ${lines.join(', ')}) to '${file}'`);
  await admin.query('select pg_reload_conf()');
}

const store = (): RegionalStore => ({
  subject: 'postgresql/records/eu',
  tenants: ['clinic-de'],
  region: 'eu',
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
  rowSecurity: true,
});

async function measured() {
  const stores = () => [store(), { ...store(), subject: 'postgresql/payments/eu' }];
  const facts = await postgresqlServers({ stores, clock, random: seededRandom(7) }).collect(
    AbortSignal.timeout(20_000),
  );
  expect(new Set(facts.map(({ subject }) => subject))).toEqual(new Set(['postgresql/database/eu']));
  return Object.fromEntries(
    facts.map(({ name, measured: it }) => [name, it.kind === 'value' ? (it.detail ?? it.value) : it.reason]),
  );
}

const GOOD = { 'auth.probe.accepted': 0, 'auth.secrets.readable': 0, 'personal.logs.statements': 0 };

test('a server that asks for passwords, keeps them well and logs no values is sound, slow statements without values too', async () => {
  expect(await measured()).toEqual(GOOD);
  await admin.query('alter system set log_min_duration_statement = 1000');
  await admin.query('alter system set log_parameter_max_length = 0');
  await admin.query("alter system set log_statement = 'ddl'");
  await admin.query('select pg_reload_conf()');
  await expect.poll(measured).toEqual(GOOD);
});

test('whoever is trusted without a password is found, at once also by who has tried before, and until that is over', async () => {
  const same = postgresqlServers({ stores: () => [store()], clock, random: seededRandom(7) });
  const accepted = async () => {
    const facts = await same.collect(AbortSignal.timeout(20_000));
    const it = facts.find(({ name }) => name === 'auth.probe.accepted')?.measured;
    return it?.kind === 'value' && (it.detail ?? it.value);
  };
  expect(await accepted()).toBe(0);
  await writeHba(hba.replaceAll('scram-sha-256', 'trust'));
  await expect.poll(accepted, { timeout: 5_000 }).toBe('records_app with a password that was made up');
  await writeHba(hba);
  await expect.poll(accepted, { timeout: 5_000 }).toBe(0);
});

async function defaults() {
  const stores = () => [store(), { ...store(), subject: 'postgresql/payments/eu' }];
  const facts = await defaultAccounts({ stores, clock, random: seededRandom(7) }).collect(AbortSignal.timeout(20_000));
  return facts.map(({ subject, measured: it }) => [subject, it.kind === 'value' ? (it.detail ?? it.value) : it.reason]);
}

test('an account with the password of its vendor is found once for its server, and who is trusted is none', async () => {
  expect(await defaults()).toEqual([['postgresql/database/eu', 0]]);
  await admin.query(`alter role records_app password 'records_app'`);
  expect(await defaults()).toEqual([['postgresql/database/eu', 'records_app']]);
  await admin.query(`alter role records_app password 'app-password'`);
  await writeHba(hba.replaceAll('scram-sha-256', 'trust'));
  await expect.poll(async () => (await measured())['auth.probe.accepted'], { timeout: 5_000 }).not.toBe(0);
  expect(await defaults()).toEqual([['postgresql/database/eu', 0]]);
});

test.each([
  [`alter role records_app set log_statement = 'all'`, 'log_statement = all'],
  ['alter system set log_min_duration_statement = 0', 'log_min_duration_statement = 0'],
  [`alter system set log_parameter_max_length_on_error = '1kB'`, 'log_parameter_max_length_on_error = 1024'],
])('%s brings values into the log', async (statement, detail) => {
  await admin.query(statement);
  await admin.query('select pg_reload_conf()');
  await expect.poll(measured, { timeout: 5_000 }).toEqual({ ...GOOD, 'personal.logs.statements': detail });
});

test('a password that is kept as MD5 is found', async () => {
  await admin.query(`set password_encryption = 'md5'; create role old login password 'x'; reset password_encryption`);
  expect(await measured()).toEqual({ ...GOOD, 'auth.secrets.readable': 'the MD5 of the password of old' });
  await admin.query('drop role old');
});

test('who may not read the passwords knows nothing of them, and the rest is measured', async () => {
  await admin.query('create role clerk login password $$clerk-password$$'.replaceAll('$$', "'"));
  const clerk = { user: 'clerk', password: new Redacted('clerk-password') };
  const facts = await postgresqlServers({
    stores: () => [{ ...store(), admin: clerk }],
    clock,
    random: seededRandom(7),
  }).collect(AbortSignal.timeout(20_000));
  expect(facts.map(({ measured: it }) => (it.kind === 'value' ? it.value : it.reason))).toEqual([
    0,
    'it was refused with 42501',
    0,
  ]);
});

import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { appendFileSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { holdLease } from '../../../test/sim/held-lease.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import { shakeHands } from '../../observe/facts/tls-handshake.ts';
import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { unprivilegedUser } from '../../store/unix-user.ts';
import { FirstLooks } from './first-looks.ts';
import { PostgresqlParts } from './postgresql-parts.ts';
import type { StoreAddress } from './store.ts';

const PORT = 21_441;
const ADMIN = 'admin-password';
const context = { key: 'rep_1:0' };
const SETTING = 'postgresql/database/eu/ssl_min_protocol_version';
let server: ThrowawayPostgres;
let admin: Client;
let parts: PostgresqlParts;

const address: StoreAddress = {
  id: 'records/eu',
  region: 'eu',
  workloads: ['records'],
  server: 'database',
  host: '127.0.0.1',
  port: PORT,
  database: 'kintsugi',
  schema: 'records',
  tables: [],
  admin: { user: 'kintsugi', password: new Redacted(ADMIN) },
  role: undefined,
  privileges: [],
  rowSecurity: false,
  operators: [],
};

/** A certificate of its own, which the user of the server can read. */
async function layCertificate(folder: string): Promise<{ cert: string; key: string }> {
  const alg = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(alg, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned({ name: 'CN=database', keys, signingAlgorithm: alg });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' });
  const files = { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') };
  writeFileSync(files.cert, made.toString('pem'), { mode: 0o600 });
  writeFileSync(files.key, key, { mode: 0o600 });
  const user = unprivilegedUser();
  for (const file of Object.values(files)) if (user) chownSync(file, user.uid, user.gid);
  return files;
}

beforeAll(async () => {
  server = await startThrowawayPostgres({ port: PORT, passwordEnv: 'KIN_TEST_PASSWORD' }, { KIN_TEST_PASSWORD: ADMIN });
  admin = new Client({ host: '127.0.0.1', port: PORT, database: 'kintsugi', user: 'kintsugi', password: ADMIN });
  await admin.connect();
  const { cert, key } = await layCertificate(server.folder);
  await alter(`ssl_cert_file = '${cert}'`, `ssl_key_file = '${key}'`, 'ssl = on');
});
afterAll(async () => {
  await admin.end();
  await server.close();
});

beforeEach(async () => {
  parts = new PostgresqlParts({ addresses: () => [address], clock, onBlind: (_, error) => expect.fail(String(error)) });
  await reset();
  await vi.waitUntil(async () => (await setting())?.value === 'TLSv1.2');
});
afterEach(() => parts.close());

async function alter(...settings: readonly string[]): Promise<void> {
  for (const each of settings) await admin.query(`alter system set ${each}`);
  await admin.query('select pg_reload_conf()');
}
async function reset(): Promise<void> {
  await admin.query('alter system reset ssl_min_protocol_version');
  await admin.query('select pg_reload_conf()');
}
const setting = async () => (await parts.look()).settings.find(({ id }) => id === SETTING);
const takes = async (version: 'TLSv1.1' | 'TLSv1.2') => {
  const offer = { minVersion: 'TLSv1', maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' } as const;
  const endpoint = { host: '127.0.0.1', port: PORT, upgrade: 'postgresql' } as const;
  return (await shakeHands(endpoint, offer, clock.deadline(5_000))).kind === 'accepted';
};
const order = (oldValue: string, value = 'TLSv1.2') => ({
  setting: SETTING,
  value,
  oldValue,
  expectedRevision: 2,
  key: 'k',
});
const WEAK = 'TLSv1 by ALTER SYSTEM';

test('a floor that was lowered is seen with what it was before, and belongs to the listener that facts are measured of', async () => {
  await alter("ssl_min_protocol_version = 'TLSv1'");
  await expect.poll(setting).toMatchObject({ value: WEAK });
  expect((await setting())?.history.map(({ value, soakedAt }) => [value, soakedAt !== null])).toEqual([
    ['TLSv1.2', true],
    [WEAK, false],
  ]);
  const { assets } = await parts.look();
  expect(assets.find(({ id }) => id === 'listener postgresql/database/eu')).toMatchObject({ settings: [SETTING] });
});

test('one that was lowered while no control ran is known to have been higher', async () => {
  await migrate(server.connection);
  const database = await openDatabase(server.connection);
  const firstLooks = new FirstLooks({ database, lease: await holdLease(database) });
  const fresh = async () => {
    const again = new PostgresqlParts({ addresses: () => [address], clock, firstLooks, onBlind: () => undefined });
    const { settings } = await again.look();
    await again.close();
    return settings.find(({ id }) => id === SETTING)?.history.map(({ value, soakedAt }) => [value, soakedAt !== null]);
  };
  expect(await fresh()).toEqual([['TLSv1.2', true]]);
  await alter("ssl_min_protocol_version = 'TLSv1'");
  await expect.poll(fresh).toEqual([
    ['TLSv1.2', true],
    [WEAK, false],
  ]);
  await database.close();
});

test('it is put back so that no handshake gets below, and without a trace; undo makes it exactly what it was', async () => {
  await alter("ssl_min_protocol_version = 'TLSv1'");
  await expect.poll(() => takes('TLSv1.1')).toBe(true);
  for (const _ of [1, 2]) {
    await parts.set(order(WEAK), context);
    expect(await takes('TLSv1.1')).toBe(false);
    expect(await takes('TLSv1.2')).toBe(true);
    expect((await setting())?.value).toBe('TLSv1.2');
  }
  for (const _ of [1, 2]) {
    await parts.unset(order(WEAK), context);
    expect((await setting())?.value).toBe(WEAK);
  }
  await expect.poll(() => takes('TLSv1.1')).toBe(true);
});

test('what another file says is overruled, and the undo takes only that away', async () => {
  const { rows } = await admin.query<{ path: string }>("select current_setting('config_file') as path");
  const path = rows[0]!.path;
  const before = readFileSync(path, 'utf8');
  appendFileSync(path, "\nssl_min_protocol_version = 'TLSv1.1'\n");
  await admin.query('select pg_reload_conf()');
  await expect.poll(setting).toMatchObject({ value: 'TLSv1.1' });
  await parts.set(order('TLSv1.1'), context);
  expect((await setting())?.value).toBe('TLSv1.2 by ALTER SYSTEM');
  expect(await takes('TLSv1.1')).toBe(false);
  await parts.unset(order('TLSv1.1'), context);
  expect((await setting())?.value).toBe('TLSv1.1');
  writeFileSync(path, before);
});

test('an undo leaves alone what somebody else wrote since', async () => {
  await alter("ssl_min_protocol_version = 'TLSv1'");
  await expect.poll(setting).toMatchObject({ value: WEAK });
  await parts.set(order(WEAK), context);
  await alter("ssl_min_protocol_version = 'TLSv1.3'");
  await expect.poll(setting).toMatchObject({ value: 'TLSv1.3 by ALTER SYSTEM' });
  await parts.unset(order(WEAK), context);
  expect((await setting())?.value).toBe('TLSv1.3 by ALTER SYSTEM');
});

test('a value that is no version is not written', async () => {
  await expect(parts.set(order(WEAK, "TLSv1'; drop table x; --"), context)).rejects.toMatchObject({
    code: 'move.invalid',
  });
});

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { placeOn } from '../../../test/fixtures/postgres-place.ts';
import { dateOf, systemClock as clock, toIso } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { columnKeys, type KeyedStore } from './column-keys.ts';
import type { Fact } from '../fact.ts';
import { vaultKeys } from './vault-keys.ts';

const DAY_MS = 86_400_000;
const signal = new AbortController().signal;

function told(facts: readonly Fact[]) {
  return Object.fromEntries(
    facts.map(({ name, measured }) => [name, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

describe('keys of columns', () => {
  let server: ThrowawayPostgres;
  let admin: Client;
  let workload: Server;
  let answer: { status: number; body: unknown };

  beforeAll(async () => {
    server = await startThrowawayPostgres();
    admin = new Client(server.connection);
    await admin.connect();
    await admin.query('create schema records; create table records.notes (body text, sealed bytea, key_id text)');
    workload = createServer((_, response) => response.writeHead(answer.status).end(JSON.stringify(answer.body)));
    workload.listen(0, '127.0.0.1');
    await once(workload, 'listening');
  }, 60_000);
  afterAll(async () => {
    await admin.end();
    workload.close();
    await server.close();
  });
  beforeEach(async () => {
    answer = { status: 200, body: { keys: [key('v1', 40), key('v2', 10), key('old', 900)] } };
    await admin.query('truncate records.notes');
    for (const id of ['v1', 'v2']) await write(`${id}:${randomBytes(40).toString('base64url')}`, id);
  });

  function key(id: string, days: number, more: object = {}) {
    const usual = { keptIn: 'kms', holders: ['records'] };
    return { id, createdAt: toIso(clock.now() - days * DAY_MS), ...usual, ...more };
  }

  async function write(body: string, id: string | null): Promise<void> {
    await admin.query('insert into records.notes values ($1, $2, $3)', [body, randomBytes(40), id]);
  }

  async function measured(changed: Partial<KeyedStore> = {}) {
    const store: KeyedStore = {
      ...placeOn(server, 'records', ['clinic']),
      encrypted: [{ table: 'notes', column: 'body' }],
      keys: { path: '/keys', keptIn: ['kms'], holders: ['records'] },
      instance: { host: '127.0.0.1', port: (workload.address() as AddressInfo).port },
      ...changed,
    };
    const collector = columnKeys({ stores: () => [store], clock, random: seededRandom(3) });
    return told(await collector.collect(signal));
  }

  const GOOD = {
    'encryption.keys.managed': true,
    'encryption.keys.ageDays': expect.closeTo(40, 1),
    'encryption.keys.grants': 0,
  };
  const beside = { encrypted: [{ table: 'notes', column: 'sealed', keyColumn: 'key_id' }] };

  test('those that values name are in use, and no others: an old key that nothing names is no fault', async () => {
    expect(await measured()).toEqual(GOOD);
    expect(await measured(beside)).toEqual(GOOD);
  });

  test.each([
    ['is old', { keys: ['v1', 'v2'].map((id) => key(id, 400)) }, { 'encryption.keys.ageDays': expect.closeTo(400, 1) }],
    [
      'lies in a file',
      { keys: [key('v1', 1, { keptIn: 'file' }), key('v2', 1)] },
      { 'encryption.keys.managed': false },
    ],
    [
      'may be used by others',
      { keys: [key('v1', 1, { holders: ['records', 'anna'] }), key('v2', 1)] },
      { 'encryption.keys.grants': 1 },
    ],
  ])('a key in use that %s is told', async (_, body, bad) => {
    answer = { status: 200, body };
    expect(await measured()).toMatchObject(bad);
  });

  test('what is not told of a key is unknown, each by itself', async () => {
    answer = { status: 200, body: { keys: [{ id: 'v1' }, key('v2', 1)] } };
    expect(await measured()).toEqual({
      'encryption.keys.managed': 'its workload does not tell where each key is kept',
      'encryption.keys.ageDays': 'its workload does not tell how old each key is',
      'encryption.keys.grants': 'its workload does not tell who may use each key',
    });
  });

  test('values that name a key of which nobody tells, or none, leave all of it unknown', async () => {
    await write(`v9:${randomBytes(40).toString('base64url')}`, null);
    expect((await measured())['encryption.keys.managed']).toBe(
      '1 of the keys that values name are not in the list of the workload',
    );
    expect((await measured(beside))['encryption.keys.ageDays']).toMatch(/do not say by which key/);
    await write('Jane Doe', 'v1');
    expect((await measured())['encryption.keys.managed']).toBe(
      'values of notes.body do not say by which key they were encrypted',
    );
  });

  test('a workload that does not answer as agreed, and a store that names none, are unknown', async () => {
    answer = { status: 404, body: {} };
    expect((await measured())['encryption.keys.managed']).toBe('its workload answered 404 when asked for its keys');
    answer = { status: 200, body: { keys: 'none' } };
    expect((await measured())['encryption.keys.managed']).toMatch(/another form than is agreed/);
    expect((await measured({ keys: undefined }))['encryption.keys.managed']).toBe(
      'the store does not say who tells of its keys',
    );
    expect(await measured({ encrypted: [] })).toEqual({});
  });
});

describe('keys of the vault', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'vault-keys-'));
    for (const name of ['vault', 'vault/kek', 'apart']) mkdirSync(join(root, name), { mode: 0o700 });
    for (const folder of ['vault/kek', 'apart']) {
      const file = join(root, folder, 'kek-1');
      writeFileSync(file, randomBytes(32), { mode: 0o600 });
      const born = dateOf(toIso(clock.now() - 3 * DAY_MS));
      utimesSync(file, born, born);
    }
  });
  afterEach(() => rmSync(root, { recursive: true }));

  async function measured(kek: string, uid = process.getuid?.() ?? 0) {
    const folders = { folder: join(root, 'vault'), kekFolder: join(root, kek) };
    return told(await vaultKeys({ ...folders, uid, clock }).collect(signal));
  }

  test('as Kintsugi makes them, nobody else may enter them; whether they are apart depends on where they are', async () => {
    const aged = { 'encryption.keys.ageDays': expect.closeTo(3, 1), 'encryption.keys.grants': 0 };
    expect(await measured('apart')).toEqual({ ...aged, 'encryption.keys.managed': true });
    expect(await measured('vault/kek')).toMatchObject({
      ...aged,
      'encryption.keys.managed': expect.stringMatching(/KINTSUGI_KEK_DIR/),
    });
  });

  test('a key that others may read, and files of somebody else, are counted', async () => {
    chmodSync(join(root, 'apart', 'kek-1'), 0o640);
    expect((await measured('apart'))['encryption.keys.grants']).toBe(1);
    expect((await measured('apart', 54_321))['encryption.keys.grants']).toBe(3);
  });

  test('no key yet, and no folder, are unknown', async () => {
    rmSync(join(root, 'apart', 'kek-1'));
    expect((await measured('apart'))['encryption.keys.ageDays']).toBe('the vault has no key-encryption key yet');
    expect((await measured('missing'))['encryption.keys.ageDays']).toBe('it was refused with ENOENT');
  });
});

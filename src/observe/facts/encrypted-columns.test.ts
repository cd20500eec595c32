import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { placeOn } from '../../../test/fixtures/postgres-place.ts';
import { systemClock as clock } from '../../base/clock.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { type EncryptedStore, encryptedColumns } from './encrypted-columns.ts';

let server: ThrowawayPostgres;
let admin: Client;

beforeAll(async () => {
  server = await startThrowawayPostgres();
  admin = new Client(server.connection);
  await admin.connect();
  await admin.query('create schema records; create table records.notes (id serial, body bytea, name text, kind int)');
}, 60_000);
afterAll(async () => {
  await admin.end();
  await server.close();
});
beforeEach(() => admin.query('truncate records.notes'));

async function measured(...columns: readonly string[]) {
  const store: EncryptedStore = {
    ...placeOn(server, 'records', ['clinic']),
    tables: ['notes'],
    encrypted: columns.map((column) => ({ table: 'notes', column })),
  };
  const facts = await encryptedColumns({ stores: () => [store], clock }).collect(new AbortController().signal);
  return Object.fromEntries(
    facts.map(({ name, measured }) => [name, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

async function write(body: Buffer, name: string): Promise<void> {
  await admin.query('insert into records.notes (body, name, kind) values ($1, $2, 7)', [body, name]);
}

const PLAIN = 'encryption.columns.plaintext';

test('columns that hold ciphertext are encrypted by field', async () => {
  for (let n = 0; n < 60; n += 1) await write(randomBytes(60), randomBytes(60).toString('base64'));
  expect(await measured('body', 'name')).toEqual({ [PLAIN]: 0, 'encryption.layer': 'field' });
});

test('one whose newest values can be read is counted, also where the old ones cannot', async () => {
  for (let n = 0; n < 60; n += 1) await write(randomBytes(60), randomBytes(60).toString('base64'));
  await write(randomBytes(60), 'Jane Doe, born on 1 May');
  expect(await measured('body', 'name')).toEqual({ [PLAIN]: 1, 'encryption.layer': 'a declared column can be read' });
  expect(await measured('kind')).toMatchObject({ [PLAIN]: 1 });
});

test('an empty column proves nothing, one that is not there is told, and none declared is no fact', async () => {
  const few = 'notes.body holds too few values to tell';
  expect(await measured('body')).toEqual({ [PLAIN]: few, 'encryption.layer': few });
  expect((await measured('missing'))[PLAIN]).toBe('it was refused with 42703');
  expect(await measured()).toEqual({});
});

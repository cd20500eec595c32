import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from './throwaway-postgres.ts';

let server: ThrowawayPostgres;
let folder: string;

beforeAll(async () => {
  server = await startThrowawayPostgres();
  folder = await mkdtemp(join(tmpdir(), 'kintsugi-migrations-'));
  await cp(
    join(import.meta.dirname, 'migrations', '0001-lease-and-outbox.sql'),
    join(folder, '0001-lease-and-outbox.sql'),
  );
});

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

test('replicas that start together apply each step once', async () => {
  const applied = await Promise.all([1, 2, 3].map(() => migrate(server.connection, folder)));
  expect(applied.flat()).toEqual([1]);
});

test('a later step is applied alone', async () => {
  await writeFile(join(folder, '0002-more.sql'), 'create table more (n int);\ninsert into more values (1);\n');
  expect(await migrate(server.connection, folder)).toEqual([2]);
  expect(await migrate(server.connection, folder)).toEqual([]);
});

test('a step that was written at the same time as a later one is applied when it comes', async () => {
  await writeFile(join(folder, '0005-late.sql'), 'create table fifth (n int);\n');
  expect(await migrate(server.connection, folder)).toEqual([5]);
  await writeFile(join(folder, '0004-between.sql'), 'create table fourth (n int);\n');
  expect(await migrate(server.connection, folder)).toEqual([4]);
});

test('when one step fails none is applied', async () => {
  await writeFile(join(folder, '0003-good.sql'), 'create table third (n int);\n');
  await writeFile(join(folder, '0006-bad.sql'), 'create tabel sixth;\n');
  await expect(migrate(server.connection, folder)).rejects.toThrow(/syntax error/);
  await rm(join(folder, '0006-bad.sql'));
  expect(await migrate(server.connection, folder)).toEqual([3]);
});

test('line ends of the checkout are no change, anything else is', async () => {
  const file = join(folder, '0003-good.sql');
  await writeFile(file, 'create table third (n int);\r\n');
  expect(await migrate(server.connection, folder)).toEqual([]);
  await appendFile(file, '-- edited\n');
  await expect(migrate(server.connection, folder)).rejects.toMatchObject({ code: 'migration.changed' });
  await writeFile(file, 'create table third (n int);\n');
});

test('an older version leaves a newer schema alone', async () => {
  await rm(join(folder, '0003-good.sql'));
  await expect(migrate(server.connection, folder)).rejects.toMatchObject({ code: 'migration.newer' });
  const database = await openDatabase(server.connection);
  const numbers = await database.kysely.selectFrom('migration').select('number').orderBy('number').execute();
  await database.close();
  expect(numbers.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
});

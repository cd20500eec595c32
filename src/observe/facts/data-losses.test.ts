import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { placeOn } from '../../../test/fixtures/postgres-place.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { dataLosses } from './data-losses.ts';
import type { RegionalStore } from './tenant-stores.ts';

const signal = new AbortController().signal;
const START = 1_800_000_000_000;

let server: ThrowawayPostgres;
let other: ThrowawayPostgres;
let folder: string;
let now = START;
/** The time that looks are made at is set by hand: what is measured is spans. */
const clock: Clock = { ...systemClock, now: () => now };

const storeOn = (on: ThrowawayPostgres): RegionalStore => {
  const place = { ...placeOn(on, 'public', ['clinic-de']), subject: 'postgresql/records/eu', rowSecurity: false };
  return { ...place, region: 'eu', server: 'database' };
};

const dataOf = ({ folder: of }: ThrowawayPostgres) => join(of, 'postgres', 'data');
const file = () => join(folder, 'data-losses.json');
const collector = (on = server) => dataLosses({ stores: () => [storeOn(on)], file: file(), clock });

/** Looks at the server at `at` ms after the start of the test, with a collector that knows no more than the file. */
async function look(at: number, on = server) {
  now = START + at;
  const [fact] = await collector(on).collect(signal);
  return fact!.measured;
}

async function write(): Promise<void> {
  const client = new Client(server.connection);
  await client.connect();
  await client.query('create table if not exists notes (at timestamptz); insert into notes values (now())');
  await client.end();
}

/** A copy of the cluster as it is now, as `name`, with the server down for it. */
async function copied(name: string): Promise<string> {
  const copy = join(folder, name);
  await server.stop('SIGINT');
  execFileSync('cp', ['-a', dataOf(server), copy]);
  await server.start();
  return copy;
}

async function putBack(copy: string, asArchive = false): Promise<void> {
  await server.stop('SIGINT');
  rmSync(dataOf(server), { recursive: true });
  execFileSync('cp', ['-a', copy, dataOf(server)]);
  if (asArchive) asksForArchive();
  await server.start();
  if (asArchive) await recovered();
}

/** It answers before its recovery has come to its end. */
async function recovered(): Promise<void> {
  const client = new Client(server.connection);
  await client.connect();
  const isOver = async () => (await client.query('select pg_is_in_recovery() as is')).rows[0].is === false;
  await expect.poll(isOver, { timeout: 10_000, interval: 20 }).toBe(true);
  await client.end();
}

/** What a recovery from an archive begins with; the archive is empty. */
function asksForArchive(): void {
  const settings = join(dataOf(server), 'postgresql.auto.conf');
  writeFileSync(settings, "restore_command = '/bin/false'\n", { flag: 'a' });
  writeFileSync(join(dataOf(server), 'recovery.signal'), '');
  execFileSync('chown', ['--reference', settings, join(dataOf(server), 'recovery.signal')]);
}

beforeAll(async () => {
  [server, other] = await Promise.all([startThrowawayPostgres(), startThrowawayPostgres()]);
});
afterAll(() => Promise.all([server?.close(), other?.close()]));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kintsugi-losses-'));
  return () => rmSync(folder, { recursive: true });
});

test('a server that is killed while it is written to loses nothing', async () => {
  expect(await look(0)).toMatchObject({ kind: 'value', value: 0 });
  await write();
  expect(await look(15_000)).toMatchObject({ value: 0 });
  await write();
  await server.stop('SIGKILL');
  await server.start();
  expect(await look(30_000)).toMatchObject({ value: 0 });
  await server.stop('SIGINT');
  await server.start();
  expect(await look(45_000)).toMatchObject({ value: 0 });
});

test('a server that is put back is found, with the span that was lost, also where nobody looked meanwhile', async () => {
  await look(0);
  const copy = await copied('before');
  await look(60_000);
  await write();
  await look(75_000);
  await write();
  expect(await look(90_000)).toMatchObject({ value: 0 });
  await putBack(copy);
  // As much is written as was lost before anybody looks again. The copy is from between the first look and the second.
  for (let round = 0; round < 20; round += 1) await write();
  expect(await look(600_000)).toMatchObject({ kind: 'value', value: 90_000 });
  await write();
  expect(await look(615_000)).toMatchObject({ value: 90_000 });
  expect(await look(615_000 + 91 * 86_400_000)).toMatchObject({ value: 0 });
});

test('a recovery that ends where the log ended loses nothing, and one that ends before it does', async () => {
  const copy = await copied('before');
  await look(0);
  await write();
  await look(15_000);
  await server.stop('SIGINT');
  asksForArchive();
  await server.start();
  await recovered();
  expect(existsSync(join(dataOf(server), 'pg_wal', '00000002.history'))).toBe(true);
  expect(await look(30_000)).toMatchObject({ value: 0 });
  await putBack(copy, true);
  expect(await look(45_000)).toMatchObject({ kind: 'value', value: 30_000 });
});

test('of another cluster in its place nobody can tell what it lacks', async () => {
  await look(0);
  expect(await look(15_000, other)).toEqual({
    kind: 'unknown',
    reason: 'another cluster took the place of database/eu: a person has to say what was lost',
  });
});

test('a server that is away has lost nothing yet, and one that never answered is not known', async () => {
  await server.stop('SIGINT');
  expect(await look(0)).toMatchObject({ kind: 'unknown', reason: expect.stringContaining('database/eu') });
  await server.start();
  expect(await look(15_000)).toMatchObject({ value: 0 });
  await server.stop('SIGINT');
  now = START + 30_000;
  const [fact] = await collector().collect(signal);
  expect(fact).toMatchObject({ measured: { value: 0 }, measuredAt: START + 15_000 });
  await server.start();
});

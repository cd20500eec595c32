import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../../src/base/clock.ts';
import { Redacted } from '../../../src/base/redacted.ts';
import { type BackedStore, backupAges, backupRestores } from '../../../src/observe/facts/backups.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../../src/store/throwaway-postgres.ts';
import { removeOld, takeBackup } from '../backups/backup.ts';

const ADMIN = 'admin-password';
const HOST = '127.0.0.1';
const PORT = 20_000 + ((process.pid + 5_000) % 10_000);
const signal = new AbortController().signal;
const source = { host: HOST, port: PORT, user: 'postgres', password: ADMIN };

let server: ThrowawayPostgres;
let admin: Client;
let folder: string;

beforeAll(async () => {
  const account = { user: 'postgres', database: 'postgres', passwordEnv: 'ADMIN' };
  server = await startThrowawayPostgres({ port: PORT, host: HOST, ...account }, { ADMIN });
  admin = new Client({ ...source, database: 'postgres' });
  await admin.connect();
  await admin.query(`
    create role records_app; create schema records;
    create table records.records (tenant text not null, id int not null, body text);
    alter table records.records enable row level security;
    create policy own on records.records using (tenant = current_setting('app.tenant', true));
    insert into records.records select 'clinic-de', n, repeat('x', 100) from generate_series(1, 500) n`);
}, 60_000);

afterAll(async () => {
  await admin.end();
  await server.close();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-backup-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function store(): BackedStore {
  return {
    subject: 'postgresql/records/eu',
    tenants: ['clinic-de'],
    host: HOST,
    port: PORT,
    database: 'postgres',
    schema: 'records',
    tables: ['records'],
    admin: { user: 'postgres', password: new Redacted(ADMIN) },
    role: { user: 'records_app', password: new Redacted('') },
    privileges: [],
    operators: [],
    rowSecurity: true,
    region: 'eu',
    server: 'database',
    folder,
    backupRegion: 'eu',
  };
}

async function ageHours(now = clock.now()) {
  const collector = backupAges({ stores: () => [store()], clock: { ...clock, now: () => now } });
  const [fact] = await collector.collect(signal);
  return fact?.measured.kind === 'value' ? Number(fact.measured.value) : fact?.measured.reason;
}

async function restores() {
  const collector = backupRestores({ stores: () => [store()], tenants: () => ['clinic-de', 'shop'], clock });
  const facts = await collector.collect(signal);
  return Object.fromEntries(
    facts.map(({ subject, measured }) => [subject, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

test('a call starts a backup at once: the newest is as old as the call', async () => {
  const port = PORT + 1;
  const env = {
    ...process.env,
    KINTSUGI_DATA_DIR: folder,
    HOST,
    PORT: String(port),
    DB_HOST: HOST,
    DB_PORT: String(PORT),
  };
  const main = join(import.meta.dirname, '..', 'backups', 'main.ts');
  const program = spawn(process.execPath, [main], { env: { ...env, DB_PASSWORD: ADMIN }, stdio: 'inherit' });
  const backups = () => readdirSync(folder).filter((name) => !name.endsWith('.new'));
  const until = async (isSo: () => boolean) => {
    for (const deadline = clock.deadline(30_000); !isSo(); ) await clock.sleep(20, deadline);
  };
  try {
    await until(() => backups().length === 1);
    rewrite(backups()[0]!, (record) => ({ ...record, startedAt: new Date(clock.now() - 49 * 3_600_000) }));
    expect(await ageHours()).toBeGreaterThan(48);
    const answer = await fetch(`http://${HOST}:${port}/backups`, { method: 'POST' });
    expect(answer.status).toBe(202);
    await until(() => backups().length === 2);
    expect(await ageHours()).toBeLessThan(1);
  } finally {
    program.kill('SIGTERM');
    await once(program, 'exit');
  }
}, 60_000);

/** Changes what the program wrote down of its backup. */
function rewrite(name: string, change: (record: Record<string, unknown>) => object): void {
  const path = join(folder, name, 'backup.json');
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
}

test('a backup of a server that writes on can be restored, and says whose rows it holds', {
  timeout: 60_000,
}, async () => {
  const startedAt = new Date();
  const over = new AbortController();
  const writing = (async () => {
    for (let n = 1_000; !over.signal.aborted; n += 1)
      await admin.query('insert into records.records values ($1, $2)', ['clinic-de', n]);
  })();
  await takeBackup(source, folder, startedAt);
  over.abort();
  await writing;
  await admin.query("update records.records set body = 'changed since' where id <= 10");
  await admin.query('delete from records.records where id between 11 and 20');
  expect(await restores()).toEqual({ 'postgresql/database/eu': true, 'clinic-de': ['eu'], shop: [] });
  expect(Number(await ageHours(startedAt.getTime() + 7_200_000))).toBeCloseTo(2, 3);
});

test('a backup that lacks rows of before it is not equal', { timeout: 60_000 }, async () => {
  const name = await takeBackup(source, folder, new Date());
  await admin.query("insert into records.records values ('clinic-de', 5000, 'after')");
  const { rows } = await admin.query('select pg_snapshot_xmax(pg_current_snapshot())::text as xmin');
  rewrite(name, (record) => ({ ...record, snapshotXmin: rows[0].xmin }));
  expect((await restores())['postgresql/database/eu']).toBe(false);
});

test('a copy on which no server starts is no backup', { timeout: 60_000 }, async () => {
  const name = await takeBackup(source, folder, new Date());
  const wal = join(folder, name, 'data', 'pg_wal');
  const segments = readdirSync(wal).filter((each) => each.length === 24);
  for (const segment of segments) rmSync(join(wal, segment));
  const missing = segments.length;
  rewrite(name, ({ files, bytes, ...record }) => {
    return { ...record, files: Number(files) - missing, bytes: Number(bytes) - missing * 16 * 1024 * 1024 };
  });
  expect(await restores()).toEqual({
    'postgresql/database/eu': false,
    'clinic-de': 'a backup could not be looked into',
    shop: 'a backup could not be looked into',
  });
});

test('one that is cut short does not count, and without any all since the making of the database would be lost', async () => {
  expect(Number(await ageHours())).toBeLessThan(0.5);
  expect(await restores()).toEqual({});
  const name = await takeBackup(source, folder, new Date(clock.now() - 3_600_000));
  expect(Number(await ageHours())).toBeGreaterThan(0.99);
  truncateSync(join(folder, name, 'data', 'global', 'pg_control'), 100);
  expect(Number(await ageHours())).toBeLessThan(0.5);
});

test('only the newest are kept, and what was cut off is removed', async () => {
  for (const hour of ['01', '02', '03']) await takeBackup(source, folder, new Date(`2026-01-01T${hour}:00:00Z`));
  writeFileSync(join(folder, '2026-01-01T040000.000Z.new'), '');
  await removeOld(folder, 2);
  expect(readdirSync(folder)).toEqual(['2026-01-01T020000.000Z', '2026-01-01T030000.000Z']);
  await expect(takeBackup({ ...source, password: 'wrong' }, folder, new Date())).rejects.toThrow();
  expect(existsSync(join(folder, '2026-01-01T030000.000Z', 'backup.json'))).toBe(true);
});

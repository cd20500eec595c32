import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock, toIso } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../store/throwaway-postgres.ts';
import { backupAges, backupRestores, type BackedStore } from './backups.ts';

const root = mkdtempSync(join(tmpdir(), 'kin-backups-'));
const signal = () => AbortSignal.timeout(60_000);
let server: ThrowawayPostgres;
let stores: readonly BackedStore[];

/** A server with two stores, and a backup of it: its files, as they lie when it has ended. */
beforeAll(async () => {
  server = await startThrowawayPostgres();
  const source = server.connection as { host: string; port: number; user: string; database: string };
  const admin = new Client(source);
  await admin.connect();
  for (const name of ['records', 'payments']) {
    await admin.query(`create schema ${name}; create table ${name}.rows (tenant text, body text);
      alter table ${name}.rows enable row level security;
      create policy own on ${name}.rows using (tenant = current_setting('app.tenant', true));
      insert into ${name}.rows select 'clinic-de', 'row ' || n from generate_series(1, 2000) n`);
  }
  const { rows } = await admin.query('select pg_snapshot_xmin(pg_current_snapshot())::text as xmin');
  await admin.end();
  await server.stop('SIGINT');
  const data = join(root, '1', 'data');
  mkdirSync(join(root, '1'));
  cpSync(join(server.folder, 'postgres/data'), data, { recursive: true });
  await server.start();
  const files = globSync('**/*', { cwd: data })
    .map((name) => statSync(join(data, name)))
    .filter((each) => each.isFile());
  const record = {
    startedAt: toIso(clock.now() - 3 * 3_600_000),
    snapshotXmin: (rows[0] as { xmin: string }).xmin,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
  writeFileSync(join(root, '1', 'backup.json'), JSON.stringify(record));
  stores = ['records', 'payments'].map((name) => ({
    subject: `postgresql/${name}/eu`,
    tenants: ['clinic-de'],
    region: 'eu',
    server: 'database',
    folder: root,
    backupRegion: 'eu',
    ...source,
    schema: name,
    tables: ['rows'],
    admin: { user: source.user, password: new Redacted('') },
    role: undefined,
    privileges: [],
    operators: [],
    rowSecurity: true,
  }));
}, 60_000);

afterAll(async () => {
  await server?.close();
  rmSync(root, { recursive: true, force: true });
});

test('what two stores of one server have of a backup is one thing', async () => {
  const [age, ...others] = await backupAges({ stores: () => stores, clock }).collect(signal());
  expect(others).toEqual([]);
  expect(age).toMatchObject({ subject: 'postgresql/database/eu', tenants: ['clinic-de'] });
  expect(age?.measured.kind === 'value' && Math.round(Number(age.measured.value))).toBe(3);
});

async function restored() {
  const facts = await backupRestores({ stores: () => stores, tenants: () => ['clinic-de', 'shop'], clock }).collect(
    signal(),
  );
  return facts.map(({ name, subject, measured }) => [name, subject, measured]);
}

test('a backup that holds what the source holds is equal, and says whose it is', async () => {
  expect(await restored()).toEqual([
    ['backup.restore.equal', 'postgresql/database/eu', { kind: 'value', value: true }],
    ['residency.backups', 'clinic-de', { kind: 'value', value: ['eu'] }],
    ['residency.backups', 'shop', { kind: 'value', value: [] }],
  ]);
}, 60_000);

test('one that lacks rows of one store names it', async () => {
  const admin = new Client(server.connection);
  await admin.connect();
  const { rows } = await admin.query("select pg_relation_filepath('payments.rows') as path");
  await admin.end();
  const table = join(root, '1', 'data', (rows[0] as { path: string }).path);
  writeFileSync(table, Buffer.alloc(statSync(table).size));
  expect((await restored())[0]).toEqual([
    'backup.restore.equal',
    'postgresql/database/eu',
    { kind: 'value', value: false, detail: 'postgresql/payments/eu' },
  ]);
}, 60_000);

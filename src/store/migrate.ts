import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { assert } from '../base/assert.ts';
import { digestOf } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import { type DatabaseConnection, type DatabaseTransaction, openDatabase } from './database.ts';

/** A numbered step of the schema, as read from `migrations/`. */
interface Migration {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly text: string;
}

/** Any number that no other user of the same database is likely to lock. */
const ADVISORY_LOCK = 4_846_772_001;

/** A step may rewrite a table; ordinary statements may not take that long. */
const STATEMENT_TIMEOUT_MS = 600_000;

const MIGRATIONS_FOLDER = join(import.meta.dirname, 'migrations');

/**
 * Brings the schema up to date and resolves with the numbers that were applied now. All steps or none; replicas that
 * start together wait for each other. Rejects with `migration.changed` when a step that already ran differs from its
 * file, `migration.newer` when the database has steps that are not known here, or as `openDatabase` does.
 */
export async function migrate(connection: DatabaseConnection, folder = MIGRATIONS_FOLDER): Promise<number[]> {
  const migrations = await readMigrations(folder);
  const options = { connectionsMax: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS, applicationName: 'kintsugi-migrate' };
  const database = await openDatabase(connection, options);
  try {
    return await database.transaction((tx) => applyPending(tx, migrations));
  } finally {
    await database.close();
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  assert(files.length > 0, `no migrations in ${folder}`);
  const migrations = await Promise.all(files.map((file) => readMigration(folder, file)));
  for (const [index, { number, name }] of migrations.entries()) {
    assert(number > (migrations[index - 1]?.number ?? 0), `migrations have a number of their own each, see ${name}`);
  }
  return migrations;
}

async function readMigration(folder: string, file: string): Promise<Migration> {
  // A checkout may have turned the line ends; that is no change of the step.
  const text = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
  return { number: Number.parseInt(file, 10), name: file.slice(0, -'.sql'.length), checksum: digestOf(text), text };
}

async function applyPending(tx: DatabaseTransaction, migrations: readonly Migration[]): Promise<number[]> {
  await sql`select pg_advisory_xact_lock(${ADVISORY_LOCK}::bigint)`.execute(tx);
  await sql`create table if not exists migration (
    number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
  )`.execute(tx);
  const applied = await tx.selectFrom('migration').select(['number', 'name', 'checksum']).orderBy('number').execute();
  for (const row of applied) {
    refuseMismatch(
      row,
      migrations.find(({ number }) => number === row.number),
    );
  }
  // A number below the last may come later: two that do not touch each other were written at the same time.
  const done = new Set(applied.map(({ number }) => number));
  const pending = migrations.filter(({ number }) => !done.has(number));
  for (const { number, name, checksum, text } of pending) {
    await sql.raw(text).execute(tx);
    await tx.insertInto('migration').values({ number, name, checksum }).execute();
  }
  return pending.map(({ number }) => number);
}

function refuseMismatch(row: Pick<Migration, 'number' | 'name' | 'checksum'>, known: Migration | undefined): void {
  const details = { number: row.number, name: row.name };
  if (!known) throw new KinError('migration.newer', `the database has migration ${row.name}`, { details });
  if (known.checksum === row.checksum) return;
  throw new KinError('migration.changed', `migration ${known.name} differs from what ran`, { details });
}

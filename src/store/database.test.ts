import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import { type Database, openDatabase, waitForDatabase } from './database.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from './throwaway-postgres.ts';

let server: ThrowawayPostgres;
let database: Database;

beforeAll(async () => {
  server = await startThrowawayPostgres();
  database = await openDatabase(server.connection, { statementTimeoutMs: 500 });
  await sql`create table note (id bigint, at timestamptz)`.execute(database.kysely);
});

afterAll(async () => {
  await database?.close();
  await server?.close();
});

async function count(): Promise<unknown> {
  return (await sql<{ n: number }>`select count(*) as n from note`.execute(database.kysely)).rows[0]?.n;
}

test('bigint arrives as a number and timestamptz as ISO 8601 in UTC, in every session time zone', async () => {
  for (const zone of ['UTC', 'Asia/Kolkata', 'America/St_Johns']) {
    const row = await database.transaction(async (tx) => {
      await sql`set local timezone to ${sql.lit(zone)}`.execute(tx);
      return sql`select 9007199254740991::bigint as n, '2026-02-03T04:05:06.789Z'::timestamptz as at`.execute(tx);
    });
    expect(row.rows).toEqual([{ n: 9007199254740991, at: '2026-02-03T04:05:06.789Z' }]);
  }
});

test('a transaction that rejects leaves nothing behind and rejects with the same error', async () => {
  const fault = new Error('on purpose');
  const run = database.transaction(async (tx) => {
    await sql`insert into note values (1, now())`.execute(tx);
    throw fault;
  });
  await expect(run).rejects.toBe(fault);
  expect(await count()).toBe(0);
});

test('a statement that takes too long is ended by the server', async () => {
  await expect(sql`select pg_sleep(5)`.execute(database.kysely)).rejects.toThrow(/statement timeout/);
});

test('a connection that is cut inside a transaction is a named fault, and the next query has another', async () => {
  const run = database.transaction(async (tx) => {
    await sql`insert into note values (2, now())`.execute(tx);
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
    await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(database.kysely);
    await sql`select 1`.execute(tx);
  });
  await expect(run).rejects.toMatchObject({ code: 'postgres.unreachable' });
  expect(await count()).toBe(0);
});

test('a kill of the server fails queries by name and never ends this process; afterwards the same pool works', async () => {
  const waiting = sql`select pg_sleep(0.4)`.execute(database.kysely).then(
    () => 'answered',
    (error) => error.code,
  );
  await server.stop('SIGKILL');
  await expect(sql`select 1`.execute(database.kysely)).rejects.toMatchObject({ code: 'postgres.unreachable' });
  expect(['answered', 'postgres.unreachable']).toContain(await waiting);
  await server.start();
  expect(await count()).toBe(0);
});

test('an address where nobody listens is unreachable, and no password is in the message', async () => {
  const run = openDatabase({ connectionString: 'postgres://kintsugi:hunter2@127.0.0.1:1/kintsugi' });
  const error = await run.catch((error: unknown) => error);
  expect(error).toMatchObject({ code: 'postgres.unreachable' });
  expect(describeError(error)).toContain('127.0.0.1:1');
  expect(describeError(error)).not.toContain('hunter2');
});

test('waiting for a server ends with its last fault when the signal aborts', async () => {
  const stop = new AbortController();
  const run = waitForDatabase(
    { host: '/nowhere', port: 5432, user: 'kintsugi', database: 'kintsugi' },
    { clock: systemClock, signal: stop.signal },
  );
  stop.abort();
  await expect(run).rejects.toMatchObject({ code: 'postgres.unreachable' });
});

test('waiting for a server ends when it answers', async () => {
  await server.stop('SIGINT');
  const run = waitForDatabase(server.connection, { clock: systemClock, signal: systemClock.deadline(20_000) });
  await server.start();
  await (await run).close();
});

import { sql } from 'kysely';
import { beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import type { Database } from './database.ts';
import { drain, enqueue, type OutboxEvent } from './outbox.ts';

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});

beforeEach(async () => {
  await database.kysely.deleteFrom('outbox').execute();
});

function events(from: number, to: number): OutboxEvent[] {
  return Array.from({ length: to - from + 1 }, (_, n) => ({ id: `evt_${from + n}`, data: { n: from + n } }));
}

async function put(list: readonly OutboxEvent[]): Promise<void> {
  await database.transaction((tx) => enqueue(tx, list));
}

test('events arrive whole, in order, once, over more than one batch', async () => {
  await put(events(1, 700));
  await put(events(701, 1_200));
  const seen: OutboxEvent[] = [];
  expect(await drain(database, async (batch) => void seen.push(...batch))).toBe(1_200);
  expect(seen).toEqual(events(1, 1_200));
  expect(await drain(database, async (batch) => void seen.push(...batch))).toBe(0);
});

test('an event of a transaction that rolled back is never sent', async () => {
  const run = database.transaction(async (tx) => {
    await enqueue(tx, events(1, 1));
    throw new Error('on purpose');
  });
  await expect(run).rejects.toThrow('on purpose');
  expect(await drain(database, async () => undefined)).toBe(0);
});

test('what the ledger did not acknowledge is sent again with the same ids', async () => {
  await put(events(1, 3));
  const seen: string[] = [];
  const refuse = async (batch: readonly OutboxEvent[]) => {
    seen.push(...batch.map((event) => event.id));
    throw new Error('the answer was lost');
  };
  await expect(drain(database, refuse)).rejects.toThrow('the answer was lost');
  await drain(database, async (batch) => void seen.push(...batch.map((event) => event.id)));
  expect(seen).toEqual(['evt_1', 'evt_2', 'evt_3', 'evt_1', 'evt_2', 'evt_3']);
});

test('of two that drain at once one does nothing', async () => {
  await put(events(1, 10));
  const seen: string[] = [];
  let inner = -1;
  const outer = await drain(database, async (batch) => {
    inner = await drain(database, async (other) => void seen.push(...other.map((event) => event.id)));
    seen.push(...batch.map((event) => event.id));
  });
  expect([outer, inner]).toEqual([10, 0]);
  expect(seen).toHaveLength(10);
});

test('an event whose transaction commits during a drain waits for the next one', async () => {
  const seen: string[] = [];
  const note = async (batch: readonly OutboxEvent[]) => void seen.push(...batch.map((event) => event.id));
  await database.transaction(async (tx) => {
    await enqueue(tx, events(1, 1));
    await put(events(2, 2));
    await drain(database, note);
  });
  await drain(database, note);
  expect(seen).toEqual(['evt_2', 'evt_1']);
  expect((await sql`select 1 from outbox`.execute(database.kysely)).rows).toEqual([]);
});

test('an event that the ledger could never take is refused before it blocks the others', async () => {
  const huge = { id: 'evt_huge', data: 'x'.repeat(70_000) };
  await expect(put([huge])).rejects.toMatchObject({ code: 'ledger.entry-too-large' });
});

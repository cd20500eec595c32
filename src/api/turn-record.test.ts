import { beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { systemClock, toIso } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import type { Status } from '../comply/assess.ts';
import type { Turn } from '../comply/turn.ts';
import { createRecord } from '../heal/record.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import type { Database } from '../store/database.ts';
import { TurnRecord } from './turn-record.ts';
import { readLastViolations, readViolationTimes } from './violation-times.ts';

let database: Database;

useMigratedDatabase((its) => {
  database = its;
});

beforeEach(async () => {
  await database.kysely.deleteFrom('control_status').execute();
  await database.kysely.deleteFrom('outbox').execute();
  await database.kysely.deleteFrom('violation').execute();
});

const start = async () =>
  new TurnRecord({ database, lease: await holdLease(database), record: createRecord(systemClock, systemRandom) });

function turn(control: string, to: Status, at: number, tenant = 'clinic'): Turn {
  return { tenant, framework: 'gdpr', control, from: null, to, at };
}

/** What the ledger will be told, in its order. */
async function told(): Promise<readonly unknown[]> {
  const rows = await database.kysely.selectFrom('outbox').select('event').orderBy('seq').execute();
  return rows.flatMap(({ event }) => {
    const { type, tenant, data } = event as unknown as LedgerEvent;
    return (data['turns'] as [string, string, number][]).map(
      ([control, to, at]) => `${type} ${tenant} ${control} ${to} ${at}`,
    );
  });
}

test('a violation of a moment is on record, though it was over before anything was written', async () => {
  const record = await start();
  record.take([turn('c1', 'satisfied', 1_000), turn('c1', 'not-satisfied', 1_100), turn('c1', 'satisfied', 1_150)]);
  await record.flush(2_000);
  expect(await told()).toEqual([
    'controls.turned clinic c1 satisfied 1000',
    'controls.turned clinic c1 not-satisfied 1100',
    'controls.turned clinic c1 satisfied 1150',
  ]);
  const rows = await database.kysely.selectFrom('control_status').selectAll().execute();
  expect(rows).toMatchObject([{ control: 'c1', status: 'satisfied' }]);
});

test('not knowing for a moment is no news, not knowing for a minute is', async () => {
  const record = await start();
  record.take([turn('c1', 'unknown', 0), turn('c2', 'unknown', 0)]);
  await record.flush(59_999);
  record.take([turn('c2', 'satisfied', 59_000)]);
  await record.flush(60_000);
  expect(await told()).toEqual(['controls.turned clinic c1 unknown 0', 'controls.turned clinic c2 satisfied 59000']);
});

test('what stands as it was on record is not told again by the next leader, and what the last one could not write is', async () => {
  const first = await start();
  const turns = [turn('c1', 'satisfied', 1_000), turn('c2', 'satisfied', 1_000)];
  first.take(turns);
  await first.flush(2_000);
  const next = await start();
  next.take([...turns, turn('c2', 'not-satisfied', 3_000)]);
  first.take([turn('c1', 'not-satisfied', 2_500)]);
  await expect(first.flush(3_000)).rejects.toMatchObject({ code: 'lease.stale' });
  await next.flush(4_000);
  expect((await told()).slice(2)).toEqual(['controls.turned clinic c2 not-satisfied 3000']);
});

test('what turned while the last was written is written next, and nothing twice', async () => {
  const record = await start();
  record.take([turn('c1', 'not-satisfied', 1_000)]);
  const writing = record.flush(2_000);
  record.take([turn('c1', 'satisfied', 2_100), turn('c1', 'not-satisfied', 2_200)]);
  await writing;
  await record.flush(3_000);
  await record.flush(4_000);
  expect(await told()).toHaveLength(3);
});

test('an entry is about one tenant only, and never too long for the ledger', async () => {
  const record = await start();
  const many = Array.from({ length: 450 }, (_, index) => turn(`c${index}`, 'satisfied', index));
  record.take([...many, turn('c1', 'satisfied', 1, 'shop')]);
  await record.flush(1_000);
  const rows = await database.kysely.selectFrom('outbox').select('event').orderBy('seq').execute();
  const entries = rows.map(({ event }) => event as unknown as LedgerEvent);
  expect(entries.map(({ tenant, data }) => [tenant, (data['turns'] as unknown[]).length])).toEqual([
    ['clinic', 200],
    ['clinic', 200],
    ['clinic', 50],
    ['shop', 1],
  ]);
});

test('a replica that only watches remembers the newest turns, and goes on with them when it leads', async () => {
  const held = await holdLease(database);
  let leads = false;
  const lease = { ...held, current: () => (leads ? held.current() : undefined) };
  const record = new TurnRecord({ database, lease, record: createRecord(systemClock, systemRandom) });
  for (let at = 0; at < 1_000; at += 1) record.take([turn('c1', at % 2 === 0 ? 'satisfied' : 'not-satisfied', at)]);
  await record.flush(1_000);
  expect(await told()).toEqual([]);
  leads = true;
  await record.flush(1_000);
  const lines = await told();
  expect(lines).toHaveLength(100);
  expect(lines.at(-1)).toBe('controls.turned clinic c1 not-satisfied 999');
});

test('a violation is kept from its last good measurement to the one that shows it healed, flapping in between', async () => {
  const record = await start();
  const [goodAt, badAt] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1, 0, 0, 4)];
  const begins = { ...turn('c1', 'not-satisfied', badAt + 500), measured: { at: badAt, goodAt } };
  record.take([turn('c1', 'satisfied', goodAt), begins]);
  await record.flush(badAt + 1_000);
  const open = await readLastViolations(database, 'c1');
  expect(open).toMatchObject([{ tenant: 'clinic', goodAt: toIso(goodAt), badAt: toIso(badAt), healedAt: null }]);
  record.take([{ ...turn('c1', 'satisfied', badAt + 9_500), measured: { at: badAt + 9_000, goodAt: null } }]);
  await record.flush(badAt + 10_000);
  expect(await readLastViolations(database, 'c1')).toMatchObject([{ healedAt: toIso(badAt + 9_000) }]);
});

test('how long violations lasted is told for each tenant and framework, without those whose beginning nobody saw', async () => {
  const record = await start();
  const now = systemClock.now();
  const violated = (control: string, goodAt: number | null, foundAt: number, tenant?: string): Turn => {
    return { ...turn(control, 'not-satisfied', foundAt, tenant), measured: { at: foundAt, goodAt } };
  };
  record.take([violated('c1', now - 9_000, now - 8_000), violated('c2', now - 9_000, now - 6_000)]);
  record.take([violated('c3', null, now - 5_000), violated('c1', null, now - 5_000, 'shop')]);
  record.take([{ ...turn('c1', 'satisfied', now - 4_000), measured: { at: now - 4_000, goodAt: null } }]);
  // Not measured any more: that ends nothing.
  record.take([turn('c2', 'unknown', now - 3_000)]);
  await record.flush(now + 120_000);
  expect(await readViolationTimes(database)).toEqual([
    {
      tenant: 'clinic',
      framework: 'gdpr',
      found: 3,
      open: 2,
      findMsMedian: 2_000,
      findMsMax: 3_000,
      healMsMedian: 5_000,
      healMsMax: 5_000,
    },
    {
      tenant: 'shop',
      framework: 'gdpr',
      found: 1,
      open: 1,
      findMsMedian: null,
      findMsMax: null,
      healMsMedian: null,
      healMsMax: null,
    },
  ]);
});

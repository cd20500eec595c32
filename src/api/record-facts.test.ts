import { beforeAll, beforeEach, expect, test } from 'vitest';
import { useMigratedDatabase } from '../../test/fixtures/migrated-database.ts';
import { holdLease } from '../../test/sim/held-lease.ts';
import { systemClock as clock, toIso } from '../base/clock.ts';
import type { World } from '../drivers/world.ts';
import type { RequestsSample } from '../observe/sample.ts';
import { ServiceTally } from '../observe/service-tally.ts';
import type { Database } from '../store/database.ts';
import type { LeaderLease } from '../store/lease.ts';
import { recordCollectors } from './record-facts.ts';

const signal = new AbortController().signal;
const DAY_MS = 86_400_000;
const world = { declared: { tenants: [{ metadata: { name: 'clinic' } }, { metadata: { name: 'shop' } }] } };

let database: Database;
let lease: LeaderLease;
let tally: ServiceTally;

useMigratedDatabase((its) => {
  database = its;
});

beforeAll(async () => {
  lease = await holdLease(database);
}, 60_000);
beforeEach(async () => {
  tally = new ServiceTally();
  await database.kysely.deleteFrom('service_day').execute();
  await database.kysely.deleteFrom('drill').execute();
});

/** What a gateway counted in the second before a moment. */
function counted(secondsAgo: number, ok: number, failed: number, tenant = 'clinic'): RequestsSample {
  const at = clock.now() - secondsAgo * 1_000;
  const none = { limited: 0, refused: 0, latency: {} as RequestsSample['latency'] };
  return { kind: 'requests', at, vantage: 'gateway-0', tenant, workload: 'web', spanMs: 1_000, ok, failed, ...none };
}

async function measured(leader: Pick<LeaderLease, 'name' | 'current'> = lease) {
  const options = { database, lease: leader as LeaderLease, world: world as unknown as World, tally, clock };
  const facts = (await Promise.all(recordCollectors(options).map((each) => each.collect(signal)))).flat();
  return Object.fromEntries(
    facts.map(({ name, subject, measured }) => [
      `${name} ${subject}`,
      measured.kind === 'value' ? measured.value : measured.reason,
    ]),
  );
}

test('availability is the share that was answered, and an outage lasts from the first failure to the last', async () => {
  for (const each of [counted(60, 90, 0), counted(50, 0, 3), counted(40, 0, 4), counted(30, 5, 1), counted(20, 0, 2)]) {
    tally.take(each);
  }
  expect(await measured()).toMatchObject({
    'resilience.availability clinic': 95 / 105,
    'resilience.rtoMs clinic': expect.closeTo(11_000, -1),
    'resilience.availability shop': 'no request of it is on record',
    'resilience.rtoMs shop': 'no request of it is on record',
  });
});

test('an outage that one gateway sees while another serves is none of the tenant', async () => {
  for (const each of [counted(50, 0, 3), counted(49, 7, 0), counted(48, 0, 3), counted(47, 7, 0)]) tally.take(each);
  expect(await measured()).toMatchObject({ 'resilience.rtoMs clinic': 1_000 });
});

test('what is on record adds up, is read by others, and goes when it is out of reach', async () => {
  tally.take(counted(10, 10, 0));
  await measured();
  tally.take(counted(5, 0, 10));
  const day = (age: number) => toIso(clock.now() - age * DAY_MS).slice(0, 10);
  const old = { tenant: 'clinic', answered: 0, failed: 1_000 };
  const rows = [
    { ...old, day: day(45), outage_ms: 7_000 },
    { ...old, day: day(95), outage_ms: 9_000 },
  ];
  await database.kysely.insertInto('service_day').values(rows).execute();
  const both = { 'resilience.availability clinic': 0.5, 'resilience.rtoMs clinic': 7_000 };
  expect(await measured()).toMatchObject(both);
  expect(await database.kysely.selectFrom('service_day').select('day').execute()).toHaveLength(2);
  tally.take(counted(1, 0, 100));
  expect(await measured({ name: lease.name, current: () => undefined })).toMatchObject(both);
});

test('what could not be written is written later', async () => {
  tally.take(counted(10, 10, 0));
  const stale = { name: lease.name, current: () => ({ ...lease.current()!, epoch: 0 }) };
  await expect(measured(stale)).rejects.toThrow();
  expect(await measured()).toMatchObject({ 'resilience.availability clinic': 1 });
});

test('the slowest violation that a drill found says how soon the loss of a control is noticed', async () => {
  const ended_at = toIso(clock.now());
  const row = (id: string, result: object) => {
    return { id, fault: 'x', target: 'web', made_by: 'anna', ended_at, result: JSON.stringify(result) };
  };
  const drills = [
    row('d1', { outcome: 'detected', detectedMs: 60_000, controls: [{}] }),
    row('d2', { outcome: 'healed', detectedMs: 90_000, controls: [{}, {}] }),
    row('d3', { outcome: 'healed', detectedMs: 600_000, controls: [] }),
    row('d4', { outcome: 'interrupted', detectedMs: 600_000, controls: [{}] }),
    row('d5', { outcome: 'healed', detectedMs: 25 }),
  ];
  expect((await measured())['controls.failure.detectMinutes drills']).toMatch(/no violation was drilled/);
  await database.kysely.insertInto('drill').values(drills).execute();
  expect((await measured())['controls.failure.detectMinutes drills']).toBe(1.5);
});

test('the age of drills is that of the last one that passed', async () => {
  expect((await measured())['drill.ageDays drills']).toMatch(/no drill that passed/);
  const drill = (id: string, age: number, outcome: string) => {
    const ended_at = toIso(clock.now() - age * DAY_MS);
    const result = JSON.stringify({ outcome });
    return { id, fault: 'kill', target: 'web', made_by: 'anna', ended_at, result };
  };
  const drills = [drill('d1', 5, 'healed'), drill('d2', 3, 'detected'), drill('d3', 1, 'undetected')];
  await database.kysely.insertInto('drill').values(drills).execute();
  expect((await measured())['drill.ageDays drills']).toBeCloseTo(3, 3);
});

import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { World } from '../drivers/world.ts';
import type { Sample } from '../observe/sample.ts';
import { SampleFacts } from './sample-facts.ts';

const DAY_MS = 86_400_000;
const ASSET = 'protection postgresql/records/eu/"public"."records"/row-level-security';

/** The reports after each group of readings: `o` is off, `-` is on. */
async function reportsAfter(...groups: readonly string[]): Promise<readonly unknown[]> {
  const facts = new SampleFacts(new World(systemClock), systemClock);
  const [protections] = facts.collectors();
  const start = systemClock.now();
  let reading = 0;
  const reports: unknown[] = [];
  for (const group of groups) {
    for (const letter of group) {
      reading += 1;
      const about = { asset: ASSET, condition: 'disabled', vantage: 'store', reason: 'seen', detail: {} } as const;
      facts.take({ kind: 'condition', ...about, at: start + reading, holds: letter === 'o' } satisfies Sample);
    }
    for (const { measured, measuredAt } of await protections!.collect(systemClock.deadline(1_000))) {
      reports.push([measured.kind === 'value' ? measured.value : measured.reason, measuredAt - start]);
    }
  }
  return reports;
}

test('a protection that is off in two looks is off, and on again with the second look that finds it so', async () => {
  expect(await reportsAfter('--', 'o', 'o', 'o', '-', '-')).toEqual([
    [true, 2],
    [true, 2],
    [false, 4],
    [false, 5],
    [false, 5],
    [true, 7],
  ]);
});

test('what was off and is on again before the next report was off', async () => {
  expect(await reportsAfter('--', 'oo--', '-')).toEqual([
    [true, 2],
    [false, 4],
    [true, 7],
  ]);
});

test('what is off at the first look is off', async () => {
  expect(await reportsAfter('o', '--')).toEqual([
    [false, 1],
    [true, 3],
  ]);
});

test('files are compared as long ago as the artefact that was compared longest ago', async () => {
  let now = 100 * DAY_MS;
  const clock = { ...systemClock, now: () => now };
  const declared = { workloads: [{ name: 'records' }, { name: 'payments' }], tenants: [] };
  const facts = new SampleFacts({ declared } as unknown as World, clock);
  const compare = (workload: string, at: number) =>
    facts.take({ kind: 'artefact', at, vantage: 'control', workload, version: 1, matches: true });
  const measured = async () => {
    const all = await Promise.all(facts.collectors().map((each) => each.collect(systemClock.deadline(1_000))));
    return all.flat().find(({ name }) => name === 'files.compare.ageDays')?.measured;
  };
  compare('records', now - 8 * DAY_MS);
  expect(await measured()).toEqual({ kind: 'unknown', reason: 'the artefact of payments was not compared yet' });
  compare('payments', now);
  expect(await measured()).toMatchObject({ value: 8, detail: 'the artefact of records was compared longest ago' });
  now += DAY_MS;
  compare('records', now);
  expect(await measured()).toMatchObject({ value: 1 });
});

/** Where a tenant is measured to be served, after requests of it were. */
function servedTenant() {
  let now = 100 * DAY_MS;
  let regions = ['eu', 'us'];
  const clock = { ...systemClock, now: () => now };
  const tenants = () => [{ metadata: { name: 'clinic' }, spec: { regions } }];
  const world = {
    declared: {
      workloads: [],
      get tenants() {
        return tenants();
      },
    },
  } as unknown as World;
  const facts = new SampleFacts(world, clock);
  const latency = { count: 0, buckets: {} };
  const ref = { instance: 'records-1', workload: 'records', version: 1, vantage: 'gateway-1', spanMs: 250 };
  return {
    permit: (next: string[]) => {
      regions = next;
    },
    after: (ms: number) => {
      now += ms;
    },
    serve: (region: string) =>
      facts.take({ kind: 'tries', at: now, tenant: 'clinic', region, ok: 1, failed: 0, errors: {}, latency, ...ref }),
    measured: async () => {
      const all = await Promise.all(facts.collectors().map((each) => each.collect(systemClock.deadline(1_000))));
      const fact = all.flat().find(({ name }) => name === 'residency.instances');
      return fact?.measured.kind === 'value' ? fact.measured.value : 'unknown';
    },
  };
}

test('a region that may not serve a tenant counts until the tenant was served elsewhere for a while', async () => {
  const { permit, after, serve, measured } = servedTenant();
  permit(['eu']);
  serve('eu');
  serve('us');
  expect(await measured()).toEqual(['eu', 'us']);
  after(6_000);
  expect(await measured()).toEqual(['eu', 'us']);
  serve('eu');
  expect(await measured()).toEqual(['eu']);
  serve('us');
  expect(await measured()).toEqual(['eu', 'us']);
});

test('what was served while it was permitted is no violation of what is permitted now', async () => {
  const { permit, after, serve, measured } = servedTenant();
  serve('us');
  expect(await measured()).toEqual(['us']);
  permit(['eu']);
  expect(await measured()).toBe('unknown');
  after(1_000);
  serve('us');
  expect(await measured()).toBe('unknown');
  after(3_000);
  serve('us');
  expect(await measured()).toEqual(['us']);
});

import { expect, test } from 'vitest';
import { liveHour } from './healthy-hour.ts';

/** `KINTSUGI_HEALTHY_HOURS=20 npx vitest run test/sim/healthy` lives through that many new ones besides; seeds are printed. */
const HOURS = Number(process.env['KINTSUGI_HEALTHY_HOURS'] ?? 0);
const NEW = Array.from({ length: HOURS }, (_, i) => (Math.floor(performance.timeOrigin) + i) % 1_000_000);

test.each([1, ...NEW])(
  'an hour in which nothing is wrong has no incident, under seed %i',
  { timeout: 300_000 },
  async (seed) => {
    const { incidents, faults, samples } = await liveHour({ seed });
    expect({ seed, incidents: incidents.map(({ body }) => body.diagnosis.summary), faults }).toEqual({
      seed,
      incidents: [],
      faults: [],
    });
    expect(samples).toBeGreaterThan(200_000);
  },
);

test('people who add instances and take them away, and tenants who come and leave, are no incident', {
  timeout: 300_000,
}, async () => {
  const { incidents, faults } = await liveHour({ seed: 14, minutes: 30, comings: true });
  expect({ incidents: incidents.map(({ body }) => body.diagnosis.summary), faults }).toEqual({
    incidents: [],
    faults: [],
  });
});

test('clocks that jump, reports that come twice, late, in a heap or not at all are no incident', {
  timeout: 300_000,
}, async () => {
  const minutes = (from: number, length: number) => ({ fromMs: from * 60_000, untilMs: (from + length) * 60_000 });
  const oddities = [
    { gateway: 2, ...minutes(5, 1), does: 'clock-off', ms: 40_000 },
    { gateway: 1, ...minutes(8, 1), does: 'repeats' },
    { gateway: 1, ...minutes(11, 0.5), does: 'withholds' },
    { gateway: 2, ...minutes(14, 1), does: 'clock-off', ms: -600_000 },
    { gateway: 1, ...minutes(17, 0.7), does: 'loses' },
    { gateway: 2, ...minutes(17.2, 1), does: 'loses' },
    { gateway: 2, ...minutes(20, 1), does: 'clock-off', ms: 3_600_000 },
    { gateway: 1, ...minutes(22, 1), does: 'clock-off', ms: 15_000 },
  ] as const;
  const { incidents, faults } = await liveHour({ seed: 5, minutes: 26, deploys: 1, oddities });
  expect({ incidents: incidents.map(({ body }) => body.diagnosis.summary), faults }).toEqual({
    incidents: [],
    faults: [],
  });
});

test('one instance that fails in such an hour is one incident, and found at once', { timeout: 120_000 }, async () => {
  const fault = { workload: 'records', ordinal: 2, failedShare: 0.5, fromMs: 300_000 };
  const { incidents, startedAt } = await liveHour({ seed: 3, minutes: 6, deploys: 0, fault });
  expect(incidents.map(({ body }) => body.diagnosis.cause)).toEqual(['instance-degraded']);
  expect(Date.parse(incidents[0]!.openedAt) - startedAt - fault.fromMs).toBeLessThan(20_000);
});

test('what nobody declared to be called and fails is one incident with all who call it', {
  timeout: 120_000,
}, async () => {
  const fault = { workload: 'search', failedShare: 0.4, fromMs: 300_000 };
  const { incidents } = await liveHour({ seed: 4, minutes: 6, deploys: 0, fault });
  const causes = incidents.map(({ body: { diagnosis } }) => `${diagnosis.cause}: ${diagnosis.subject.name}`);
  expect(causes).toEqual(['unknown: search']);
});

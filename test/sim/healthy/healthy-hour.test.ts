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

test('one instance that fails in such an hour is one incident, and found at once', { timeout: 120_000 }, async () => {
  const fault = { workload: 'records', ordinal: 2, failedShare: 0.5, fromMs: 300_000 };
  const { incidents, startedAt } = await liveHour({ seed: 3, minutes: 6, deploys: 0, fault });
  expect(incidents.map(({ body }) => body.diagnosis.cause)).toEqual(['instance-degraded']);
  expect(Date.parse(incidents[0]!.openedAt) - startedAt - fault.fromMs).toBeLessThan(20_000);
});

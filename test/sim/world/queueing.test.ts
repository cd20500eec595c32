import fc from 'fast-check';
import { expect, test } from 'vitest';
import { step as stepOfQueue, triesPerCall } from './queueing.ts';

const calm = { backlog: 0, capacity: 100, workMs: 20 };

/** A step of one second. */
function step(given: typeof calm & { readonly arrivals: number }) {
  return stepOfQueue({ ...given, perSecond: given.arrivals, dtMs: 1_000 });
}

test('below its capacity an instance queues little, and the more the nearer it comes', () => {
  const latencies = [10, 50, 90].map((arrivals) => step({ ...calm, arrivals }).latencyMs);
  expect(latencies[0]).toBeCloseTo(20, 0);
  expect(latencies).toEqual([...latencies].sort((a, b) => a - b));
  expect(step({ ...calm, arrivals: 90 })).toMatchObject({ backlog: 0, shedShare: 0 });
});

test('above its capacity requests wait, and what finds the queue full is turned away', () => {
  let station = step({ ...calm, arrivals: 200 });
  expect(station).toMatchObject({ backlog: 100, shedShare: 0 });
  for (let i = 0; i < 10; i++) station = step({ ...calm, arrivals: 200, backlog: station.backlog });
  expect(station.backlog).toBe(500);
  expect(station.shedShare).toBeCloseTo(0.5);
  expect(station.latencyMs).toBeGreaterThan(5_000);
});

test('what nobody waits for any more still has to be worked off', () => {
  const after = step({ ...calm, arrivals: 50, backlog: 500 });
  expect(after.backlog).toBe(450);
  expect(after.latencyMs).toBeGreaterThan(4_000);
});

test('no request is lost between the queue, the work and the door', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 5_000, noNaN: true }),
      fc.double({ min: 0, max: 500, noNaN: true }),
      fc.double({ min: 1, max: 1_000, noNaN: true }),
      (arrivals, backlog, capacity) => {
        const before = Math.min(backlog, capacity * 5);
        const { backlog: after, shedShare } = step({ ...calm, arrivals, backlog: before, capacity });
        const worked = before + arrivals - after - shedShare * arrivals;
        expect(worked).toBeGreaterThanOrEqual(-1e-6);
        expect(worked).toBeLessThanOrEqual(capacity + 1e-6);
      },
    ),
  );
});

test('retries multiply the tries of what fails, and cost nothing while nothing does', () => {
  expect(triesPerCall(0, 30)).toBe(1);
  expect(triesPerCall(1, 30)).toBe(31);
  expect(triesPerCall(0.5, 3)).toBeCloseTo(1.875);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addRequests, type RequestWindows, requestsOf, startWindows } from './request-windows.ts';

const WIDTHS = [300, 3_000, 30_000];
const START = 1_000_000;

const batch = fc.record({
  stepMs: fc.oneof(fc.integer({ min: -40, max: 400 }), fc.integer({ min: 0, max: 40_000 })),
  total: fc.nat({ max: 50 }),
  failed: fc.nat({ max: 5 }),
  slow: fc.nat({ max: 5 }),
});

test('windows hold what adding up again would give, in any order of arrival', () => {
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 80 }), fc.nat({ max: 40_000 }), (batches, laterMs) => {
      const state = startWindows(WIDTHS);
      let nowMs = START;
      let newestMs = START;
      const added: { readonly atMs: number; readonly total: number }[] = [];
      for (const { stepMs, ...counts } of batches) {
        nowMs += stepMs;
        addRequests(state, nowMs, counts);
        newestMs = Math.max(newestMs, nowMs);
        added.push({ atMs: nowMs, total: counts.total });
      }
      const askedMs = newestMs + laterMs;
      for (const widthMs of WIDTHS) {
        const since = (Math.floor((askedMs * 30) / widthMs) - 29) * (widthMs / 30);
        const expected = added.filter(({ atMs }) => atMs >= since).reduce((sum, { total }) => sum + total, 0);
        expect(requestsOf(state, widthMs, askedMs).total).toBe(expected);
      }
    }),
    { seed: 6, numRuns: 300 },
  );
});

test('a copy by JSON goes on exactly as the original, and asking changes nothing', () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 60 }), fc.nat({ max: 60 }), (batches, cut) => {
      const run = (state: RequestWindows, from: number, to: number) => {
        let atMs = batches.slice(0, from).reduce((sum, { stepMs }) => sum + stepMs, START);
        for (const { stepMs, ...counts } of batches.slice(from, to)) {
          atMs += stepMs;
          addRequests(state, atMs, counts);
        }
        return state;
      };
      const resumed = JSON.parse(JSON.stringify(run(startWindows(WIDTHS), 0, cut))) as RequestWindows;
      requestsOf(resumed, 300, START * 2);
      expect(run(resumed, cut, batches.length)).toEqual(run(startWindows(WIDTHS), 0, batches.length));
    }),
    { seed: 6, numRuns: 200 },
  );
});

test('room is fixed', () => {
  const state = startWindows(WIDTHS);
  for (let at = 0; at < 10_000; at++) addRequests(state, START + at * 17, { total: 1, failed: 0, slow: 0 });
  expect(state.windows.flatMap(({ buckets, sums }) => [...buckets, ...sums])).toHaveLength(3 * 93);
});

test('what is no count is ignored, and a window that is not kept is empty', () => {
  const state = startWindows(WIDTHS);
  for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    addRequests(state, START, { total: bad, failed: 0, slow: 0 });
    addRequests(state, START, { total: 1, failed: bad, slow: 0 });
  }
  addRequests(state, Number.NaN, { total: 1, failed: 0, slow: 0 });
  expect(state).toEqual(startWindows(WIDTHS));
  addRequests(state, START, { total: 1, failed: 0, slow: 0 });
  expect(requestsOf(state, 77, START).total).toBe(0);
});

test('a clock that was set back does not look like health for ever', () => {
  const state = startWindows(WIDTHS);
  addRequests(state, START + 1e12, { total: 5, failed: 0, slow: 0 });
  for (let at = 0; at < 100; at++) addRequests(state, START + at, { total: 1, failed: 1, slow: 0 });
  expect(requestsOf(state, 30_000, START + 100).failed).toBeGreaterThan(30);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isDue, isTooLate, timeLocked, timeUntilRefused, type Wait } from './session-waits.ts';

const MINUTE_MS = 60_000;
/** How far from the truth a number may be that is told. */
const EXACT_MINUTES = 0.75;

function begun(kind: Wait['kind'], minutes: number): Wait {
  return { kind, minutes, since: 0, account: 'canary' };
}

/** What comes of looks, each so late after it is due, at something that is open until its end, or from it on. */
function told(kind: Wait['kind'], demanded: readonly number[], endMinutes: number, lateMinutes: number) {
  const waits = demanded.map((minutes) => {
    const wait = begun(kind, minutes);
    let at = Math.max(0, minutes - 1) * MINUTE_MS;
    while (!isDue(wait, at)) at += 1_000;
    const seenAt = at / MINUTE_MS + lateMinutes;
    const isOpen = kind === 'locked' ? seenAt >= endMinutes : seenAt < endMinutes;
    return { ...wait, seen: { isOpen, minutes: seenAt } };
  });
  if (waits.some(isTooLate)) return undefined;
  const { kind: is, ...measured } = kind === 'locked' ? timeLocked(waits) : timeUntilRefused(waits);
  return is === 'value' && 'value' in measured ? Number(measured.value) : undefined;
}

const demanded = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 });
const minutes = fc.double({ min: 0.1, max: 200, noNaN: true });
const late = fc.oneof(
  fc.constant(0),
  fc.double({ min: 0, max: 0.2, noNaN: true }),
  fc.double({ min: 0, max: 90, noNaN: true }),
);

test('an idle limit that is told passes no demand that it breaks, and breaks none that it keeps', () => {
  fc.assert(
    fc.property(demanded, minutes, late, (limits, end, lateMinutes) => {
      const number = told('idle', limits, end, lateMinutes);
      if (number === undefined) return;
      for (const limit of limits) {
        if (number <= limit) expect(end).toBeLessThanOrEqual(limit + EXACT_MINUTES);
        else expect(end).toBeGreaterThan(limit);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a lock that is told passes no demand that it breaks, and breaks none that it keeps', () => {
  fc.assert(
    fc.property(demanded, minutes, late, (limits, end, lateMinutes) => {
      const number = told('locked', limits, end, lateMinutes);
      if (number === undefined) return;
      for (const limit of limits) {
        if (number >= limit) expect(end).toBeGreaterThanOrEqual(limit - EXACT_MINUTES);
        else expect(end).toBeLessThan(limit);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('in time, every limit is told', () => {
  expect([5, 14, 15, 15.2].map((end) => told('idle', [15], end, 0.1))).toEqual([15, 15, 15, 15]);
  expect(told('idle', [15], 16, 0.1)).toBeGreaterThan(15);
  expect(told('locked', [30], 30, 0.1)).toBe(30);
  expect(told('locked', [30], 29, 0.1)).toBeLessThan(30);
});

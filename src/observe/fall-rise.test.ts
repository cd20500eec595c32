import fc from 'fast-check';
import { expect, test } from 'vitest';
import { probeAt } from '../../test/sim/readings.ts';
import { type FallRise, startFallRise, stepFallRise } from './fall-rise.ts';

function fold(readings: readonly boolean[], fall: number, rise: number): FallRise {
  return readings.reduce(
    (state, ok, i) => stepFallRise(state, probeAt(i + 1, ok, undefined, { fall, rise })),
    startFallRise(0),
  );
}

test('what nobody has seen working is down', () => {
  expect(startFallRise(5)).toMatchObject({ up: false, since: 5 });
});

test('it rises after as many successes in a row as asked for, and not before', () => {
  expect(fold([true, true], 2, 3).up).toBe(false);
  expect(fold([true, true, false, true, true], 2, 3).up).toBe(false);
  expect(fold([true, true, true], 2, 3)).toMatchObject({ up: true, since: 3, against: 0 });
});

test('it falls after as many failures in a row as asked for, and remembers since when and why', () => {
  expect(fold([true, false, true, false, true], 2, 1).up).toBe(true);
  expect(fold([true, false, false], 2, 1)).toMatchObject({ up: false, since: 3, lastReason: 'refused' });
});

test('the level changes only at the end of an unbroken run of readings against it', () => {
  const sequences = fc.array(fc.boolean(), { maxLength: 40 });
  const needed = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(sequences, needed, needed, (readings, fall, rise) => {
      for (let i = 1; i <= readings.length; i++) {
        const before = fold(readings.slice(0, i - 1), fall, rise);
        const after = fold(readings.slice(0, i), fall, rise);
        if (before.up === after.up) continue;
        const run = readings.slice(Math.max(0, i - (before.up ? fall : rise)), i);
        expect(run).toHaveLength(before.up ? fall : rise);
        expect(run.every((ok) => ok === after.up)).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
});

import { expect, test } from 'vitest';
import { parseDuration, printDuration } from './duration.ts';

test('durations are printed in the largest unit that says enough', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [85.4, '85 ms'],
    [999.6, '1.0 s'],
    [2_140, '2.1 s'],
    [59_940, '59.9 s'],
    [59_960, '1 min'],
    [200_000, '3 min 20 s'],
    [3_599_900, '60 min'],
    [14_700_000, '4 h 5 min'],
    [183_600_000, '2 d 3 h'],
    [-1_500, '-1.5 s'],
  ];
  for (const [ms, text] of cases) expect(printDuration(ms), String(ms)).toBe(text);
  for (const unknown of [null, undefined, Number.NaN]) expect(printDuration(unknown)).toBe('-');
});

test('durations are read with a unit, and nothing else is', () => {
  expect(['90s', '30m', '1.5h', '1d'].map(parseDuration)).toEqual([90_000, 1_800_000, 5_400_000, 86_400_000]);
  for (const text of ['', '30', 'm', '0m', '-5m', '5 m', '5w', '5m5', '1e3s', '99999999d']) {
    expect(parseDuration(text), text).toBeUndefined();
  }
});

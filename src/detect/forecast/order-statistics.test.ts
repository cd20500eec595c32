import { expect, test } from 'vitest';
import { medianOf, ordered, quantileOf, robustDeviation } from './order-statistics.ts';

test('missing readings and what is no number are left out', () => {
  expect(ordered([3, null, 1, Number.NaN, Number.POSITIVE_INFINITY, 2])).toEqual([1, 2, 3]);
});

test('quantiles are interpolated, and no data is not zero', () => {
  expect(quantileOf([0, 10], 0.25)).toBe(2.5);
  expect(quantileOf([0, 10], 7)).toBe(10);
  expect(quantileOf([], 0.5)).toBeUndefined();
  expect(medianOf([1, null, 2, 9])).toBe(2);
  expect(medianOf([null])).toBeUndefined();
});

test('one wild value does not move the deviation', () => {
  const calm = Array.from({ length: 101 }, (_, at) => at / 100);
  expect(robustDeviation([...calm.slice(0, 100), 1e9])).toBeCloseTo(robustDeviation(calm), 2);
  expect(robustDeviation([])).toBe(0);
});

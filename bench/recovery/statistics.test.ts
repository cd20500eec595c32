import { expect, test } from 'vitest';
import { quantile, spreadOf } from './statistics.ts';

test('a quantile is a value that was seen, and none of nothing', () => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  expect([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([
    1, 50, 99, 100,
  ]);
  expect(quantile([], 0.5)).toBeUndefined();
});

test('what did not come in time counts as longest', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([5, null, 1])).toEqual({ median: 5, min: 1, max: null });
  expect(spreadOf([null, null, 1])).toEqual({ median: null, min: 1, max: null });
});

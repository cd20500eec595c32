import { expect, test } from 'vitest';
import { printValue, renderChart } from './chart.ts';

const wide = { width: 60, ascii: true };

test('a value is one character, from the lowest to the highest', () => {
  expect(renderChart([0, 1, 2, 3, 4, 5, 6, 7], wide)).toBe('_.-=+*%#');
  expect(renderChart([0, 7], { ...wide, ascii: false })).toBe('▁█');
});

test('what does not move lies in the middle, and what is no number is left blank', () => {
  expect(renderChart([5, 5, 5], wide)).toBe('+++');
  expect(renderChart([1, Number.NaN, 2], wide)).toBe('_ #');
  expect(renderChart([Number.NaN], wide)).toBe(' ');
  expect(renderChart([], wide)).toBe('');
});

test('no peak is lost where there are more values than room', () => {
  const values = Array.from({ length: 100 }, (_, i) => (i === 37 ? 9 : 1));
  expect(renderChart(values, { width: 10, ascii: true })).toBe('___#______');
});

test('values are printed in three digits', () => {
  expect([0, 1_234_567, 384, 0.012345, -61.44, 0.00001, Number.NaN].map(printValue)).toEqual([
    '0',
    '1,234,567',
    '384',
    '0.0123',
    '-61.4',
    '1.0e-5',
    '-',
  ]);
});

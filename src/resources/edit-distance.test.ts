import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearest } from './edit-distance.ts';

test('a swap of neighbours, a missing and a wrong letter count one each; case counts nothing', () => {
  expect(editDistance('lables', 'labels')).toBe(1);
  expect(editDistance('instnces', 'instances')).toBe(1);
  expect(editDistance('restert', 'restart')).toBe(1);
  expect(editDistance('canaryMS', 'canaryMs')).toBe(0);
  expect(editDistance('', 'abc')).toBe(3);
});

test('the distance is symmetric, and zero only for equal words', () => {
  const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test('the nearest is suggested, and nothing that is far away', () => {
  expect(nearest('spce', ['space', 'spec', 'kind'])).toBe('space');
  expect(nearest('zebra', ['spec', 'kind'])).toBeUndefined();
  expect(nearest('x'.repeat(100_000), ['x'.repeat(100_000)])).toBeUndefined();
});

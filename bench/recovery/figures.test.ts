import { expect, test } from 'vitest';
import { type Answer, calmOf, figuresOf } from './figures.ts';

const span = { faultMs: 1_000, endMs: 11_000, lateMs: 1_000, deadlineMs: 5_000 };

/** A request every 100 ms that takes 10 ms, but for those that `change` says otherwise about. */
function answers(change: (dueMs: number) => Partial<Answer>): readonly Answer[] {
  return Array.from({ length: 120 }, (_, n) => {
    const dueMs = n * 100;
    return { dueMs, endMs: dueMs + 10, good: true, ...change(dueMs) };
  });
}

test('what happened before the fault and after the end is not counted', () => {
  const outside = answers((dueMs) => ({ good: dueMs >= 1_000 && dueMs < 11_000 }));
  expect(figuresOf(outside, span)).toEqual({ requests: 100, failed: 0, late: 0, lastFeltMs: 0, gapMs: 100, p99Ms: 10 });
});

test('a request that was out when the fault came belongs to the fault, and not to the calm before', () => {
  const out = answers((dueMs) => (dueMs === 900 ? { endMs: 5_900, good: false } : {}));
  expect(figuresOf(out, span)).toMatchObject({ requests: 101, failed: 1, lastFeltMs: 0 });
  expect(calmOf(out, 0, 1_000)).toMatchObject({ requests: 9, failed: 0 });
});

test('a fault is felt until the last request that failed or was late', () => {
  const some = answers((dueMs) => (dueMs === 1_100 ? { good: false } : dueMs === 1_400 ? { endMs: 2_900 } : {}));
  expect(figuresOf(some, span)).toMatchObject({ failed: 1, late: 1, lastFeltMs: 400 });
});

test('a fault that is still felt at the end has no end', () => {
  expect(
    figuresOf(
      answers((dueMs) => ({ good: dueMs % 300 !== 0 })),
      span,
    ).lastFeltMs,
  ).toBeNull();
});

test('a failed request weighs as much as the whole deadline, and leaves a gap', () => {
  const gap = answers((dueMs) => ({ good: dueMs < 2_000 || dueMs >= 2_500 }));
  expect(figuresOf(gap, span)).toMatchObject({ failed: 5, gapMs: 600, p99Ms: 5_000 });
});

test('calm is measured in its own span only', () => {
  const calm = calmOf(
    answers((dueMs) => ({ good: dueMs < 500 })),
    0,
    600,
  );
  expect(calm).toEqual({ requests: 6, failed: 1, p50Ms: 10, p99Ms: 10 });
});

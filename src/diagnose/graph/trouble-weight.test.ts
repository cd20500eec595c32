import { expect, test } from 'vitest';
import type { CallNode, Readings } from './call-node.ts';
import { troubleWeights } from './trouble-weight.ts';

function node(present: readonly (number | null)[], tail: readonly number[] = []): CallNode {
  const readings = (ms: readonly (number | null)[], p99: readonly number[]): Readings => ({
    requests: ms.map(() => 100),
    failedShare: ms.map(() => 0),
    latencyMs: ms,
    tailsMs: [{ quantile: 0.99, ms: p99 }],
  });
  const normal = Array.from({ length: 50 }, (_, at) => 100 + (at % 5));
  return {
    name: 'web',
    calls: [],
    baseline: readings(
      normal,
      normal.map((ms) => 4 * ms),
    ),
    present: readings(present, tail),
  };
}

test('intervals weigh as much as they are troubled, and a missing one nothing', () => {
  expect(troubleWeights(node([100, 150, 200, null, 100]), 'latency')).toEqual([0, 0.5, 1, 0, 0]);
});

test('a window without start and end of the trouble is troubled throughout', () => {
  expect(troubleWeights(node([200, 203, 201, 204, 200]), 'latency')).toEqual([1, 1, 1, 1, 1]);
  expect(troubleWeights(node([100, 100, 100]), 'failures')).toEqual([1, 1, 1]);
});

test('a tail decides when the mean shows nothing', () => {
  expect(troubleWeights(node([102, 101, 102, 102], [400, 400, 4_000, 2_200]), 'latency')).toEqual([0, 0, 1, 0.5]);
});

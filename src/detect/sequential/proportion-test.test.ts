import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../base/random.ts';
import { addBatch, type ProportionTest, resultOf, type Side, startTest } from './proportion-test.ts';

const SEED = 6;
const ALPHA = 0.05;

function failuresOf(total: number, rate: number, random: Random): Side {
  let failed = 0;
  for (let request = 0; request < total; request++) if (random.next() < rate) failed++;
  return { total, failed };
}

interface World {
  readonly batches: number;
  readonly tested: number;
  readonly reference: number;
  /** Rates of both sides in one batch. */
  readonly rates: (batch: number, random: Random) => readonly [number, number];
}

/** Looks after every batch and stops at the first verdict; the number of batches until then, or undefined. */
function batchesUntilWorse({ batches, tested, reference, rates }: World, random: Random): number | undefined {
  const state = startTest();
  for (let batch = 1; batch <= batches; batch++) {
    const [testedRate, referenceRate] = rates(batch, random);
    addBatch(state, failuresOf(tested, testedRate, random), failuresOf(reference, referenceRate, random));
    if (resultOf(state, ALPHA).verdict === 'worse') return batch;
  }
  return undefined;
}

function shareFound(world: World, runs: number): number {
  const random = seededRandom(SEED);
  let found = 0;
  for (let run = 0; run < runs; run++) if (batchesUntilWorse(world, random) !== undefined) found++;
  return found / runs;
}

/** What chance may add to a share of `runs`, three deviations. */
function margin(runs: number): number {
  return 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / runs);
}

describe(`looked at after every batch, the error stays below ${ALPHA} (seed ${SEED})`, () => {
  const size = { batches: 200, tested: 10, reference: 40 };
  test.each<[string, World]>([
    ['equal rates', { ...size, rates: () => [0.05, 0.05] }],
    ['rare failures', { ...size, rates: () => [0.002, 0.002] }],
    [
      'rates that rise and fall for both',
      { ...size, rates: (batch) => [batch % 50 > 25 ? 0.4 : 0.01, batch % 50 > 25 ? 0.4 : 0.01] },
    ],
    ['outages that hit both', { ...size, rates: (_, random) => (random.next() < 0.05 ? [1, 1] : [0.01, 0.01]) }],
    ['a tested side that is better', { ...size, rates: () => [0.02, 0.05] }],
  ])('for %s', (_, world) => {
    expect(shareFound(world, 600)).toBeLessThanOrEqual(ALPHA + margin(600));
  });

  test('where a test that is repeated as if it were the first errs several times as often', () => {
    const random = seededRandom(SEED);
    let wrong = 0;
    for (let run = 0; run < 300; run++) {
      const sums = [0, 0, 0, 0];
      for (let batch = 0; batch < 200; batch++) {
        const [a, b] = [failuresOf(10, 0.05, random), failuresOf(40, 0.05, random)];
        for (const [at, value] of [a.total, a.failed, b.total, b.failed].entries()) sums[at]! += value;
        const [n, x, m, y] = sums as [number, number, number, number];
        const pooled = (x + y) / (n + m);
        const z = (x / n - y / m) / Math.sqrt(Math.max(1e-12, pooled * (1 - pooled) * (1 / n + 1 / m)));
        if (batch > 2 && z > 1.645) {
          wrong++;
          break;
        }
      }
    }
    expect(wrong / 300).toBeGreaterThan(3 * ALPHA);
  });
});

describe('a version that is worse is found', () => {
  test.each([
    [0.3, 0.01, 20],
    [0.1, 0.01, 60],
    [1, 0, 3],
  ])('failing %f instead of %f within %i batches of ten, nearly always', (tested, reference, batches) => {
    expect(shareFound({ batches, tested: 10, reference: 40, rates: () => [tested, reference] }, 200)).toBeGreaterThan(
      0.95,
    );
  });

  test('and how many times worse it is', () => {
    const state = startTest();
    for (let batch = 0; batch < 10; batch++) addBatch(state, { total: 10, failed: 3 }, { total: 40, failed: 4 });
    const { timesWorse, p, verdict } = resultOf(state, ALPHA);
    expect(timesWorse).toBeCloseTo(3, 9);
    expect(p).toBeLessThan(0.001);
    expect(verdict).toBe('worse');
  });
});

test('the bets are fair: in one batch their wealth is 1 on average over all ways to share the failures', () => {
  // 3 of 4 and 6 requests fail: the tested side gets 0..3 of them with Fisher's probabilities.
  const ways = [20, 60, 36, 4];
  const meanWealth = ways.reduce((sum, count, hits) => {
    const state = startTest();
    addBatch(state, { total: 4, failed: hits }, { total: 6, failed: 3 - hits });
    return state.logWealth.map((log, at) => (sum[at] ?? 0) + (count / 120) * Math.exp(log));
  }, [] as number[]);
  for (const wealth of meanWealth) expect(wealth).toBeCloseTo(1, 9);
});

test('what says nothing changes nothing but the counts', () => {
  const state = startTest();
  addBatch(state, { total: 10, failed: 0 }, { total: 10, failed: 0 });
  addBatch(state, { total: 10, failed: 10 }, { total: 10, failed: 10 });
  addBatch(state, { total: 10, failed: 5 }, { total: 0, failed: 0 });
  expect(state.logWealth).toEqual([0, 0, 0, 0]);
  expect(resultOf(state, ALPHA)).toMatchObject({ verdict: 'open', p: 1 });
  const before = JSON.stringify(state);
  for (const bad of [-1, 1.5, Number.NaN, 1e9]) addBatch(state, { total: bad, failed: 0 }, { total: 1, failed: 1 });
  addBatch(state, { total: 1, failed: 2 }, { total: 1, failed: 1 });
  expect(JSON.stringify(state)).toBe(before);
  expect(resultOf(startTest(), ALPHA).timesWorse).toBeNull();
});

test('later luck does not take a proof back', () => {
  const state = startTest();
  for (let batch = 0; batch < 10; batch++) addBatch(state, { total: 10, failed: 5 }, { total: 40, failed: 0 });
  const { p } = resultOf(state, ALPHA);
  for (let batch = 0; batch < 200; batch++) addBatch(state, { total: 10, failed: 0 }, { total: 40, failed: 4 });
  expect(resultOf(state, ALPHA).p).toBe(p);
});

test('a copy by JSON goes on exactly as the original, and all stays finite', () => {
  const side = fc
    .nat({ max: 2_000 })
    .chain((total) => fc.record({ total: fc.constant(total), failed: fc.nat({ max: total }) }));
  fc.assert(
    fc.property(fc.array(fc.tuple(side, side), { maxLength: 30 }), fc.nat({ max: 30 }), (batches, cut) => {
      const run = (state: ProportionTest, some: typeof batches) => {
        for (const [tested, reference] of some) addBatch(state, tested, reference);
        return state;
      };
      const resumed = JSON.parse(JSON.stringify(run(startTest(), batches.slice(0, cut)))) as ProportionTest;
      const whole = run(startTest(), batches);
      expect(run(resumed, batches.slice(cut))).toEqual(whole);
      expect(whole.logWealth.every(Number.isFinite) && Number.isFinite(whole.logEvidence)).toBe(true);
    }),
    { seed: SEED, numRuns: 200 },
  );
});

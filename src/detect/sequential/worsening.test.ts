import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { triesAt, refOf } from '../../../test/sim/readings.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { detectionNumbers } from '../../resources/detection-number.ts';
import { type Detector, run } from '../detector.ts';
import { siblingDetector } from '../sibling.ts';
import { versionDetector } from '../version.ts';
import type { Side } from './proportion-test.ts';
import { addAgainstPast, addServed, isWorse, startWorsening, type Worsening } from './worsening.ts';

const SEED = 6;
const HOUR_MS = 3_600_000;

function served(total: number, share: number, random: Random): Side {
  let failed = 0;
  for (let request = 0; request < total; request++) if (random.next() < share) failed++;
  return { total, failed };
}

/** Batches until it is called worse, and undefined when it never is. */
function until(batches: number, step: (state: Worsening, batch: number) => void): number | undefined {
  const state = startWorsening();
  for (let batch = 1; batch <= batches; batch++) {
    step(state, batch);
    if (isWorse(state)) return batch;
  }
  return undefined;
}

describe(`looked at after every batch for ever, who is no worse is called so in one of 10,000 batches (seed ${SEED})`, () => {
  const shares: readonly (readonly [string, (batch: number) => number])[] = [
    ['what always fails a little', () => 0.05],
    ['what fails much', () => 0.3],
    ['outages that hit both', (batch) => (batch % 50 < 3 ? 1 : 0.01)],
    ['waves', (batch) => 0.1 + 0.1 * Math.sin(batch / 30)],
  ];
  const RUNS = 400;
  const BATCHES = 1_000;

  test.each(shares)('%s', (_, share) => {
    const random = seededRandom(SEED);
    let wrong = 0;
    for (let round = 0; round < RUNS; round++) {
      const at = until(BATCHES, (state, batch) => {
        const now = share(batch);
        addServed(state, served(3, now, random), served(6, now, random));
      });
      if (at !== undefined) wrong++;
    }
    // A tenth of the runs is what may be wrong at most, and chance may add three deviations to that.
    expect(wrong / RUNS).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt((0.1 * 0.9) / RUNS));
  });

  test('a past that is taken as known', () => {
    const random = seededRandom(SEED);
    let wrong = 0;
    for (let round = 0; round < RUNS; round++) {
      if (until(BATCHES, (state) => addAgainstPast(state, served(5, 0.05, random), 0.05)) !== undefined) wrong++;
    }
    expect(wrong / RUNS).toBeLessThanOrEqual(0.1 + 3 * Math.sqrt((0.1 * 0.9) / RUNS));
  });
});

test('a long good past does not hide what begins now', () => {
  const random = seededRandom(SEED);
  const delays = Array.from({ length: 50 }, () => {
    const state = startWorsening();
    for (let batch = 0; batch < 1_000; batch++) addServed(state, served(5, 0.02, random), served(10, 0.02, random));
    let batches = 0;
    while (!isWorse(state)) {
      batches += 1;
      addServed(state, served(5, 0.6, random), served(10, 0.02, random));
    }
    return batches;
  });
  expect(delays.sort((a, b) => a - b)[25]).toBeLessThanOrEqual(6);
});

test('it is plain JSON of fixed size, finite, and forgets what was long ago', () => {
  const side = fc
    .nat({ max: 500 })
    .chain((total) => fc.record({ total: fc.constant(total), failed: fc.nat({ max: total }) }));
  fc.assert(
    fc.property(fc.array(fc.tuple(side, side), { maxLength: 40 }), fc.nat({ max: 40 }), (batches, cut) => {
      const add = (state: Worsening, some: typeof batches) => {
        for (const [tested, reference] of some) addServed(state, tested, reference);
        return state;
      };
      const resumed = JSON.parse(JSON.stringify(add(startWorsening(), batches.slice(0, cut)))) as Worsening;
      const whole = add(startWorsening(), batches);
      expect(add(resumed, batches.slice(cut))).toEqual(whole);
      expect(whole.logWorth.every(Number.isFinite)).toBe(true);
    }),
    { seed: SEED, numRuns: 200 },
  );
  const state = startWorsening();
  for (let batch = 0; batch < 1_000; batch++) addServed(state, { total: 5, failed: 5 }, { total: 10, failed: 0 });
  expect(isWorse(state)).toBe(true);
  for (let batch = 0; batch < 40; batch++) addServed(state, { total: 5, failed: 0 }, { total: 10, failed: 1 });
  expect(isWorse(state)).toBe(false);
});

/** Claims of a detector in an hour in which three instances, one of them of a new version, all fail alike. */
function claims(detector: Detector<unknown>, share: (at: number) => number, perSecond: number): number {
  const running = run(detector);
  const random = seededRandom(SEED);
  const instances = [refOf('records-0', 'records', 2), refOf('records-1'), refOf('records-2')];
  const standing = new Set<string>();
  let raised = 0;
  for (let at = 1_000; at <= HOUR_MS; at += 1_000) {
    for (const instance of instances) {
      const { total, failed } = served(perSecond, share(at - 500), random);
      for (const change of running.feed(triesAt(at, total - failed, failed, instance, 10))) {
        if (!('raise' in change)) standing.clear();
        else if (!standing.has(change.raise.name)) {
          standing.add(change.raise.name);
          raised += 1;
        }
      }
    }
  }
  return raised;
}

describe('an hour in which nothing is worse than anything else is an hour without a claim', () => {
  const worlds: readonly (readonly [string, (at: number) => number])[] = [
    ['one in a hundred fails', () => 0.01],
    ['one in twenty fails', () => 0.05],
    ['all fail for four seconds of each minute', (at) => (at % 60_000 < 4_000 ? 0.6 : 0.005)],
  ];
  for (const detector of [
    siblingDetector(() => detectionNumbers()),
    versionDetector(() => detectionNumbers()),
  ] as readonly Detector<unknown>[]) {
    test.each(worlds)(`${detector.name}: %s`, (_, share) => {
      expect([2, 10].map((perSecond) => claims(detector, share, perSecond))).toEqual([0, 0]);
    });
  }
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../base/random.ts';
import { addReading, chanceOf, startExchangeability } from './exchangeability.ts';

const SEED = 6;
const ALPHA = 0.05;
const RUNS = 400;

/** Looks after every reading and stops at the first that is called worse. */
function isEverWorse(draw: (random: Random) => number, random: Random, before: number, after: number): boolean {
  const state = startExchangeability(Array.from({ length: before }, () => draw(random)));
  for (let i = 0; i < after; i++) {
    addReading(state, draw(random));
    if (chanceOf(state) <= ALPHA) return true;
  }
  return false;
}

const gaussian = (random: Random) =>
  Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

describe(`stopped at will, no more than one in ${1 / ALPHA} changes that do nothing is called worse (seed ${SEED})`, () => {
  test.each<[string, (random: Random) => number]>([
    ['even noise', gaussian],
    ['heavy tails', (random) => Math.exp(2 * gaussian(random))],
    ['shares of few requests, mostly none', (random) => (random.next() < 0.1 ? 0.05 : 0)],
    ['bursts', (random) => (random.next() < 0.05 ? 0.5 + random.next() : 0.01 * random.next())],
    ['always the same', () => 1],
  ])('%s', (_, draw) => {
    for (const [before, after] of [
      [30, 90],
      [90, 90],
    ] as const) {
      const random = seededRandom(SEED);
      const wrong = Array.from({ length: RUNS }, () => isEverWorse(draw, random, before, after)).filter(Boolean).length;
      expect(wrong / RUNS).toBeLessThanOrEqual(ALPHA + 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / RUNS));
    }
  });
});

test('what is higher than all before is found within a few readings, at one in a thousand', () => {
  for (const before of [30, 90]) {
    const random = seededRandom(SEED);
    const state = startExchangeability(Array.from({ length: before }, () => gaussian(random)));
    let readings = 0;
    while (chanceOf(state) > 1e-3) {
      addReading(state, 4 + gaussian(random));
      readings += 1;
    }
    expect(readings).toBeLessThanOrEqual(before === 30 ? 14 : 8);
  }
});

test('a copy by JSON goes on as the original, all stays finite, and the chance is one', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true }), { maxLength: 60 }), fc.nat({ max: 60 }), (values, cut) => {
      const whole = startExchangeability([]);
      for (const value of values) addReading(whole, value);
      const half = startExchangeability([]);
      for (const value of values.slice(0, cut)) addReading(half, value);
      const copy = JSON.parse(JSON.stringify(half)) as typeof half;
      for (const value of values.slice(cut)) addReading(copy, value);
      expect(chanceOf(copy)).toBe(chanceOf(whole));
      expect(chanceOf(whole)).toBeGreaterThan(0);
      expect(chanceOf(whole)).toBeLessThanOrEqual(1);
    }),
    { seed: SEED, numRuns: 100 },
  );
});

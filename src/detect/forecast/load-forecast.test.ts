import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { addLoad, forecastLoad, type LoadState, startLoad } from './load-forecast.ts';

function fedWith(values: readonly (number | null)[], seasons?: LoadState['seasons']): LoadState {
  const state = startLoad(seasons);
  for (const value of values) addLoad(state, value);
  return state;
}

/** A shop: busy by day, half as busy at the weekend, growing by 1 % a week. */
function shop(hours: number, noise = 0): number[] {
  const random = seededRandom(6);
  return Array.from({ length: hours }, (_, hour) => {
    const day = Math.floor(hour / 24) % 7;
    const shape = 1 + 0.6 * Math.sin((2 * Math.PI * hour) / 24);
    return 1_000 * (1 + hour / 16_800) * (day > 4 ? 0.5 : 1) * shape * (1 + noise * (random.next() - 0.5));
  });
}

function errorOf(means: readonly number[], truth: readonly number[]): number {
  return truth.reduce((sum, value, ahead) => sum + Math.abs(value - means[ahead]!) / value, 0) / truth.length;
}

describe('the mixture', () => {
  test('foresees days and weekends better than yesterday does', () => {
    const all = shop(6 * 168 + 48, 0.1);
    // The next day is a Sunday, after a Saturday; the one after it a Monday.
    const cut = 5 * 168 + 6 * 24;
    const truth = all.slice(cut, cut + 48);
    const found = forecastLoad(fedWith(all.slice(0, cut)));
    expect(found).toHaveLength(48);
    const error = errorOf(
      found.map(({ mean }) => mean),
      truth,
    );
    const yesterday = truth.map((_, ahead) => all[cut - 24 + (ahead % 24)]!);
    expect(error).toBeLessThan(0.06);
    expect(error).toBeLessThan(errorOf(yesterday, truth) / 3);
  });

  test('has a range that holds most of what comes', () => {
    const all = shop(6 * 168, 0.3);
    let held = 0;
    let asked = 0;
    for (let cut = 4 * 168; cut + 48 < all.length; cut += 31) {
      forecastLoad(fedWith(all.slice(0, cut))).forEach(({ range }, ahead) => {
        const value = all[cut + ahead]!;
        asked++;
        if (range!.low <= value && value <= range!.high) held++;
      });
    }
    expect(held / asked).toBeGreaterThan(0.85);
  });

  test('turns to who is right now: a load that lost its season is foreseen without one', () => {
    const flat = [...shop(5 * 168), ...Array.from({ length: 8 * 24 }, () => 700)];
    for (const { mean } of forecastLoad(fedWith(flat))) expect(Math.abs(mean - 700)).toBeLessThan(80);
  });

  test('is never negative for what never was, and may be for what was', () => {
    const falling = Array.from({ length: 400 }, (_, hour) => Math.max(0, 300 - hour));
    expect(forecastLoad(fedWith(falling)).every(({ mean }) => mean >= 0)).toBe(true);
    expect(forecastLoad(fedWith(falling.map((value) => value - 50))).every(({ mean }) => mean < 0)).toBe(true);
  });
});

describe('little or bad data', () => {
  test('give a forecast as soon as there is one value, without a range', () => {
    expect(forecastLoad(startLoad())).toEqual([]);
    expect(forecastLoad(fedWith([null, Number.NaN]))).toEqual([]);
    const [first] = forecastLoad(fedWith([5]));
    expect(first).toEqual({ mean: 5, range: null });
  });

  test('with gaps are filled by the day before, and gaps are not scored', () => {
    const all = shop(4 * 168);
    const gapped = all.map((value, hour) => (hour % 50 === 49 ? null : value));
    const truth = shop(4 * 168 + 48).slice(-48);
    const means = (values: readonly (number | null)[]) => forecastLoad(fedWith(values)).map(({ mean }) => mean);
    expect(errorOf(means(gapped), truth)).toBeLessThan(errorOf(means(all), truth) + 0.05);
    const quiet = fedWith([...shop(3 * 168), ...Array.from({ length: 168 }, () => null)]);
    expect(forecastLoad(quiet).every(({ mean }) => Number.isFinite(mean))).toBe(true);
    expect(quiet.counts[2]).toBeLessThan(fedWith(shop(3 * 168)).counts[2]!);
  });
});

test('room is bounded', () => {
  const state = fedWith(shop(3_000, 0.2));
  expect(state.past).toHaveLength(6 * 168);
  expect(state.pending.length).toBeLessThanOrEqual(2);
  expect(JSON.stringify(state).length).toBeLessThan(50_000);
});

test('a copy by JSON goes on exactly as the original, and asking changes nothing', () => {
  const seasons = { day: 4, week: 12, horizon: 6 };
  const value = fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: null, freq: 10 });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 120 }), fc.nat({ max: 120 }), (values, cut) => {
      const whole = fedWith(values, seasons);
      const resumed = JSON.parse(JSON.stringify(fedWith(values.slice(0, cut), seasons))) as LoadState;
      for (const each of values.slice(cut)) {
        forecastLoad(resumed);
        addLoad(resumed, each);
      }
      expect(resumed).toEqual(whole);
      for (const { mean } of forecastLoad(whole)) expect(Number.isFinite(mean)).toBe(true);
    }),
    { seed: 6, numRuns: 150 },
  );
});

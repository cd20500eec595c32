import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normalised, PROFILES, rowValues, scoreAlerts, sweep } from './nab-score.ts';

const [STANDARD, LOW_FP, LOW_FN] = PROFILES;
/** 1000 rows, so that 150 are probation, with windows of 41 rows at 400 and 700. */
const TIMES = Float64Array.from({ length: 1_000 }, (_, row) => row * 60_000);
const WINDOWS = [
  [400 * 60_000, 440 * 60_000],
  [700 * 60_000, 740 * 60_000],
] as const;
const VALUES = rowValues(TIMES, WINDOWS);

const sigmoid = (position: number) => 2 / (1 + Math.exp(5 * position)) - 1;

test('an alert at the left edge of each window and nowhere else is perfection, silence is nothing', () => {
  for (const profile of PROFILES) {
    expect(normalised(scoreAlerts(VALUES, [400, 700], profile).score, 2, profile)).toBeCloseTo(100, 10);
    expect(normalised(scoreAlerts(VALUES, [], profile).score, 2, profile)).toBe(0);
  }
});

test('the later in the window the less it is worth, and only the best alert of a window counts', () => {
  const { score } = scoreAlerts(VALUES, [400, 700], STANDARD!);
  expect(score).toBeCloseTo(2, 10);
  const middle = scoreAlerts(VALUES, [420, 700], STANDARD!);
  expect(middle.score).toBeCloseTo(1 + sigmoid(-21 / 41) / sigmoid(-1), 10);
  expect(scoreAlerts(VALUES, [420, 425, 430, 700], STANDARD!)).toEqual(middle);
});

test('a missed window costs its weight, each alert outside costs, less just behind a window', () => {
  expect(scoreAlerts(VALUES, [], LOW_FN!).score).toBe(-4);
  expect(scoreAlerts(VALUES, [200, 201], STANDARD!).score).toBeCloseTo(-2 - 0.22, 10);
  expect(scoreAlerts(VALUES, [200, 201], LOW_FP!).score).toBeCloseTo(-2 - 0.44, 10);
  const behind = 0.11 * sigmoid(1 / 40);
  expect(scoreAlerts(VALUES, [441], STANDARD!)).toEqual({ score: -2 + behind, hit: 0, missed: 2, alertsOutside: 1 });
  expect(scoreAlerts(VALUES, [600], STANDARD!).score).toBeCloseTo(-2.11, 10);
});

test('nothing in probation counts', () => {
  expect(VALUES.from).toBe(150);
  expect(scoreAlerts(VALUES, [0, 100, 149], STANDARD!).score).toBe(-2);
  expect(scoreAlerts(VALUES, [150], STANDARD!).score).toBeCloseTo(-2.11, 10);
});

test('no more than 750 rows are probation', () => {
  expect(rowValues(new Float64Array(20_000), []).from).toBe(750);
});

test('the sweep finds what trying every threshold finds', () => {
  const scores = fc.array(fc.constantFrom(0, 0.1, 0.2, 0.5, 0.9), { minLength: 200, maxLength: 200 });
  fc.assert(
    fc.property(scores, scores, fc.constantFrom(...PROFILES), (one, other, profile) => {
      const times = Float64Array.from({ length: 200 }, (_, row) => row);
      const all = [one, other].map((each, i) => ({
        values: rowValues(times, i === 0 ? [[60, 70]] : [[40, 45] as const, [120, 150] as const]),
        scores: Float64Array.from(each),
      }));
      const tried = [Infinity, 0.9, 0.5, 0.2, 0.1, 0].map((threshold) => {
        const rowsOf = (each: Float64Array) => [...each.keys()].filter((row) => each[row]! >= threshold);
        const score = all.reduce(
          (sum, { values, scores: each }) => sum + scoreAlerts(values, rowsOf(each), profile).score,
          0,
        );
        return { threshold, score };
      });
      const best = tried.reduce((leader, each) => (each.score > leader.score + 1e-9 ? each : leader));
      const swept = sweep(all, profile);
      expect(swept.score).toBeCloseTo(best.score, 9);
      expect(swept.threshold).toBe(best.threshold);
    }),
    { numRuns: 50 },
  );
});

/** Per-file scores of KNN CAD in NAB's repository (results/knncad/knncad_standard_scores.csv), with the rows it alerted at. */
test.each([
  [
    'elb_request_count_8c0756',
    [
      [683, 883],
      [3582, 3782],
    ],
    [751, 3684],
    1.796450920265268,
  ],
  ['art_daily_jumpsup', [[2787, 3189]], [700, 800, 2988], 0.6406718242697023],
] as const)('meets the published score of %s to the last digit', (_file, windows, rows, published) => {
  const times = Float64Array.from({ length: 4_032 }, (_, row) => row);
  expect(scoreAlerts(rowValues(times, windows), rows, STANDARD!).score).toBe(published);
});

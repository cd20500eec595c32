import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addLevel, DAY_MS, type LevelBlocks, levelPoints, startLevels } from './level-blocks.ts';

const START = 1_700_000_000_000;
const MINUTE = 60_000;

function filled(readings: readonly (readonly [number, number])[]): LevelBlocks {
  const state = startLevels();
  for (const [at, level] of readings) addLevel(state, at, level);
  return state;
}

test('room is bounded however long and dense the readings are', () => {
  const state = startLevels();
  for (let step = 0; step < 200_000; step++) addLevel(state, START + step * 1_000, step);
  expect(state.closed.length).toBeLessThanOrEqual(256);
  expect(JSON.stringify(state).length).toBeLessThan(32_768);
  const years = startLevels();
  for (let hour = 0; hour < 3 * 365 * 24; hour++) addLevel(years, START + hour * 60 * MINUTE, hour);
  expect(years.closed.length).toBeLessThanOrEqual(256);
  // What is forgotten is the oldest.
  expect(levelPoints(years, 1).at(-1)!.middle).toBeGreaterThan(26_000);
});

test('a block keeps the level that it stands for, whatever was merged into it', () => {
  const state = filled(Array.from({ length: 20_000 }, (_, step) => [START + step * 10_000, 1_000 + step] as const));
  for (const { atMs, middle, high } of levelPoints(state, 1)) {
    const line = 1_000 + (atMs - START) / 10_000;
    expect(Math.abs(middle - line)).toBeLessThan(state.widthMs / 10_000 / 2);
    expect(high).toBeGreaterThanOrEqual(middle);
  }
});

test('a resource that falls is one that rises, upside down', () => {
  const up = filled(Array.from({ length: 500 }, (_, step) => [START + step * MINUTE, step % 7] as const));
  const down = filled(Array.from({ length: 500 }, (_, step) => [START + step * MINUTE, -(step % 7)] as const));
  levelPoints(down, -1).forEach((point, at) => {
    expect(point.middle).toBeCloseTo(levelPoints(up, 1)[at]!.middle, 9);
    expect(point.high).toBeCloseTo(levelPoints(up, 1)[at]!.high, 9);
  });
});

describe('readings that are wrong', () => {
  test('as no number, or older than the block, change nothing', () => {
    const state = filled([
      [START, 1],
      [START + MINUTE, 2],
    ]);
    const before = JSON.stringify(levelPoints(state, 1));
    addLevel(state, Number.NaN, 5);
    addLevel(state, START + MINUTE, Number.POSITIVE_INFINITY);
    addLevel(state, START - DAY_MS, 5);
    expect(JSON.stringify(levelPoints(state, 1))).toBe(before);
  });

  test('a clock that was set ahead by years and back again is lived through', () => {
    const state = filled([[START + 3_650 * DAY_MS, 7]]);
    for (let step = 0; step < 200; step++) addLevel(state, START + step * MINUTE, step);
    const points = levelPoints(state, 1);
    expect(points.length).toBeGreaterThan(100);
    expect(points.at(-1)!.atMs).toBeLessThan(START + DAY_MS);
  });
});

test('a copy by JSON goes on exactly as the original, at any point', () => {
  const reading = fc.tuple(fc.integer({ min: -5, max: 400 }), fc.double({ min: -1e6, max: 1e6, noNaN: true }));
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 600 }), fc.nat({ max: 600 }), (steps, cut) => {
      let at = START;
      const readings = steps.map(([minutes, level]) => {
        at += minutes * MINUTE;
        return [at, level] as const;
      });
      const whole = filled(readings);
      const resumed = JSON.parse(JSON.stringify(filled(readings.slice(0, cut)))) as LevelBlocks;
      for (const [time, level] of readings.slice(cut)) addLevel(resumed, time, level);
      expect(resumed).toEqual(whole);
    }),
    { seed: 6, numRuns: 60 },
  );
});

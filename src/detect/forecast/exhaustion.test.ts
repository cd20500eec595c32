import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../base/random.ts';
import { type Exhaustion, exhaustionOf, type Resource } from './exhaustion.ts';
import { addLevel, DAY_MS, startLevels } from './level-blocks.ts';

const START = 1_700_000_000_000;
const MINUTE = 60_000;
const DAY = 1_440;

type Course = (minute: number, random: Random) => number;

/** Forecast after `minutes` readings of `course`. Every reading has a little noise. */
function forecast(course: Course, minutes: number, resource: Resource, everyMinutes = 1): Exhaustion {
  const random = seededRandom(6);
  const state = startLevels();
  for (let minute = 0; minute < minutes; minute += everyMinutes) {
    addLevel(state, START + minute * MINUTE, course(minute, random) + random.next() - 0.5);
  }
  return exhaustionOf(state, resource, START + minutes * MINUTE);
}

const season: Course = (minute) => 100 * Math.sin((2 * Math.PI * minute) / DAY);
const teeth: Course = (minute) => 80 * ((minute % 37) / 37);
const spikes: Course = (_, random) => (random.next() < 0.01 ? 600 : 0);

function hoursOff(found: Exhaustion, minute: number): number {
  if (found.kind !== 'exhausts') throw new Error(`forecast is ${found.kind}`);
  return Math.abs(found.atMs - (START + minute * MINUTE)) / 3_600_000;
}

describe('a leak', () => {
  test('alone is foreseen within minutes of the true time', () => {
    const found = forecast((minute) => 200 + minute, 600, { limit: 1_400, towards: 'rises' });
    expect(hoursOff(found, 1_200)).toBeLessThan(0.2);
    expect(found).toMatchObject({ slope: { isSeasonFree: false } });
  });

  test('under a season, teeth and spikes many times its daily growth has its slope within 5 %', () => {
    const course: Course = (minute, random) =>
      500 + (50 * minute) / DAY + season(minute, random) + teeth(minute, random) + spikes(minute, random);
    const found = forecast(course, 4 * DAY, { limit: 1_200, towards: 'rises' });
    expect(found).toMatchObject({ kind: 'exhausts', slope: { isSeasonFree: true } });
    if (found.kind !== 'exhausts') return;
    expect(Math.abs((found.slope.perMs * DAY_MS) / 50 - 1)).toBeLessThan(0.05);
    // The teeth are 80 high, which is more than the growth of a day: that much is not known of the next ones.
    expect(found.atMs - found.earliestMs).toBeGreaterThan(DAY_MS / 8);
    expect(found.latestMs - found.atMs).toBeGreaterThan(DAY_MS);
  });

  test('hits the limit with its teeth at the height of the day, not with its mean', () => {
    const course: Course = (minute, random) =>
      500 + (50 * minute) / DAY + season(minute, random) + teeth(minute, random);
    const limit = 1_000;
    let hit = 4 * DAY;
    while (500 + (50 * hit) / DAY + season(hit, seededRandom(1)) + 80 < limit) hit++;
    expect(hoursOff(forecast(course, 4 * DAY, { limit, towards: 'rises' }), hit)).toBeLessThan(6);
  });

  test('that began two days ago counts as it is now, not as the mean of all weeks', () => {
    const course: Course = (minute, random) => 500 + season(minute, random) + Math.max(0, (minute - 6 * DAY) / 5);
    const found = forecast(course, 8 * DAY, { limit: 2_000, towards: 'rises' });
    expect(found).toMatchObject({ kind: 'exhausts' });
    if (found.kind !== 'exhausts') return;
    expect(Math.abs(found.slope.perMs * MINUTE * 5 - 1)).toBeLessThan(0.1);
  });

  test('that began this morning is seen before the day is over', () => {
    const course: Course = (minute, random) => 500 + season(minute, random) + Math.max(0, minute - 4 * DAY);
    const found = forecast(course, 4 * DAY + 360, { limit: 2_000, towards: 'rises' });
    expect(found).toMatchObject({ kind: 'exhausts' });
    if (found.kind !== 'exhausts') return;
    expect(found.slope.perMs * MINUTE).toBeGreaterThan(0.5);
  });
});

describe('what falls', () => {
  test('is foreseen to be gone: the days of a certificate', () => {
    const found = forecast((minute) => 90 * DAY - minute, 3 * DAY, { limit: 0, towards: 'falls' }, 30);
    expect(hoursOff(found, 90 * DAY)).toBeLessThan(2);
  });

  test('is safe when it is renewed before', () => {
    const used: Course = (minute) => minute / 2;
    const quota = { limit: 2_000, towards: 'rises' } as const;
    expect(forecast(used, 2_000, quota).kind).toBe('exhausts');
    expect(forecast(used, 2_000, { ...quota, renewsAtMs: START + 3_000 * MINUTE }).kind).toBe('safe');
    expect(forecast(used, 2_000, { ...quota, renewsAtMs: START + 9_000 * MINUTE }).kind).toBe('exhausts');
  });
});

describe('no leak', () => {
  test('is found in a season with teeth and spikes', () => {
    const course: Course = (minute, random) =>
      500 + season(minute, random) + teeth(minute, random) + spikes(minute, random);
    for (const days of [2, 3, 5, 8]) {
      expect(forecast(course, days * DAY, { limit: 2_000, towards: 'rises' }).kind).toBe('safe');
    }
  });

  test('is claimed of a level that falls or stands', () => {
    expect(forecast((minute) => 900 - minute, 600, { limit: 1_000, towards: 'rises' }).kind).toBe('safe');
    expect(forecast(() => 5, 4 * DAY, { limit: 10, towards: 'rises' }).kind).toBe('safe');
  });

  test('is claimed or denied within the first day of what may be a season', () => {
    const found = forecast((minute, random) => 500 + season(minute, random), 700, { limit: 900, towards: 'rises' });
    expect(found.kind).toBe('unknown');
  });
});

test('nothing is known of few readings, and what is beyond the limit is gone', () => {
  expect(exhaustionOf(startLevels(), { limit: 1, towards: 'rises' }, START).kind).toBe('unknown');
  expect(forecast((minute) => minute, 3, { limit: 1, towards: 'rises' }).kind).toBe('unknown');
  expect(forecast((minute) => 200 + minute, 600, { limit: 700, towards: 'rises' }).kind).toBe('gone');
});

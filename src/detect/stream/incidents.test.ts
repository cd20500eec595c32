import { expect, test } from 'vitest';
import { meetIncidents, startIncidents } from './incidents.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const NOVEL = 1;
const LOCAL = 2;

/** Points every five minutes: half a day of them is the longest incident of novelty without an alert. */
function fiveMinutes() {
  const incidents = startIncidents();
  let at = 0;
  return (afterMs: number, novel: number, local = 0) => {
    for (let passed = 5 * MINUTE_MS; passed < afterMs; passed += 5 * MINUTE_MS) {
      meetIncidents(incidents, at + passed, 5 * MINUTE_MS, 0, 0);
    }
    at += afterMs;
    return meetIncidents(incidents, at, 5 * MINUTE_MS, novel, local);
  };
}

test('alerts within half a day are one incident of novelty, and each of them extends it', () => {
  const meet = fiveMinutes();
  expect(meet(HOUR_MS, 2)).toBe(NOVEL);
  expect([meet(11 * HOUR_MS, 2), meet(11 * HOUR_MS, 2), meet(11 * HOUR_MS, 2)]).toEqual([0, 0, 0]);
  expect(meet(13 * HOUR_MS, 2)).toBe(NOVEL);
});

test('within an incident only what is three times its peak is told', () => {
  const meet = fiveMinutes();
  expect(meet(HOUR_MS, 2)).toBe(NOVEL);
  expect(meet(HOUR_MS, 5.9)).toBe(0);
  expect(meet(HOUR_MS, 6.1)).toBe(NOVEL);
  expect(meet(HOUR_MS, 18)).toBe(0);
});

test('the one who cries wolf is believed less, until that is forgotten', () => {
  const meet = fiveMinutes();
  expect(meet(HOUR_MS, 1.1)).toBe(NOVEL);
  expect(meet(13 * HOUR_MS, 1.1)).toBe(0);
  expect(meet(13 * HOUR_MS, 1.9)).toBe(NOVEL);
  expect(meet(13 * HOUR_MS, 1.9)).toBe(0);
  expect(meet(40 * 24 * HOUR_MS, 1.1)).toBe(NOVEL);
});

test('what is locally unusual is grouped by the hour and does not wear off', () => {
  const meet = fiveMinutes();
  expect(meet(HOUR_MS, 0, 1.1)).toBe(LOCAL);
  expect(meet(HOUR_MS, 0, 1.1)).toBe(0);
  for (let i = 0; i < 10; i++) expect(meet(61 * MINUTE_MS, 0, 1.1)).toBe(LOCAL);
  expect(meet(13 * HOUR_MS, 1.1, 1.1)).toBe(NOVEL + LOCAL);
});

test('points that come faster or slower are grouped over fewer or more hours', () => {
  const opensAfter = (intervalMs: number, gapMs: number) => {
    const incidents = startIncidents();
    meetIncidents(incidents, 0, intervalMs, 1.1, 0);
    return meetIncidents(incidents, gapMs, intervalMs, 2, 0) === NOVEL;
  };
  expect([opensAfter(10_000, 23 * MINUTE_MS), opensAfter(10_000, 25 * MINUTE_MS)]).toEqual([false, true]);
  expect([opensAfter(HOUR_MS, 47 * HOUR_MS), opensAfter(HOUR_MS, 49 * HOUR_MS)]).toEqual([false, true]);
});

test('what is below the bar opens nothing', () => {
  const meet = fiveMinutes();
  expect([meet(HOUR_MS, 0.99, 0.99), meet(HOUR_MS, Number.NaN, 0)]).toEqual([0, 0]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { timeDoubt, type TimeWitnesses } from './time-doubt.ts';

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const valid = { startsAt: NOW - DAY_MS, endsAt: NOW + 60 * DAY_MS };
const ended = (days: number) => ({ startsAt: NOW - 90 * DAY_MS, endsAt: NOW - days * DAY_MS });
const witnesses = (over: Partial<TimeWitnesses> = {}): TimeWitnesses => {
  return { now: NOW, databaseNow: NOW, own: valid, others: [valid], ...over };
};

test('what agrees is believed', () => {
  expect(timeDoubt(witnesses())).toBeUndefined();
  expect(timeDoubt(witnesses({ own: undefined, others: [] }))).toBeUndefined();
  expect(timeDoubt(witnesses({ own: ended(3) }))).toBeUndefined();
});

test('another clock of the database is doubt, whichever way', () => {
  expect(timeDoubt(witnesses({ databaseNow: NOW - 90_000 }))).toBe('our clock is 90 s ahead of that of the database');
  expect(timeDoubt(witnesses({ databaseNow: NOW + 90_000 }))).toBe('our clock is 90 s behind that of the database');
});

test('a certificate of tomorrow is doubt', () => {
  const tomorrow = { startsAt: NOW + DAY_MS, endsAt: NOW + 9 * DAY_MS };
  expect(timeDoubt(witnesses({ own: tomorrow }))).toMatch(/not valid yet/);
  expect(timeDoubt(witnesses({ others: [valid, tomorrow] }))).toMatch(/not valid yet/);
});

test('that all others have ended is doubt, unless they were issued together or one of them is well', () => {
  expect(timeDoubt(witnesses({ others: [ended(1), ended(9)] }))).toMatch(/all 2 other certificates have expired/);
  expect(timeDoubt(witnesses({ others: [ended(1), ended(1)] }))).toBeUndefined();
  expect(timeDoubt(witnesses({ others: [ended(1), ended(9), valid] }))).toBeUndefined();
  expect(timeDoubt(witnesses({ others: [ended(1)] }))).toBeUndefined();
});

test('a clock that agrees with the database and sees certificates that are valid is never doubted', () => {
  const validity = fc.record({ ago: fc.integer({ min: 0, max: 400 }), left: fc.integer({ min: 1, max: 400 }) });
  const property = fc.property(fc.array(validity), fc.integer({ min: -60_000, max: 60_000 }), (all, offMs) => {
    const others = all.map(({ ago, left }) => ({ startsAt: NOW - ago * DAY_MS, endsAt: NOW + left * DAY_MS }));
    expect(timeDoubt(witnesses({ others, databaseNow: NOW + offMs }))).toBeUndefined();
  });
  fc.assert(property);
});

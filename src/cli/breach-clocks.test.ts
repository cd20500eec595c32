import { expect, test } from 'vitest';
import type { RunningClock } from './answers.ts';
import { clockLines } from './breach-clocks.ts';
import { plain } from './paint.ts';

const HOUR_MS = 3_600_000;
const clock = (of: Partial<RunningClock>): RunningClock => {
  const dueAt = '2026-11-21T12:00:00.000Z';
  return {
    breach: 'brc_1',
    clock: 'gdpr-art33.1',
    tenants: ['clinic'],
    state: 'running',
    leftMs: HOUR_MS,
    dueAt,
    ...of,
  };
};

test('each clock is one line that says what is left and of whom', () => {
  const clocks = [
    clock({ state: 'overdue', leftMs: -90_000 }),
    clock({ clock: 'assess', tenants: ['a', 'b', 'c', 'd'], state: 'due-soon' }),
    clock({ leftMs: 71 * HOUR_MS }),
  ];
  expect(clockLines(clocks, plain)).toEqual([
    'breach  gdpr-art33.1  clinic     1 min 30 s overdue  kintsugi breach show brc_1',
    'breach  assess        4 tenants  1 h left            kintsugi breach show brc_1',
    'breach  gdpr-art33.1  clinic     2 d 23 h left       kintsugi breach show brc_1',
  ]);
});

test('what is near its end or past it has a colour, and what has time has none', () => {
  const styled = (of: Partial<RunningClock>) => clockLines([clock(of)], (style, text) => `${style}(${text})`)[0];
  expect(styled({})).not.toContain('(');
  expect(styled({ state: 'due-soon' })).toContain('yellow(1 h left)');
  expect(styled({ state: 'overdue', leftMs: -HOUR_MS })).toContain('red(1 h overdue)');
});

test('no clock is no line, and many are told with their number', () => {
  expect(clockLines([], plain)).toEqual([]);
  const many = clockLines(Array(25).fill(clock({})), plain);
  expect([many.length, many.at(-1)]).toEqual([11, 'and 15 more clocks: kintsugi breach']);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.ts';
import { forecastBench } from './command.ts';
import { LEAK_KINDS, leakWorld } from './leak-world.ts';
import { runLeaks } from './leaks.ts';
import { runLoads } from './loads.ts';
import { readM4 } from './m4.ts';
import { naive2 } from './naive2.ts';
import type { ForecastReport } from './report.ts';

const SEED = 1;
/** Ends on a Saturday: neither tomorrow nor the day after is like today. */
const HOURS = 4 * 168 + 6 * 24;

describe(`leaks (seed ${SEED})`, () => {
  const results = runLeaks(12, seededRandom(SEED));

  test('have their slope within 5 % at half-time, where other estimators are lost in the season', () => {
    for (const { kind, slopeErrors } of results) {
      const errorOf = (name: string) => slopeErrors.find(({ estimator }) => estimator === name)!.median;
      expect(errorOf('kintsugi'), kind).toBeLessThan(5);
      if (kind.includes('season')) expect(errorOf('least squares, 24 h'), kind).toBeGreaterThan(20);
    }
  });

  test('are told with a range that holds, and are not told where there are none', () => {
    for (const { kind, exhaustion, falseAlarms, worlds } of results) {
      expect(exhaustion.told, kind).toBeGreaterThan(0.8 * worlds);
      expect(exhaustion.held, kind).toBeGreaterThan(0.8);
      expect(falseAlarms, kind).toBe(0);
    }
  });

  test('of one seed are the same worlds', () => {
    const world = () => leakWorld(LEAK_KINDS[3]!, seededRandom(SEED));
    expect(world()).toEqual(world());
    const { levels, limit } = world();
    expect(levels.at(-1)!).toBeGreaterThan(0.7 * limit);
  });
});

describe('M4', () => {
  let folder: string;
  const train = () => join(folder, 'Train', 'Hourly-train.csv');
  const truth = () => join(folder, 'Test', 'Hourly-test.csv');
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'm4-'));
    mkdirSync(join(folder, 'Train'));
    mkdirSync(join(folder, 'Test'));
    const known = daily(0, HOURS);
    writeFileSync(
      train(),
      csv(
        [
          ['H1', ...known],
          ['H2', ...known.slice(0, 400).map((value) => value / 3)],
        ],
        700,
      ),
    );
    writeFileSync(
      truth(),
      csv(
        [
          ['H1', ...daily(HOURS, 48)],
          ['H2', ...daily(400, 48).map((value) => value / 3)],
        ],
        48,
      ),
    );
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Hours of a day that weekends do not know. */
  function daily(from: number, hours: number): number[] {
    return Array.from({ length: hours }, (_, at) => {
      const hour = from + at;
      const level = Math.floor(hour / 24) % 7 > 4 ? 600 : 1_000;
      return Math.round(level + 400 * Math.sin((2 * Math.PI * hour) / 24));
    });
  }

  /** As the competition publishes it: quoted, and filled up with empty cells. */
  function csv(rows: readonly (readonly (string | number)[])[], width: number): string {
    const head = Array.from({ length: width + 1 }, (_, at) => `"V${at + 1}"`).join(',');
    const body = rows.map((row) => [
      ...row.map((cell) => `"${cell}"`),
      ...Array.from({ length: width + 1 - row.length }, () => ''),
    ]);
    return `${[head, ...body.map((row) => row.join(','))].join('\n')}\n`;
  }

  function run(...args: string[]) {
    return forecastBench.run(args, { signal: new AbortController().signal, progress: () => {} });
  }

  test('is read as published, wherever the two files lie below the folder', () => {
    const series = readM4(folder);
    expect(series.map(({ id, train, test }) => [id, train.length, test.length])).toEqual([
      ['H1', HOURS, 48],
      ['H2', 400, 48],
    ]);
    expect(series[1]!.train[0]).toBeCloseTo(1_000 / 3, 6);
  });

  test('is scored as the competition does, against Naive2', async () => {
    const { report, text } = await run('--dataset', folder, '--worlds', '1');
    const { loads } = report as ForecastReport;
    const owa = (name: string) => loads!.results.find(({ forecaster }) => forecaster === name)!.owa;
    expect(loads!.series).toBe(2);
    expect(owa('Naive2')).toBe(1);
    expect(owa('kintsugi')).toBeLessThan(owa('seasonal naive') / 2);
    expect(owa('naive')).toBeGreaterThan(1);
    expect(text).toContain('M4 hourly, 2 series');
  });

  test.each([
    [
      'a value that is no number',
      (text: string) => text.replace('"1000"', '"1O00"'),
      /train\.csv:2: "1O00" is no number/,
    ],
    ['a hole', (text: string) => text.replace(',"1104",', ',,'), /train\.csv:2: value 2 is missing within the series/],
    ['a name that is none', (text: string) => text.replace('"H2"', '"?"'), /train\.csv:3: "\?" is no name of a series/],
    ['a name that comes twice', (text: string) => text.replace('"H2"', '"H1"'), /train\.csv:3: H1 comes twice/],
    ['a series without values', (text: string) => `${text}"H3",,\n`, /train\.csv:4: the series has no values/],
    [
      'a series that nothing followed',
      (text: string) => `${text}"H3",1,2\n`,
      /train\.csv:4: H3 has no series in Hourly-test\.csv/,
    ],
    [
      'a header that is none',
      (text: string) => text.replace('V1', 'X1'),
      /train\.csv:1: the header must begin with V1/,
    ],
    ['nothing', () => '', /train\.csv:1: the header/],
  ])('is refused with file and line for %s', async (_, spoil, message) => {
    const [head, ...rows] = csv(
      [
        ['H1', ...daily(0, HOURS)],
        ['H2', 1, 2, 3],
      ],
      700,
    ).split('\n');
    writeFileSync(train(), spoil([head, ...rows].join('\n')));
    await expect(run('--dataset', folder, '--worlds', '1')).rejects.toThrow(message);
  });

  test('is refused when tests differ in length or belong to no series', () => {
    writeFileSync(
      truth(),
      csv(
        [
          ['H1', ...daily(HOURS, 48)],
          ['H2', 1, 2, 3],
        ],
        48,
      ),
    );
    expect(() => readM4(folder)).toThrow(/test\.csv:3: H2 has 3 values, others have 48/);
    writeFileSync(
      truth(),
      csv(
        [
          ['H1', ...daily(HOURS, 48)],
          ['H9', ...daily(HOURS, 48)],
        ],
        48,
      ),
    );
    expect(() => readM4(folder)).toThrow(/test\.csv:3: H9 has no series in Hourly-train\.csv/);
    rmSync(truth());
    expect(() => readM4(folder)).toThrow(/there is no Hourly-test\.csv below it/);
    expect(() => readM4(join(folder, 'none'))).toThrow(/there is no such folder/);
  });

  test('a constant series scores without a scale', () => {
    const flat = Array.from({ length: 300 }, () => 0);
    for (const { forecaster, smape, mase } of runLoads([{ id: 'H1', train: flat, test: flat.slice(0, 48) }])) {
      expect([forecaster, smape, mase]).toEqual([forecaster, 0, 0]);
    }
  });

  test('wants whole numbers', async () => {
    await expect(run('--worlds', '0')).rejects.toThrow(/--worlds must be a whole number from 1/);
    await expect(run('--seed', 'x')).rejects.toThrow(/--seed/);
  });
});

describe('Naive2', () => {
  test('repeats the season around the last level', () => {
    const values = Array.from({ length: 240 }, (_, hour) => 100 + 50 * Math.sin((2 * Math.PI * hour) / 24));
    for (const [ahead, value] of naive2(values, 24).entries()) expect(value).toBeCloseTo(values[ahead]!, 6);
  });

  test('is the last value where there is no season', () => {
    const random = seededRandom(3);
    const values = Array.from({ length: 240 }, () => random.next());
    expect(new Set(naive2(values, 5))).toEqual(new Set([values.at(-1)]));
    expect(naive2([1, 2], 2)).toEqual([2, 2]);
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCorpus } from './corpus.ts';
import { DataFault } from './data-fault.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kintsugi-corpus-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

function rows(count: number, valueAt: (i: number) => string, header = 'timestamp,value'): string {
  const stamp = (i: number) => new Date(Date.UTC(2024, 0, 1) + i * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  return `${header}\n${Array.from({ length: count }, (_, i) => `${stamp(i)},${valueAt(i)}\n`).join('')}`;
}

function refusal(): string {
  try {
    readCorpus(dir);
  } catch (error) {
    expect(error).toBeInstanceOf(DataFault);
    return (error as Error).message.replace(`${dir}/`, '');
  }
  throw new Error('the corpus was accepted');
}

const WINDOWS = '{\n "a/x.csv": [\n  ["2024-01-01 00:20:00.000000", "2024-01-01 00:29:00.000000"]\n ]\n}\n';

describe('a corpus in the layout of NAB', () => {
  test('is read with its windows', () => {
    write('data/a/x.csv', rows(100, String));
    write('labels/combined_windows.json', WINDOWS);
    const { labels, series } = readCorpus(dir);
    expect(labels).toBe('windows');
    expect(series.map(({ name }) => name)).toEqual(['a/x.csv']);
    expect([...series[0]!.values.subarray(0, 3)]).toEqual([0, 1, 2]);
    expect(series[0]!.windows).toEqual([[Date.UTC(2024, 0, 1, 0, 20), Date.UTC(2024, 0, 1, 0, 29)]]);
  });

  test.each([
    [
      'a value that is no number',
      (text: string) => text.replace(',7\n', ',seven\n'),
      'data/a/x.csv:9: "seven" is no number',
    ],
    [
      'a timestamp that is none',
      (text: string) => text.replace('00:07:00', '00:77:00'),
      'data/a/x.csv:9: "2024-01-01 00:77:00" is no timestamp',
    ],
    [
      'a value that is not decimal',
      (text: string) => text.replace(',7\n', ',0x7\n'),
      'data/a/x.csv:9: "0x7" is no number',
    ],
    ['NaN', (text: string) => text.replace(',7\n', ',NaN\n'), 'data/a/x.csv:9: "NaN" is no number'],
    [
      'what a terminal would obey',
      (text: string) => text.replace(',7\n', ',\u001b[2J\n'),
      'data/a/x.csv:9: "?[2J" is no number',
    ],
    [
      'a line without end',
      (text: string) => text.replace(',7\n', `,${'7'.repeat(1_000_000)}\n`),
      `data/a/x.csv:9: "${'7'.repeat(40)}..." is no number`,
    ],
    ['an empty file', () => '', 'data/a/x.csv:1: the first column is not called timestamp'],
    ['a row that is cut off', (text: string) => text.replace(',7\n', '\n'), 'data/a/x.csv:9: 1 columns instead of 2'],
    ['another header', (text: string) => text.replace('value', 'reading'), 'data/a/x.csv:1: there is no column value'],
    ['no rows', () => 'timestamp,value\n', 'data/a/x.csv:1: there is no row'],
    [
      'a window that begins between rows',
      (text: string) => text.replace('00:20:00', '00:20:30'),
      'data/a/x.csv: a window of it begins or ends at 2024-01-01T00:20:00.000Z, which is no row',
    ],
  ])('is refused for %s, with file and line', (_what, spoil, message) => {
    write('data/a/x.csv', spoil(rows(100, String)));
    write('labels/combined_windows.json', WINDOWS);
    expect(refusal()).toBe(message);
  });

  test.each([
    ['labels that are no JSON', '{\n "a/x.csv": [\n', 'labels/combined_windows.json:3: it is no JSON'],
    [
      'a window that is no pair',
      '{\n "b": [],\n "a/x.csv": [["2024-01-01 00:20:00"]]\n}',
      'labels/combined_windows.json:3: a window is no pair of timestamps',
    ],
    [
      'a window in words',
      WINDOWS.replace('2024-01-01 00:29:00.000000', 'later'),
      'labels/combined_windows.json:3: "later" is no timestamp',
    ],
    ['a file without an entry', '{}', 'labels/combined_windows.json: there is no entry for a/x.csv'],
  ])('is refused for %s', (_what, text, message) => {
    write('data/a/x.csv', rows(100, String));
    write('labels/combined_windows.json', text);
    expect(refusal()).toContain(message);
  });

  test('is refused when there is nothing in it', () => {
    expect(refusal()).toContain('there is no folder data in it');
  });
});

describe('labels on points', () => {
  const header = 'TimeStamp,Value,Label';

  test('become windows of a tenth of the series, shared by its runs, without those in probation', () => {
    const isLabelled = (i: number) => i === 20 || (i >= 100 && i < 104) || (i >= 150 && i < 180);
    write(
      'data/a/x.csv',
      `\uFEFF${rows(200, (i) => `"${i}",${isLabelled(i) ? 1 : 0}`, header)}`.replaceAll('\n', '\r\n'),
    );
    const [series] = readCorpus(dir).series;
    const minutes = series!.windows.map((span) => span.map((time) => (time - Date.UTC(2024, 0, 1)) / 60_000));
    expect(minutes).toEqual([
      [99, 104],
      [150, 179],
    ]);
  });

  test('may lack a value, never a label', () => {
    write(
      'data/a/x.csv',
      rows(50, (i) => `${i === 30 ? '' : i},0`, header),
    );
    expect(readCorpus(dir).series[0]!.values[30]).toBeNaN();
    write(
      'data/a/x.csv',
      rows(50, (i) => `${i},${i === 30 ? '2' : '0'}`, header),
    );
    expect(refusal()).toBe('data/a/x.csv:32: the label is 2, neither 0 nor 1');
    write(
      'data/a/x.csv',
      rows(50, (i) => `${i},${i === 30 ? '' : '0'}`, header),
    );
    expect(refusal()).toBe('data/a/x.csv:32: the label is missing');
  });
});

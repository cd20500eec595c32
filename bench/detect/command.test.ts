import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.ts';

const ROWS = 1_200;
/** The whole bench takes a few seconds of processor time; a busy machine has to share it. */
const PATIENCE_MS = 120_000;
let dir: string;

function stamp(row: number): string {
  return new Date(Date.UTC(2024, 0, 1) + row * 300_000).toISOString().slice(0, 19).replace('T', ' ');
}

/** Two files of noise, each with a jump in the middle of its window, and somebody's result files for them. */
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kintsugi-detect-'));
  const random = seededRandom(21);
  const folder = (path: string) => mkdirSync(join(dir, path), { recursive: true });
  for (const path of ['corpus/data/a', 'corpus/labels', 'results/other/a']) folder(path);
  const windows: Record<string, string[][]> = {};
  for (const [name, at] of [
    ['one', 600],
    ['two', 900],
  ] as const) {
    const rows = Array.from({ length: ROWS }, (_, row) => {
      const isAlert = row === at || row === 300;
      return { row, value: 100 + random.next() + (row >= at ? 50 : 0), score: isAlert ? 0.9 : 0.1 };
    });
    const data = rows.map(({ row, value }) => `${stamp(row)},${value}\n`).join('');
    const results = rows.map(({ row, value, score }) => `${stamp(row)},${value},${score},0\n`).join('');
    writeFileSync(join(dir, `corpus/data/a/${name}.csv`), `timestamp,value\n${data}`);
    writeFileSync(join(dir, `results/other/a/other_${name}.csv`), `timestamp,value,anomaly_score,label\n${results}`);
    windows[`a/${name}.csv`] = [[stamp(at), stamp(at + 60)]];
  }
  writeFileSync(join(dir, 'results/other/other_standard_scores.csv'), 'Detector,Profile\n');
  writeFileSync(join(dir, 'corpus/labels/combined_windows.json'), JSON.stringify(windows));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, ['bench/main.ts', 'detect', ...args], (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test(
  'prints one JSON document that holds our scores, those of the baselines and those of result files',
  async () => {
    const { code, stdout } = await bench('--corpus', join(dir, 'corpus'), '--results', join(dir, 'results'), '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.corpora).toMatchObject([{ series: 2, points: 2 * ROWS, windows: 2 }]);
    const novel = report.contestants.find(({ name }: { name: string }) => name === 'kintsugi, novel');
    expect(novel.corpora[0]).toMatchObject({ hit: 2, missed: 0, standard: { score: 100 } });
    expect(novel.cost.nsPerPoint).toBeGreaterThan(0);
    expect(novel.cost.heapBytesPerSeries).toBeLessThan(32 * 1024);
    expect(report.contestants).toHaveLength(7);
    const [other] = report.published;
    expect(other).toMatchObject({ detector: 'other', files: 2, windows: 2, unlabelled: 0, missing: 0 });
    // Two hits at the left edge and two alerts before any window, each of which costs 0.11.
    expect(other.profiles.standard).toEqual({ score: (100 * (4 - 0.22)) / 4, threshold: 0.9 });
  },
  PATIENCE_MS,
);

test('refuses malformed data with file and line, and exit code 2', async () => {
  const path = join(dir, 'corpus/data/a/three.csv');
  writeFileSync(path, `timestamp,value\n${stamp(0)},1\n${stamp(1)},oops\n`);
  const { code, stdout, stderr } = await bench('--corpus', join(dir, 'corpus'), '--json');
  rmSync(path);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe(`${path}:3: "oops" is no number\n`);
});

test('refuses what is no option of it, and says what is', async () => {
  const { code, stderr } = await bench('--korpus', dir);
  expect(code).toBe(64);
  expect(stderr).toContain('--corpus');
});

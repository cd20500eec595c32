import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { diagnoseBench } from './command.ts';
import type { DiagnoseReport } from './diagnose.ts';
import { readPetShop } from './petshop.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'petshop-'));
  write(join(folder, 'low', 'graph.csv'), ',web,db\nweb,0.0,1.0\ndb,0.0,0.0\n');
  write(join(folder, 'low', 'noissue', 'metrics.csv'), metricsCsv(60, []));
  write(join(folder, 'low', 'test', 'issue_0', 'metrics.csv'), metricsCsv(5, [2, 3]));
  write(join(folder, 'low', 'test', 'issue_0', 'target.json'), TARGET);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const TARGET = JSON.stringify({
  target: { node: 'web', metric: 'availability', agg: 'Average', timestamp: 900 },
  root_cause: { node: 'db', metric: null },
});
const COLUMNS = [
  ['requests', 'Sum'],
  ['availability', 'Average'],
  ['latency', 'Average'],
  ['latency', 'p99'],
] as const;

/** Two nodes in the layout of the data set; in the `troubled` rows 5 % of the requests of both fail. */
function metricsCsv(rows: number, troubled: readonly number[]): string {
  const both = ['web', 'db'].flatMap((node) => COLUMNS.map((column) => [node, ...column]));
  const head = ['microservice', 'metric', 'statistic'].map((title, at) => [title, ...both.map((cells) => cells[at])]);
  const body = Array.from({ length: rows }, (_, row) => {
    const availability = troubled.includes(row) ? 95 : 100;
    const node = [500 + (row % 7), availability, 0.02 + (row % 5) / 1_000, ''];
    return [row * 300, ...node, ...node];
  });
  return `${[...head, ['unix_timestamp', ...both.map(() => '')], ...body].map((row) => row.join(',')).join('\n')}\n`;
}

function write(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

const issueFile = (name: string) => join(folder, 'low', 'test', 'issue_0', name);

function run(...args: string[]) {
  return diagnoseBench.run(args, { signal: new AbortController().signal, progress: () => {} });
}

describe('the data set', () => {
  test('is read with its units, and what is missing stays missing', () => {
    const [scenario] = readPetShop(folder);
    const [issue] = scenario!.issues;
    expect(issue).toMatchObject({ name: 'low/test/issue_0', cause: 'db', causeMetric: null });
    expect(issue!.trouble).toEqual({
      node: 'web',
      metric: 'failures',
      times: [0, 300_000, 600_000, 900_000, 1_200_000],
    });
    const web = issue!.nodes.find(({ name }) => name === 'web')!;
    expect(web.calls).toEqual(['db']);
    expect(web.baseline.requests).toHaveLength(60);
    expect(web.present.failedShare[2]).toBeCloseTo(0.05, 9);
    expect(web.present.latencyMs[1]).toBeCloseTo(21, 9);
    expect(web.present.tailsMs.find(({ quantile }) => quantile === 0.99)!.ms[0]).toBeNull();
  });

  test.each([
    [
      'a cell that is no number',
      (text: string) => text.replace(',501,', ',5x1,'),
      /metrics\.csv:6: "5x1" is no number/,
    ],
    [
      'a row that is too short',
      (text: string) => text.replace(/,[^,\n]*\n$/, '\n'),
      /metrics\.csv:9: 8 cells, but the first line has 9/,
    ],
    [
      'a header that is missing',
      (text: string) => text.replace('statistic', 'stat'),
      /metrics\.csv:3: the first cell must be statistic/,
    ],
    [
      'time that goes backwards',
      (text: string) => text.replace('\n600,', '\n60,'),
      /metrics\.csv:7: time goes backwards/,
    ],
    [
      'a column that comes twice',
      (text: string) => text.replaceAll('p99', 'Average'),
      /metrics\.csv:1: web has latency Average twice/,
    ],
    [
      'a file that ends in its header',
      (text: string) => text.split('\n').slice(0, 4).join('\n'),
      /metrics\.csv:4: there is no reading/,
    ],
  ])('is refused with file and line for %s', (_, spoil, message) => {
    write(issueFile('metrics.csv'), spoil(metricsCsv(5, [2, 3])));
    expect(() => readPetShop(folder)).toThrow(message);
  });

  test.each([
    ['what is no JSON', '{', /target\.json:1: is no JSON/],
    ['null', 'null', /target\.node is no node of the graph/],
    ['another metric', TARGET.replace('availability', 'colour'), /target\.metric must be latency or availability/],
    ['no cause', TARGET.replace('"db"', '7'), /root_cause\.node is missing/],
  ])('is refused for a target of %s', (_, text, message) => {
    write(issueFile('target.json'), text);
    expect(() => readPetShop(folder)).toThrow(message);
  });

  test('is refused for a graph that is no matrix, and where nothing lies', () => {
    expect(() => readPetShop(join(folder, 'none'))).toThrow(/there is no such folder/);
    expect(() => readPetShop(join(folder, 'low', 'test'))).toThrow(/no folder with a graph\.csv/);
    write(join(folder, 'low', 'graph.csv'), ',web,db\nweb,0.0,yes\n');
    expect(() => readPetShop(folder)).toThrow(/graph\.csv:2: "yes" is no number/);
    rmSync(join(folder, 'low', 'noissue'), { recursive: true });
    write(join(folder, 'low', 'graph.csv'), ',web,db\nweb,0.0,1.0\n');
    expect(() => readPetShop(folder)).toThrow(/noissue.metrics\.csv: it cannot be read/);
  });
});

describe('the bench', () => {
  test('counts the places of the causes, for every method', async () => {
    const { report, text } = await run('--dataset', folder, '--planted', '20', '--seed', '3');
    const { groups, verdicts, issues, seed } = report as DiagnoseReport;
    expect(seed).toBe(3);
    expect(groups.map(({ group }) => group)).toEqual(['low failures', 'all issues', 'planted faults']);
    expect(groups[1]!.scores[0]).toEqual({ method: 'kintsugi', issues: 1, top1: 1, top3: 1 });
    expect(groups[2]!.scores[0]!.top1).toBeGreaterThan(0.9);
    expect(issues).toMatchObject([{ issue: 'low/test/issue_0', cause: 'db', place: 1, verdict: 'cause' }]);
    expect(verdicts.quiet).toEqual({ issues: 20, told: 0, right: 0 });
    expect(text).toContain('Every cause of the data set is first.');
  });

  test('says which causes were not found, and misses one that no node has', async () => {
    write(issueFile('target.json'), TARGET.replace('"db"', '"cache"'));
    const { report, text } = await run('--dataset', folder, '--planted', '0');
    expect((report as DiagnoseReport).groups.at(-1)!.scores.map(({ top3 }) => top3)).toEqual([0, 0, 0, 0]);
    expect(text).toContain('db instead of cache, which is not ranked');
  });

  test('tells the first place from the third', async () => {
    write(issueFile('target.json'), TARGET.replace('"db"', '"web"'));
    const { report } = await run('--dataset', folder, '--planted', '0');
    expect((report as DiagnoseReport).groups.at(-1)!.scores[0]).toMatchObject({ top1: 0, top3: 1 });
  });

  test('gives the same for the same seed', async () => {
    const places = async (seed: string) => {
      const { report } = await run('--dataset', folder, '--planted', '20', '--seed', seed);
      return JSON.stringify((report as DiagnoseReport).groups) + JSON.stringify((report as DiagnoseReport).verdicts);
    };
    expect(await places('5')).toBe(await places('5'));
  });

  test('wants a data set and whole numbers', async () => {
    await expect(run()).rejects.toThrow(/--dataset/);
    await expect(run('--dataset', folder, '--planted', '1.5')).rejects.toThrow(/--planted must be a whole number/);
    await expect(run('--dataset', folder, '--seed', '')).rejects.toThrow(/--seed must be a whole number/);
  });
});

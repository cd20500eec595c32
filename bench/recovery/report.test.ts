import { expect, test } from 'vitest';
import { createReport, renderReport, renderTable, type RoundResult } from './report.ts';

const calm = { requests: 10, failed: 0, p50Ms: 3.2, p99Ms: 9 };
const figures = { requests: 100, failed: 2, late: 0, lastFeltMs: 40, gapMs: 12, p99Ms: 1_234 };

function report(results: readonly RoundResult[]) {
  return createReport({
    date: '2026-01-02T03:04:05.000Z',
    machine: {
      cores: 2,
      cpu: 'x',
      memoryGiB: 4,
      loadAverage: 0.5,
      kernel: 'k',
      node: 'v1',
      haproxy: undefined,
      supervisor: undefined,
    },
    settings: { rounds: 2, requestsPerSecond: 150, deadlineMs: 5_000, watchMsMin: 1_000 },
    entries: [
      { name: 'A', description: 'a', skipped: undefined, start: () => Promise.reject(new Error('not started here')) },
      {
        name: 'B',
        description: 'b',
        skipped: 'it is not installed',
        start: () => Promise.reject(new Error('nor here')),
      },
    ],
    faults: [
      {
        name: 'crash',
        description: 'c',
        lateMs: 1_000,
        watchMsMax: 2_000,
        inject: async () => {},
        lift: async () => {},
      },
    ],
    results,
  });
}

test('a report has a line per fault and contestant, and says who was skipped and why', () => {
  const rounds: RoundResult[] = [
    {
      contestant: 'A',
      round: 1,
      calm,
      faults: [{ fault: 'crash', ...figures, restoredMs: 900, verifiedMs: undefined }],
    },
    {
      contestant: 'A',
      round: 2,
      calm,
      faults: [{ fault: 'crash', ...figures, restoredMs: null, verifiedMs: undefined }],
    },
  ];
  const found = report(rounds);
  expect(found.summary.map(({ fault, contestant }) => [fault, contestant])).toEqual([
    ['crash', 'A'],
    ['none', 'A'],
  ]);
  expect(found.summary[0]?.figures['restoredMs']).toEqual({ median: null, min: 900, max: null });
  const text = renderReport(found);
  expect(text).toContain('- B: skipped, it is not installed');
  expect(text).toContain('not in time (900 ms to not in time)');
  expect(text).toMatch(/\| A +\| 2 +\| 0 +\| 40 ms +\| .* \| - +\| 12 ms +\| 1\.2 s \|/);
});

test('a table has equally long lines', () => {
  expect(
    renderTable([
      ['', 'title'],
      ['longer', '1'],
    ]),
  ).toBe('|        | title |\n| ------ | ----- |\n| longer | 1     |\n');
});

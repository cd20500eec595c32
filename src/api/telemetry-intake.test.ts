import { expect, test } from 'vitest';
import { fromIso, toIso } from '../base/clock.ts';
import type { TelemetryReport } from '../gateway/telemetry.ts';
import { ReportIntake } from './telemetry-intake.ts';

const NOW = Date.UTC(2026, 10, 21, 12);

function reportAt(to: number, sequence: number, pid = 7): TelemetryReport {
  const nothing = { tries: [], requests: [], calls: [], inflight: {}, ejected: [], lost: [], recordsWaiting: 0 };
  return { gateway: 1, pid, sequence, from: toIso(to - 250), to: toIso(to), snapshotRevision: 1, ...nothing };
}

/** When each report is taken to be of, as time since `NOW`; null for one that says nothing. */
function takenAt(...reports: readonly (readonly [arrivedMs: number, report: TelemetryReport])[]) {
  const intake = new ReportIntake();
  return reports.map(([arrivedMs, report]) => {
    const taken = intake.take(report, NOW + arrivedMs);
    return taken ? [fromIso(taken.from) - NOW, fromIso(taken.to) - NOW] : null;
  });
}

test('a report counts once, and those of another process begin anew', () => {
  const [one, two] = [reportAt(NOW, 1), reportAt(NOW + 250, 2)];
  expect(takenAt([0, one], [5, one], [250, two], [260, one], [300, reportAt(NOW + 300, 1, 8)])).toEqual([
    [-250, 0],
    null,
    [0, 250],
    null,
    [50, 300],
  ]);
});

test('nothing is of the future', () => {
  expect(takenAt([0, reportAt(NOW + 3_600_000, 1)], [250, reportAt(NOW + 1_000, 2)])).toEqual([
    [-250, 0],
    [750, 1_000],
  ]);
});

test('what was held up keeps its time, what comes from long ago says nothing until the clock is known to be off', () => {
  const behind = (arrivedMs: number, sequence: number) =>
    [arrivedMs, reportAt(NOW + arrivedMs - 600_000, sequence)] as const;
  expect(takenAt([0, reportAt(NOW - 20_000, 1)])).toEqual([[-20_250, -20_000]]);
  expect(takenAt(behind(0, 1), behind(4_000, 2), behind(5_000, 3), [5_250, reportAt(NOW + 5_250, 4)])).toEqual([
    null,
    null,
    [4_750, 5_000],
    [5_000, 5_250],
  ]);
});

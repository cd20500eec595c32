import { expect, test } from 'vitest';
import { refOf, triesAt } from '../../test/sim/readings.ts';
import type { AddedSample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { run } from './detector.ts';
import { loadGoneDetector } from './load-gone.ts';
import type { Change } from './symptom.ts';

const MINUTE_MS = 60_000;
const REPORT_MS = 10_000;
const start = () => run(loadGoneDetector(() => detectionNumbers()));
type Running = ReturnType<typeof start>;

const addedAt = (minute: number, added: number, wanted: number): AddedSample => {
  const of = { workload: 'records', region: 'eu' };
  return { kind: 'added', at: minute * MINUTE_MS, vantage: 'control', ...of, added, wanted };
};

/** Minutes of so many requests a second, shared by so many instances; answers with what was said at which minute. */
function live(
  detector: Running,
  { from, until }: { readonly from: number; readonly until: number },
  perSecond: number,
  { instances = 3, ms = 10, failed = 0 } = {},
): readonly { readonly minute: number; readonly change: Change }[] {
  const said: { minute: number; change: Change }[] = [];
  for (let at = from * MINUTE_MS; at < until * MINUTE_MS; at += REPORT_MS) {
    const each = Math.round((perSecond * REPORT_MS) / 1_000 / instances);
    for (let i = 0; i < instances; i++) {
      const bad = Math.round(failed * each);
      for (const change of detector.feed(triesAt(at + i, each - bad, bad, refOf(`records-${i}`), ms))) {
        said.push({ minute: at / MINUTE_MS, change });
      }
    }
  }
  return said;
}

const raised = (said: ReturnType<typeof live>) => said.filter(({ change }) => 'raise' in change);

/** An hour of 90 a second by three, ten minutes of 300 by four, and then 60. */
function afterSpike(detector: Running): void {
  live(detector, { from: 0, until: 60 }, 90);
  live(detector, { from: 60, until: 62 }, 300, { ms: 400, failed: 0.2 });
  detector.feed(addedAt(62, 1, 4));
  live(detector, { from: 62, until: 70 }, 200, { instances: 4 });
}

test('an instance that was added is one too many once three would have done for half an hour', () => {
  const detector = start();
  afterSpike(detector);
  const said = raised(live(detector, { from: 70, until: 130 }, 60, { instances: 4 }));
  const [first] = said;
  // Four served 50 a second each at the most; from minute 71 on three would have had less.
  expect(first!.minute).toBeGreaterThanOrEqual(100);
  expect(first!.minute).toBeLessThan(104);
  expect(first!.change).toMatchObject({
    raise: { name: 'load-gone', subject: { kind: 'workload', name: 'records' }, evidence: { region: 'eu', added: 1 } },
  });
});

test('one minute of load, of failures or of slowness begins the wait anew, and silence is no calm', () => {
  for (const minute of [{ perSecond: 190 }, { failed: 0.1 }, { ms: 100 }]) {
    const detector = start();
    afterSpike(detector);
    const { perSecond = 60, ...more } = minute as { perSecond?: number; failed?: number; ms?: number };
    const before = live(detector, { from: 70, until: 95 }, 60, { instances: 4 });
    const bad = live(detector, { from: 95, until: 97 }, perSecond, { instances: 4, ...more });
    const after = live(detector, { from: 97, until: 124 }, 60, { instances: 4 });
    expect(raised([...before, ...bad, ...after]), JSON.stringify(minute)).toEqual([]);
    expect(raised(live(detector, { from: 124, until: 135 }, 60, { instances: 4 })).length).toBeGreaterThan(0);
  }
  const silent = start();
  afterSpike(silent);
  live(silent, { from: 70, until: 75 }, 60, { instances: 4 });
  expect(raised(live(silent, { from: 200, until: 210 }, 60, { instances: 4 }))).toEqual([]);
});

test('nothing is too many where no repair added any, or the load never went', () => {
  const none = start();
  live(none, { from: 0, until: 60 }, 200);
  expect(raised(live(none, { from: 60, until: 300 }, 10))).toEqual([]);
  const busy = start();
  afterSpike(busy);
  expect(raised(live(busy, { from: 70, until: 300 }, 190, { instances: 4 }))).toEqual([]);
});

test('what has to come back is kept for twice as long each time', () => {
  const detector = start();
  afterSpike(detector);
  let at = 70;
  const waits: number[] = [];
  for (let round = 0; round < 4; round++) {
    const said = raised(live(detector, { from: at, until: at + 400 }, 60, { instances: 4 }));
    waits.push(said[0]!.minute - at);
    // It is taken away, and added again ten minutes later.
    detector.feed(addedAt(said[0]!.minute, 0, 3));
    at = said[0]!.minute + 10;
    detector.feed(addedAt(at, 1, 4));
  }
  for (const [i, wait] of waits.entries()) expect(Math.abs(wait - 30 * 2 ** i)).toBeLessThan(4);
});

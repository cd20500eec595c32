import { expect, test } from 'vitest';
import { requestsAt, triesAt, refOf } from '../../test/sim/readings.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { run } from './detector.ts';
import { loadAheadDetector } from './load-ahead.ts';
import type { Change } from './symptom.ts';

const HOUR_MS = 3_600_000;
const DAY = 24;
const REPORT_MS = 300_000;
const start = () => run(loadAheadDetector(() => detectionNumbers()));

/** 20 requests a second at night, 200 at noon. */
const usual = (hour: number) => 110 - 90 * Math.cos((2 * Math.PI * (hour % DAY)) / DAY);

/** Feeds the hours from `from` on; answers with what was said, and at which hour. */
function live(
  detector: ReturnType<typeof start>,
  hours: { readonly from: number; readonly until: number },
  instances: number,
  load = usual,
): readonly { readonly hour: number; readonly change: Change }[] {
  const said: { hour: number; change: Change }[] = [];
  for (let at = hours.from * HOUR_MS; at < hours.until * HOUR_MS; at += REPORT_MS) {
    const count = Math.round((load(at / HOUR_MS) * REPORT_MS) / 1_000);
    for (let i = 0; i < instances; i++) detector.feed(triesAt(at, 1, 0, refOf(`records-${i}`)));
    for (const change of detector.feed(requestsAt(at, 'shop', count))) said.push({ hour: at / HOUR_MS, change });
  }
  return said;
}

test('days that are like those before are no claim, nor is a first day of which nothing is known', () => {
  expect(live(start(), { from: 0, until: 12 * DAY }, 4)).toEqual([]);
});

test('too few instances for the noon that is coming are a claim hours before, which ends when there are enough', () => {
  const detector = start();
  live(detector, { from: 0, until: 10 * DAY }, 8);
  // At night somebody takes most of them away.
  const said = live(detector, { from: 10 * DAY, until: 10 * DAY + 10 }, 3);
  const first = said.find(({ change }) => 'raise' in change)!;
  const { raise } = first.change as Extract<Change, { raise: unknown }>;
  expect(raise).toMatchObject({ name: 'load-ahead', subject: { kind: 'workload', name: 'records' } });
  expect(raise.evidence['instances']).toBe(3);
  const deadlineHour = Number(raise.evidence['deadlineAt']) / HOUR_MS;
  expect(deadlineHour).toBeGreaterThan(first.hour);
  // Eight have served 200 a second: three are worth 75, which are exceeded between four and six in the morning.
  expect(usual(deadlineHour)).toBeGreaterThan(75);
  expect(first.hour - 10 * DAY).toBeLessThan(6);
  const after = live(detector, { from: 10 * DAY + 10, until: 10 * DAY + 11 }, 8);
  expect(after.some(({ change }) => 'clear' in change)).toBe(true);
});

test('a state that was kept and read goes on as the original', () => {
  const [whole, first, second] = [start(), start(), start()];
  const from = 3 * DAY + 5;
  live(whole, { from: 0, until: from }, 8);
  live(first, { from: 0, until: from }, 8);
  second.load([...first.save()], first.heardUntil);
  const rest = { from, until: 4 * DAY };
  expect(live(second, rest, 3)).toEqual(live(whole, rest, 3));
});

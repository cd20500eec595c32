import { expect, test } from 'vitest';
import { memoryAt, refOf, retiredAt } from '../../test/sim/readings.ts';
import type { InstanceRef, Sample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { run } from './detector.ts';
import { leakDetector } from './leak.ts';
import type { Symptom } from './symptom.ts';

const limited = (at: number, mib: number, limitMib: number, ref: InstanceRef = refOf()): Sample => ({
  ...memoryAt(at, mib, ref),
  limitBytes: limitMib * 2 ** 20,
});
const start = () => run(leakDetector(() => detectionNumbers()));

function raised(samples: readonly Sample[], detector = start()): readonly Symptom[] {
  return samples
    .flatMap((sample) => detector.feed(sample))
    .flatMap((change) => ('raise' in change ? [change.raise] : []));
}
const each = (seconds: number, everyS: number, make: (second: number) => Sample) =>
  Array.from({ length: seconds / everyS }, (_, i) => make(i * everyS));

test('a leak says when its limit is reached, within a tenth, long before it is', () => {
  const [first] = raised(each(300, 1, (second) => limited(second * 1_000, 200 + second, 600)));
  expect(first).toMatchObject({ name: 'leak', subject: { kind: 'instance', name: 'records-1' } });
  const { deadlineAt, earliestAt, latestAt } = first!.evidence as Record<string, number>;
  expect(first!.at).toBeLessThan(200_000);
  expect(Math.abs(deadlineAt! - 400_000)).toBeLessThan(0.1 * (400_000 - first!.at));
  expect(earliestAt).toBeLessThanOrEqual(400_000);
  expect(latestAt).toBeGreaterThanOrEqual(400_000 - 2_000);
});

test('a leak of days is shown at once and a claim no sooner than its lead', () => {
  const detector = start();
  // 2 MiB an hour from 100 MiB on, with teeth of 10 MiB each minute; the limit is 280 MiB, ninety hours ahead.
  const days = each(80 * 3_600, 60, (second) =>
    limited(second * 1_000, 100 + (2 * second) / 3_600 + (second % 600) / 60, 280),
  );
  expect(raised(days, detector)).toEqual([]);
  const { outlook } = [...detector.tell(80 * 3_600_000)][0]!;
  expect(outlook).toMatchObject({ kind: 'exhausts', limit: 280 });
  expect(Math.abs((outlook as { atMs: number }).atMs / 3_600_000 - 86)).toBeLessThan(8);
});

test('whether only this version leaks is said, and how many of its instances do', () => {
  const detector = start();
  const old = refOf('old-1', 'records', 1);
  raised(
    each(300, 1, (second) => limited(second * 1_000, 200, 600, old)),
    detector,
  );
  const [a, b] = [refOf('new-1', 'records', 2), refOf('new-2', 'records', 2)];
  const leaking = each(200, 1, (second) => limited(300_000 + second * 1_000, 200 + second, 600, a));
  const also = each(200, 1, (second) => limited(300_000 + second * 1_000, 200 + 0.8 * second, 600, b));
  const [first] = raised(
    leaking.flatMap((sample, i) => [sample, also[i]!]),
    detector,
  );
  expect(first?.evidence).toMatchObject({ onlyThisVersion: true, leaksOfVersion: 2 });
  raised([retiredAt(600_000, a), retiredAt(600_000, b)], detector);
  const again = each(200, 1, (second) => limited(700_000 + second * 1_000, 200 + second, 600, refOf('old-2')));
  expect(raised(again, detector)[0]?.evidence).toMatchObject({ onlyThisVersion: false, leaksOfVersion: 1 });
});

test('what the first process of its kind takes to do its work is no leak, and one that nears its limit at once is', () => {
  // Ten seconds after its start it gets work, and with it 120 MiB within eleven seconds; then it stays.
  const warm = each(300, 1, (second) =>
    limited(second * 1_000, 110 + Math.min(120, Math.max(0, (second - 10) * 11)), 384),
  );
  expect(raised(warm)).toEqual([]);
  const [fast] = raised(each(60, 1, (second) => limited(second * 1_000, 100 + 8 * second, 384)));
  expect(fast!.evidence['residentMib']).toBeGreaterThanOrEqual(0.8 * 384);
  expect(fast!.at).toBeLessThan(30_000);
});

test('readings that are no number, late or repeated change nothing', () => {
  const well = each(200, 1, (second) => limited(second * 1_000, 200 + (second % 7), 600));
  const noise = well.flatMap((sample, i): Sample[] => [
    sample,
    limited(i * 1_000, Number.NaN, 600),
    limited(i * 1_000, 9_000, 600),
    limited((i - 3) * 1_000, 9_000, 600),
  ]);
  expect(raised(noise)).toEqual([]);
});

test('a start, teeth of a saw-tooth and a cache that fills are no leak, and a leak above all of them is', () => {
  const tooth = (second: number) => 80 * ((second % 17) / 17);
  const cache = (second: number) => 90 * (1 - Math.exp(-second / 400));
  const life = (second: number) => 60 + 70 * (1 - Math.exp(-second / 5)) + tooth(second) + cache(second);
  const detector = start();
  const well = each(3_000, 1, (second) => limited(second * 1_000, life(second), 512));
  expect(raised(well, detector)).toEqual([]);
  // The next one starts where it began, and does the same from there.
  const next = refOf('records-2', 'records', 2);
  const also = each(900, 1, (second) => limited((3_000 + second) * 1_000, life(second), 512, next));
  expect(raised(also, detector)).toEqual([]);
  const worse = each(200, 1, (second) => limited((3_900 + second) * 1_000, life(900 + second) + 2 * second, 700, next));
  const [first] = raised(worse, detector);
  expect(first).toMatchObject({ subject: { name: 'records-2' } });
  expect(Number(first!.evidence['residentMib'])).toBeLessThan(600);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exitAt, memoryAt, refOf, requestsAt } from '../../test/sim/readings.ts';
import { seededRandom } from '../base/random.ts';
import type { LevelSample, Sample } from '../observe/sample.ts';
import { type DetectionName, detectionNumbers } from '../resources/detection-number.ts';
import type { Account } from './account.ts';
import { run } from './detector.ts';
import { seriesDetector } from './series.ts';
import type { Change } from './symptom.ts';

const start = (given: Partial<Record<DetectionName, number>> = {}) =>
  run(seriesDetector(() => detectionNumbers(given)));
const levelAt = (at: number, tenant: string, measure: string, level = 1): LevelSample => ({
  kind: 'level',
  at,
  vantage: 'source',
  of: { kind: 'tenant', name: tenant },
  measure,
  level,
});

function accounts(detector = start(), at = 0): ReadonlyMap<string, Account> {
  return new Map([...detector.tell(at)].map((account) => [account.series, account]));
}
const feed = (detector: ReturnType<typeof start>, samples: readonly Sample[]): readonly Change[] =>
  samples.flatMap((sample) => detector.feed(sample));
const every = (seconds: number, of: (at: number, i: number) => readonly Sample[]) =>
  Array.from({ length: seconds }, (_, i) => of(i * 1_000, i)).flat();

describe('what is watched without being told', () => {
  test('each tenant, workload and instance has its series, with values and what is expected', () => {
    const detector = start();
    feed(
      detector,
      every(600, (at, i) => [requestsAt(at, 'shop', 5 + (i % 3)), memoryAt(at, 200 + (i % 5))]),
    );
    const known = accounts(detector);
    expect([...known.keys()].sort()).toEqual([
      'instance records-1 memory',
      'tenant shop records failed',
      'tenant shop records p50',
      'tenant shop records p99',
      'tenant shop records rate',
      'workload records failed',
      'workload records p50',
      'workload records p99',
      'workload records rate',
    ]);
    const rate = known.get('tenant shop records rate')!;
    expect(rate).toMatchObject({ unit: '/s', unusual: null });
    expect(rate.points.at(-1)?.value).toBeCloseTo(6, 0);
    expect(rate.expected!.low).toBeLessThan(6);
    expect(rate.expected!.high).toBeGreaterThan(6);
  });

  test('what is unusual is told in the account and claims nothing', () => {
    const detector = start();
    const random = seededRandom(7);
    const said = feed(
      detector,
      every(3_600, (at) => [memoryAt(at, at > 3_400_000 ? 400 : 200 + random.next())]),
    );
    expect(said).toEqual([]);
    const { unusual } = accounts(detector).get('instance records-1 memory')!;
    expect(unusual!.oneIn).toBeGreaterThan(10);
    expect(unusual!.severity).toBeGreaterThan(1);
  });

  test('an instance that is gone is forgotten, a while after people may have asked', () => {
    const detector = start();
    feed(detector, [...every(60, (at) => [memoryAt(at, 200)]), exitAt(60_000, refOf())]);
    expect(accounts(detector).size).toBe(1);
    feed(detector, [memoryAt(1_500_000, 200, refOf('records-2'))]);
    expect(accounts(detector).size).toBe(0);
  });
});

describe('whoever makes up series', () => {
  const flood = (detector: ReturnType<typeof start>) =>
    feed(
      detector,
      every(120, (at, i) => [
        requestsAt(at, 'calm', 5),
        ...Array.from({ length: 50 }, (_, n) => levelAt(at, 'loud', `label-${i}-${n}`)),
      ]),
    );

  test('is held to its share and told of, by how many and not by what', () => {
    const detector = start({ 'series.perOwnerMax': 20 });
    const said = flood(detector);
    const known = [...accounts(detector).keys()];
    expect(known.filter((series) => series.startsWith('tenant loud'))).toHaveLength(20);
    expect(said.at(-1)).toMatchObject({
      raise: { name: 'series-exploding', subject: { kind: 'tenant', name: 'loud' }, evidence: { kept: 20 } },
    });
    expect(JSON.stringify(said)).not.toContain('label-');
    expect(said.every((change) => 'raise' in change && change.raise.subject.name === 'loud')).toBe(true);
  });

  test('changes nothing for the others', () => {
    const [alone, beside] = [start({ 'series.perOwnerMax': 20 }), start({ 'series.perOwnerMax': 20 })];
    feed(
      alone,
      every(120, (at) => [requestsAt(at, 'calm', 5)]),
    );
    flood(beside);
    const of = (detector: typeof alone) =>
      [...accounts(detector).values()].filter(({ subject }) => subject.name === 'calm');
    expect(of(beside)).toEqual(of(alone));
  });

  test('cannot fill the room of all, and what is not heard of any more makes room', () => {
    const detector = start({ 'series.max': 30 });
    flood(detector);
    expect(accounts(detector).size).toBe(30);
    feed(
      detector,
      Array.from({ length: 40 }, (_, i) => requestsAt(900_000_000 + i * 10_000, 'late', 5)),
    );
    expect([...accounts(detector).keys()].filter((series) => series.startsWith('tenant late')).length).toBeGreaterThan(
      1,
    );
  });
});

test('a clock that jumps, and values that are late, repeated, withheld or no number, never fail and never look like data', () => {
  const odd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -5, 0, 1e300, 3);
  const times = fc.constantFrom(0, 1_000, 10_000, -10_000, 7_200_000, -7_200_000, Number.NaN);
  fc.assert(
    fc.property(fc.array(fc.tuple(times, odd), { maxLength: 200 }), (steps) => {
      const detector = start();
      let at = 10_000_000;
      for (const [passed, value] of steps) {
        at = Number.isNaN(passed) ? at : at + passed;
        const sampleAt = Number.isNaN(passed) ? Number.NaN : at;
        feed(detector, [
          levelAt(sampleAt, 'shop', 'level', value),
          { ...requestsAt(sampleAt, 'shop', 1), ok: value, failed: value },
          memoryAt(sampleAt, value),
        ]);
      }
      for (const { points } of detector.tell(at))
        for (const point of points) expect(Number.isFinite(point.value)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('silence is no value: a series that stops has no further points', () => {
  const detector = start();
  feed(
    detector,
    every(300, (at) => [memoryAt(at, 200)]),
  );
  const before = accounts(detector).get('instance records-1 memory')!;
  feed(
    detector,
    every(600, (at) => [requestsAt(300_000 + at, 'shop', 1)]),
  );
  expect(accounts(detector).get('instance records-1 memory')).toEqual(before);
});

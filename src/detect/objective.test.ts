import { expect, test } from 'vitest';
import { requestsAt } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { run } from './detector.ts';
import { objectiveDetector, type Promised } from './objective.ts';
import type { Change } from './symptom.ts';

const DAY_MS = 86_400_000;
const promised: Promised = { availability: 0.999, latencyMs: 200, periodMs: 30 * DAY_MS };
const start = (of: Promised = promised) =>
  run(
    objectiveDetector(
      () => of,
      () => detectionNumbers(),
    ),
  );

function feed(samples: readonly Sample[], detector = start()): readonly Change[] {
  return samples.flatMap((sample) => detector.feed(sample));
}
/** One report a second. */
const seconds = (from: number, count: number, of: (at: number) => Sample) =>
  Array.from({ length: count }, (_, i) => of((from + i) * 1_000));

test('answers later than promised burn a budget of their own', () => {
  const slow = feed(seconds(0, 20, (at) => requestsAt(at, 'shop', 10, 0, { ms: 900 })));
  expect(slow.at(-1)).toMatchObject({
    raise: { name: 'objective-burning', evidence: { counts: 'slow', pair: 'at once' } },
  });
  expect(feed(seconds(0, 20, (at) => requestsAt(at, 'shop', 10, 0, { ms: 100 })))).toEqual([]);
});

test('a tenant with few requests is not accused by one failure, and its outage is still seen', () => {
  expect(feed(seconds(0, 20, (at) => requestsAt(at, 'shop', at === 5_000 ? 0 : 1, at === 5_000 ? 1 : 0)))).toEqual([]);
  // A request in twelve seconds: the minute never holds thirty, the hour does.
  const detector = start();
  const seldom = (from: number, count: number, ok: number, failed: number) =>
    Array.from({ length: count }, (_, i) => requestsAt((from + 12 * i) * 1_000, 'shop', ok, failed)).flatMap((sample) =>
      detector.feed(sample),
    );
  expect(seldom(0, 600, 1, 0)).toEqual([]);
  expect(seldom(7_200, 60, 0, 1).at(-1)).toMatchObject({ raise: { evidence: { pair: 'page quick' } } });
});

test('what a long window still holds of an outage that is over is no claim, and has its share of the budget', () => {
  const detector = start();
  feed(
    seconds(0, 3_600, (at) => requestsAt(at, 'shop', 10)),
    detector,
  );
  const during = feed(
    seconds(3_600, 120, (at) => requestsAt(at, 'shop', 0, 10)),
    detector,
  );
  expect(during.at(-1)).toHaveProperty('raise');
  const after = feed(
    seconds(3_720, 10, (at) => requestsAt(at, 'shop', 10)),
    detector,
  );
  expect(after.at(-1)).toEqual({ clear: 'objective-burning', subject: { kind: 'tenant', name: 'shop' } });
  const [account] = [...detector.tell(3_730_000)];
  const [failed, slow] = account!.budgets;
  expect(failed!.burns.find(({ pair }) => pair === 'page quick')).toMatchObject({ state: 'burning' });
  // 1,200 failed of 26 million that the period would have at this pace.
  expect(failed!.left).toBeCloseTo(1 - (1_200 / (0.001 * 37_300)) * (3_730 / (30 * 86_400)), 2);
  expect(slow!.left).toBe(1);
});

test('the windows go with the period, but for the seconds of the healer', () => {
  const short = { ...promised, periodMs: 0.5 * DAY_MS };
  const [account] = [
    ...(() => {
      const detector = start(short);
      feed(
        seconds(0, 40, (at) => requestsAt(at, 'shop', 5, 5)),
        detector,
      );
      return detector.tell(40_000);
    })(),
  ];
  expect(account!.budgets[0]!.burns.map(({ pair, state }) => [pair, state])).toContainEqual(['at once', 'burning']);
  expect(account!.budgets[0]!.burns.map(({ pair, state }) => [pair, state])).toContainEqual(['page quick', 'burning']);
});

test('a budget that will be spent within the hour is told with its deadline, and one that lasts is not', () => {
  const told = (failed: number) => {
    const detector = start();
    const claims: { readonly at: number; readonly evidence: Readonly<Record<string, unknown>> }[] = [];
    for (let minute = 0; minute < 2.4 * 1_440; minute += 5) {
      const sample = { ...requestsAt(minute * 60_000, 'shop', 1_000 - failed, failed), spanMs: 300_000 };
      for (const change of detector.feed(sample)) {
        if ('raise' in change && change.raise.name === 'budget-ending') claims.push(change.raise);
      }
    }
    return { claims, outlook: [...detector.tell(2.4 * DAY_MS)][0]?.outlook };
  };
  // 15 of 1,000 where one may: all of it after two days.
  const { claims } = told(15);
  expect(claims.length).toBeGreaterThan(5);
  expect(claims[0]!.at / DAY_MS).toBeGreaterThan(2 - 1.5 / 24);
  expect(claims[0]!.at / DAY_MS).toBeLessThan(2);
  expect(Number(claims[0]!.evidence['deadlineAt']) / DAY_MS).toBeCloseTo(2, 1);
  const lasting = told(5);
  expect(lasting.claims).toEqual([]);
  expect(lasting.outlook).toMatchObject({ kind: 'exhausts' });
});

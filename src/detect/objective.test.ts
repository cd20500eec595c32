import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestsAt } from '../../test/sim/readings.ts';
import { mergeSketches } from '../base/latency-sketch.ts';
import type { Sample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { run } from './detector.ts';
import { objectiveDetector } from './objective.ts';
import { partsOf, type Promised } from './promised.ts';
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

describe('classes of routes', () => {
  const routes = [{ name: 'exports', availability: 0.9, latencyMs: 30_000 }];
  const withRoutes = { ...promised, routes };
  /** Ten exports and a hundred others in a second. */
  const sample = (at: number, { ok = 10, failed = 0, ms = 10 }, others = { ok: 100, failed: 0 }) => {
    const own = requestsAt(at, 'shop', ok, failed, { ms });
    const rest = requestsAt(at, 'shop', others.ok, others.failed);
    const latency = mergeSketches([own.latency, rest.latency]);
    const classes = [{ name: 'exports', ok, failed, latency: own.latency }];
    return { ...rest, ok: ok + others.ok, failed: failed + others.failed, latency, classes };
  };

  test('are held to what was promised for them, and the others to the rest', () => {
    // Slow for anybody else, and every twentieth export may fail.
    const fine = seconds(0, 60, (at) => sample(at, { ok: 19, failed: 1, ms: 5_000 }));
    expect(feed(fine, start(withRoutes))).toEqual([]);
    expect(feed(fine, start()).length).toBeGreaterThan(0);
    const late = feed(
      seconds(0, 60, (at) => sample(at, { ms: 60_000 })),
      start(withRoutes),
    );
    expect(late.at(-1)).toMatchObject({ raise: { evidence: { counts: 'slow', sentTo: 'exports of records' } } });
    expect(JSON.stringify(late.at(-1))).toContain('answers later than 30000 ms for exports of records');
    const failing = feed(
      seconds(0, 60, (at) => sample(at, {}, { ok: 95, failed: 5 })),
      start(withRoutes),
    );
    expect(failing.at(-1)).toMatchObject({ raise: { evidence: { counts: 'failed', sentTo: 'records' } } });
  });

  test('have budgets of their own, and none once nothing is promised for them any more', () => {
    let of: Promised = withRoutes;
    const detector = run(
      objectiveDetector(
        () => of,
        () => detectionNumbers(),
      ),
    );
    feed(
      seconds(0, 60, (at) => sample(at, { ok: 5, failed: 5 })),
      detector,
    );
    const told = () => [...detector.tell(60_000)].map(({ series, budgets }) => [series, budgets[0]!.target]);
    expect(told()).toEqual([
      ['tenant shop objectives records', 0.999],
      ['tenant shop objectives records exports', 0.9],
    ]);
    of = promised;
    expect(told()).toEqual([['tenant shop objectives records', 0.999]]);
    feed([sample(61_000, {})], detector);
    of = withRoutes;
    expect(told()).toEqual([['tenant shop objectives records', 0.999]]);
  });

  test('that are cut out of a sample leave what is left of it', () => {
    const counts = fc.record({ ok: fc.nat(500), failed: fc.nat(500), ms: fc.integer({ min: 1, max: 60_000 }) });
    fc.assert(
      fc.property(counts, fc.nat(500), fc.nat(500), (own, ok, failed) => {
        const [rest, exports] = partsOf(sample(0, own, { ok, failed }), withRoutes);
        expect(exports?.sample).toMatchObject({ ok: own.ok, failed: own.failed });
        expect(rest?.sample).toMatchObject({ ok, failed });
        expect(rest?.sample.latency.count).toBe(requestsAt(0, 'shop', ok, failed).latency.count);
        expect(Object.values(rest!.sample.latency.buckets).every((n) => n >= 0)).toBe(true);
      }),
    );
  });
});

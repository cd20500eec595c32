import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  callsAt,
  conditionAt,
  exitAt,
  inflightAt,
  memoryAt,
  probeAt,
  refOf,
  requestsAt,
  retiredAt,
  startFailedAt,
  triesAt,
} from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import { nameSchema } from '../resources/metadata.ts';
import { artefactDriftDetector } from './artefact-drift.ts';
import { callGraphDetector } from './call-graph.ts';
import { callsDetector } from './calls.ts';
import { conditionDetector } from './condition.ts';
import { crashLoopDetector } from './crash-loop.ts';
import { type Detector, run } from './detector.ts';
import { exitDetector } from './exit.ts';
import { exhaustionDetector } from './exhaustion.ts';
import { failedProbeDetector } from './failed-probe.ts';
import { leakDetector } from './leak.ts';
import { loadAheadDetector } from './load-ahead.ts';
import { loadGoneDetector } from './load-gone.ts';
import { routeDetector } from './route.ts';
import { mortalityDetector } from './mortality.ts';
import { noisyTenantDetector } from './noisy-tenant.ts';
import { objectiveDetector } from './objective.ts';
import { overloadDetector } from './overload.ts';
import { poisonDetector } from './poison.ts';
import { seriesDetector } from './series.ts';
import { siblingDetector } from './sibling.ts';
import { startFailureDetector } from './start-failure.ts';
import type { Change, Symptom } from './symptom.ts';
import { applyChanges, type Symptoms, withoutStale } from './symptoms.ts';
import { versionDetector } from './version.ts';
import { workloadDetector } from './workload.ts';

const numbers = detectionNumbers();

const DETECTORS = [
  exitDetector,
  startFailureDetector,
  failedProbeDetector,
  crashLoopDetector(() => numbers),
  mortalityDetector(() => numbers),
  siblingDetector(() => numbers),
  versionDetector(() => numbers),
  objectiveDetector(
    () => ({ availability: 0.99, latencyMs: 500, periodMs: 30 * 86_400_000 }),
    () => numbers,
  ),
  noisyTenantDetector(() => numbers),
  overloadDetector(() => numbers),
  exhaustionDetector(() => numbers),
  loadAheadDetector(() => numbers),
  loadGoneDetector(() => numbers),
  routeDetector(() => numbers),
  leakDetector(() => numbers),
  artefactDriftDetector,
  workloadDetector(() => numbers),
  callsDetector(() => numbers),
  conditionDetector,
  poisonDetector(() => numbers),
  seriesDetector(() => numbers),
  callGraphDetector,
] as readonly Detector<unknown>[];

const ref = fc.constantFrom(
  refOf('records-1'),
  refOf('records-2'),
  refOf('records-3', 'records', 2),
  refOf('b-1', 'bills'),
);
const tenant = fc.constantFrom('shop', 'clinic', 'bank');
const count = fc.nat({ max: 60 });
const ms = fc.constantFrom(1, 10, 100, 1_000);

const reading: fc.Arbitrary<(at: number) => Sample> = fc.oneof(
  ref.map((of) => (at: number) => exitAt(at, of)),
  ref.map((of) => (at: number) => startFailedAt(at, of)),
  ref.map((of) => (at: number) => retiredAt(at, of)),
  fc.tuple(ref, fc.boolean(), fc.constantFrom('readiness' as const, 'liveness' as const)).map(
    ([of, ok, probe]) =>
      (at: number) =>
        probeAt(at, ok, of, { probe }),
  ),
  fc.tuple(ref, count, count, ms).map(
    ([of, ok, failed, took]) =>
      (at: number) =>
        triesAt(at, ok, failed, of, took),
  ),
  fc.tuple(tenant, count, count, ms, count).map(
    ([of, ok, failed, took, limited]) =>
      (at: number) =>
        requestsAt(at, of, ok, failed, { ms: took, limited }),
  ),
  fc.tuple(ref, fc.integer({ min: 50, max: 500 })).map(
    ([of, mib]) =>
      (at: number) =>
        memoryAt(at, mib, of),
  ),
  fc.tuple(ref, fc.constantFrom('store', 'store main'), count, count, ms).map(
    ([of, callee, ok, failed, took]) =>
      (at: number) =>
        callsAt(at, callee, ok, failed, of, took),
  ),
  fc.tuple(fc.constantFrom('clock eu-1', 'queue mail'), fc.boolean(), fc.constantFrom('a', 'b')).map(
    ([asset, holds, vantage]) =>
      (at: number) =>
        conditionAt(at, asset, 'skewed', holds, { vantage }),
  ),
  fc.tuple(ref, fc.subarray(['shop /a 1', 'shop /a 2', 'bank /b 3'])).map(
    ([of, keys]) =>
      (at: number) =>
        inflightAt(at, of, keys),
  ),
  fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 4 })).map(([added, declared]) => (at: number): Sample => {
    const of = { workload: 'records', region: 'eu' } as const;
    return { kind: 'added', at, vantage: 'control', ...of, added, wanted: declared + added };
  }),
  fc
    .tuple(fc.constantFrom('GET /a', 'GET /b', 'POST /c'), count, count, ms)
    .map(([route, ok, failed, took]) => (at: number): Sample => {
      const of = { workload: 'records', version: 1, spanMs: 3_000, latencyMs: took * ok } as const;
      return { kind: 'route', at, vantage: 'gateway-1', route, ok, failed, ...of };
    }),
  fc.boolean().map((matches) => (at: number): Sample => {
    return { kind: 'artefact', at, vantage: 'control', workload: 'records', version: 1, matches };
  }),
);

/** Samples in the order of time, with gaps from none to longer than any window. */
const samples = fc
  .array(fc.tuple(fc.constantFrom(0, 50, 500, 3_000, 70_000), reading), { minLength: 1, maxLength: 60 })
  .map((steps) => {
    let at = 1_000_000;
    return steps.map(([gap, make]) => {
      at += gap;
      return make(at);
    });
  });

test.each(DETECTORS.map((detector) => [detector.name, detector] as const))(
  '%s says the same when its state goes through JSON at any point, and keeps no hold of what it said',
  (_name, detector) => {
    fc.assert(
      fc.property(samples, (sequence) => {
        const kept = detector.start();
        let restored: unknown = JSON.parse(JSON.stringify(kept));
        const said: (readonly [readonly Change[], string])[] = [];
        for (const sample of sequence) {
          const one = detector.step(kept, sample);
          const other = detector.step(restored, sample);
          expect(JSON.stringify(other)).toBe(JSON.stringify(one));
          expect(JSON.parse(JSON.stringify(one))).toStrictEqual(one);
          said.push([one, JSON.stringify(one)]);
          restored = JSON.parse(JSON.stringify(restored));
          expect(JSON.stringify(restored)).toBe(JSON.stringify(kept));
        }
        for (const [changes, then] of said) expect(JSON.stringify(changes)).toBe(then);
      }),
      { numRuns: 60 },
    );
  },
);

test.each(DETECTORS.map((detector) => [detector.name, detector] as const))(
  '%s stays as large as it was, however long it looks',
  (_name, detector) => {
    const state = detector.start();
    const sizes: number[] = [];
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 120; i++) {
        const at = 1_000_000 + round * 60_000 + i * 500;
        for (const sample of dense(at, i)) detector.step(state, sample);
      }
      sizes.push(JSON.stringify(state).length);
    }
    const early = Math.max(...sizes.slice(8, 24));
    expect(Math.max(...sizes.slice(24))).toBeLessThanOrEqual(early * 1.15 + 200);
  },
);

/** Everything that can be seen, with faults now and then. */
function dense(at: number, i: number): readonly Sample[] {
  const one = refOf('records-1');
  const failed = i % 40 > 30 ? 5 : 0;
  const fault = i % 40 === 39 ? [exitAt(at, one), inflightAt(at, one, ['shop /a 1']), startFailedAt(at)] : [];
  return [
    triesAt(at, 5, failed, one, failed > 0 ? 900 : 10),
    triesAt(at, 5, 0, refOf('records-2')),
    requestsAt(at, 'shop', 5, failed),
    requestsAt(at, 'clinic', 5),
    callsAt(at, 'store', 5, failed, one),
    conditionAt(at, 'clock eu-1', 'skewed', failed > 0),
    probeAt(at, failed === 0, one),
    memoryAt(at, 100 + i, one),
    ...fault,
  ];
}

test('no name that can be declared is one that an empty state already has', () => {
  const inherited = Object.getOwnPropertyNames(Object.prototype);
  expect(inherited).toContain('constructor');
  expect(inherited.filter((name) => nameSchema.safeParse(name).success)).toEqual([]);
});

function claim(name: Symptom['name'], at: number, since = at): Symptom {
  return { name, subject: { kind: 'tenant', name: 'shop' }, since, at, vantages: ['v'], reason: '', evidence: {} };
}

test('a claim that is raised again is fresh and keeps the time of its first sight; a clear ends it', () => {
  const once = applyChanges(new Map(), [{ raise: claim('overloaded', 5) }]);
  const twice = applyChanges(once, [{ raise: claim('overloaded', 9) }]);
  expect([...twice.values()]).toEqual([claim('overloaded', 9, 5)]);
  expect([...once.values()]).toEqual([claim('overloaded', 5)]);
  const { subject } = claim('overloaded', 5);
  expect(applyChanges(twice, [{ clear: 'overloaded', subject }]).size).toBe(0);
  expect(applyChanges(twice, [{ clear: 'hung', subject }]).size).toBe(1);
});

test('what is cleared and raised by one batch goes on, and the earliest sight counts', () => {
  const once = applyChanges(new Map(), [{ raise: claim('overloaded', 5) }]);
  const { subject } = claim('overloaded', 5);
  const flickered = applyChanges(once, [{ clear: 'overloaded', subject }, { raise: claim('overloaded', 9) }]);
  expect([...flickered.values()]).toEqual([claim('overloaded', 9, 5)]);
  const earlier = applyChanges(once, [{ raise: claim('overloaded', 9, 2) }]);
  expect([...earlier.values()]).toEqual([claim('overloaded', 9, 2)]);
  expect(applyChanges(once, [{ clear: 'hung', subject }])).toBe(once);
});

test('a claim ends when its evidence has not been seen for as long as it stays; a death does not age', () => {
  const raised: Symptoms = applyChanges(new Map(), [
    { raise: { ...claim('instance-errors', 1_000), staysMs: 15_000 } },
    { raise: { ...claim('asset-skewed', 1_000), staysMs: 60_000 } },
    { raise: claim('exited', 1_000) },
  ]);
  expect(withoutStale(raised, 16_000)).toBe(raised);
  expect([...withoutStale(raised, 16_001).values()].map(({ name }) => name)).toEqual(['asset-skewed', 'exited']);
  expect([...withoutStale(raised, 61_001).values()].map(({ name }) => name)).toEqual(['exited']);
});

/** What a detector says in the end of the same traffic, reported at another rhythm. */
function standingAt(spanMs: number, detector: Detector<unknown>): readonly string[] {
  const running = run(detector);
  const scale = spanMs / 250;
  let standing: Symptoms = new Map();
  for (let at = spanMs; at <= 600_000; at += spanMs) {
    const isFaulty = at > 360_000;
    const samples = [
      { ...triesAt(at, (isFaulty ? 3 : 5) * scale, (isFaulty ? 2 : 0) * scale, refOf('records-1')), spanMs },
      { ...triesAt(at, 5 * scale, 0, refOf('records-2')), spanMs },
      { ...triesAt(at, 5 * scale, 0, refOf('records-3')), spanMs },
      { ...requestsAt(at, 'shop', (isFaulty ? 60 : 5) * scale, 5 * scale * (isFaulty ? 1 : 0)), spanMs },
      { ...requestsAt(at, 'clinic', 5 * scale, 0, { ms: isFaulty ? 400 : 10 }), spanMs },
      { ...callsAt(at, 'store', (isFaulty ? 25 : 5) * scale, 0, refOf('records-1')), spanMs },
    ];
    standing = applyChanges(
      standing,
      samples.flatMap((sample) => running.feed(sample)),
    );
  }
  return [...standing.keys()].sort();
}

test.each(DETECTORS.map((detector) => [detector.name, detector] as const))(
  '%s says the same of the same traffic, reported each quarter of a second, half minute or minute',
  (_name, detector) => {
    const often = standingAt(250, detector);
    expect(standingAt(30_000, detector)).toEqual(often);
    expect(standingAt(60_000, detector)).toEqual(often);
  },
);

test('a claim that is over says so until it is raised again or cleared, and one that does not stand is not', () => {
  const { subject } = claim('overloaded', 5);
  const once = applyChanges(new Map(), [{ raise: claim('overloaded', 5) }]);
  const over = applyChanges(once, [{ over: 'overloaded', subject }]);
  expect([...over.values()]).toEqual([{ ...claim('overloaded', 5), over: true }]);
  expect([...applyChanges(over, [{ raise: claim('overloaded', 9) }]).values()]).toEqual([claim('overloaded', 9, 5)]);
  expect(applyChanges(new Map(), [{ over: 'overloaded', subject }]).size).toBe(0);
});

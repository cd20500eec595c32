import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  exitAt,
  memoryAt,
  probeAt,
  refOf,
  requestsAt,
  retiredAt,
  startFailedAt,
  triesAt,
} from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { nameSchema } from '../resources/metadata.ts';
import { artefactDriftDetector } from './artefact-drift.ts';
import { crashLoopDetector } from './crash-loop.ts';
import type { Detector } from './detector.ts';
import { exitDetector } from './exit.ts';
import { failedProbeDetector } from './failed-probe.ts';
import { leakDetector } from './leak.ts';
import { noisyTenantDetector } from './noisy-tenant.ts';
import { objectiveDetector } from './objective.ts';
import { overloadDetector } from './overload.ts';
import { siblingDetector } from './sibling.ts';
import { startFailureDetector } from './start-failure.ts';
import type { Symptom } from './symptom.ts';
import { applyChanges, type Symptoms, withoutStale } from './symptoms.ts';
import { versionDetector } from './version.ts';

const DETECTORS = [
  exitDetector,
  startFailureDetector,
  failedProbeDetector,
  crashLoopDetector,
  siblingDetector,
  versionDetector,
  objectiveDetector(() => 0.99),
  noisyTenantDetector,
  overloadDetector,
  leakDetector,
  artefactDriftDetector,
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
  '%s says the same when its state goes through JSON at any point, and never changes a state in place',
  (_name, detector) => {
    fc.assert(
      fc.property(samples, (sequence) => {
        let kept = detector.start();
        let restored = JSON.parse(JSON.stringify(kept));
        for (const sample of sequence) {
          const before = JSON.stringify(kept);
          const one = detector.step(kept, sample);
          const other = detector.step(restored, sample);
          expect(JSON.stringify(kept)).toBe(before);
          expect(JSON.stringify(other)).toBe(JSON.stringify(one));
          expect(JSON.parse(JSON.stringify(one.changes))).toStrictEqual(one.changes);
          kept = one.state;
          restored = JSON.parse(JSON.stringify(other.state));
        }
      }),
      { numRuns: 60 },
    );
  },
);

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

test('a claim on traffic ends when the traffic has not been seen for a while; a death does not age', () => {
  const raised: Symptoms = applyChanges(new Map(), [
    { raise: claim('instance-errors', 1_000) },
    { raise: claim('exited', 1_000) },
    { raise: claim('hung', 1_000) },
  ]);
  expect(withoutStale(raised, 16_000)).toBe(raised);
  expect([...withoutStale(raised, 16_001).values()].map(({ name }) => name)).toEqual(['exited', 'hung']);
});

import { describe, expect, test } from 'vitest';
import {
  callsAt,
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
import { detectionNumbers } from '../resources/detection-number.ts';
import { crashLoopDetector as crashLoopBy } from './crash-loop.ts';
import { type Detector, run } from './detector.ts';
import { exitDetector } from './exit.ts';
import { failedProbeDetector } from './failed-probe.ts';
import { leakDetector as leakBy } from './leak.ts';
import { noisyTenantDetector as noisyBy } from './noisy-tenant.ts';
import { objectiveDetector } from './objective.ts';
import { overloadDetector as overloadBy } from './overload.ts';
import { siblingDetector as siblingBy } from './sibling.ts';
import { startFailureDetector } from './start-failure.ts';
import type { Symptom } from './symptom.ts';
import { applyChanges, type Symptoms } from './symptoms.ts';
import { versionDetector as versionBy } from './version.ts';

/** The claims that stand after these samples: `exited records-1`. */
function standing<State>(detector: Detector<State>, samples: readonly Sample[]): string[] {
  return claims(detector, samples).map(({ name, subject }) => `${name} ${subject.name}`);
}

function claims<State>(detector: Detector<State>, samples: readonly Sample[]): readonly Symptom[] {
  const running = run(detector);
  const none: Symptoms = new Map();
  return [...samples.reduce((all, sample) => applyChanges(all, running.feed(sample)), none).values()];
}

/** One sample each `everyMs` from `from` up to, not including, `until`. */
function each(
  from: number,
  until: number,
  everyMs: number,
  make: (at: number, i: number) => Sample | Sample[],
): Sample[] {
  const count = Math.ceil((until - from) / everyMs);
  return Array.from({ length: count }, (_, i) => make(from + i * everyMs, i)).flat();
}

const numbers = detectionNumbers();
const crashLoopDetector = crashLoopBy(() => numbers);
const leakDetector = leakBy(() => numbers);
const noisyTenantDetector = noisyBy(() => numbers);
const overloadDetector = overloadBy(() => numbers);
const siblingDetector = siblingBy(() => numbers);
const versionDetector = versionBy(() => numbers);

const a = refOf('records-1');
const b = refOf('records-2');

describe('exit', () => {
  test('a death is a claim at once, with how and the last lines', () => {
    const [claim] = claims(exitDetector, [exitAt(5, a, { code: null, signal: 'SIGKILL', lastLines: ['x', 'oom'] })]);
    expect(claim).toMatchObject({ name: 'exited', since: 5, at: 5, vantages: ['keeper'] });
    expect(claim?.reason).toBe('records-1 was ended by SIGKILL');
    expect(claim?.evidence).toMatchObject({ lastLines: ['x', 'oom'] });
  });

  test('an end that was asked for is none, and a retired instance is forgotten', () => {
    expect(standing(exitDetector, [exitAt(1, a, { expected: true }), probeAt(2, false)])).toEqual([]);
    expect(standing(exitDetector, [exitAt(1, a), exitAt(2, b), retiredAt(3, a)])).toEqual(['exited records-2']);
  });
});

describe('start-failure', () => {
  test('a start that failed is a claim until the instance is retired', () => {
    expect(standing(startFailureDetector, [startFailedAt(1), probeAt(2, true)])).toEqual(['start-failed records-1']);
    expect(standing(startFailureDetector, [startFailedAt(1), retiredAt(2)])).toEqual([]);
  });
});

describe('failed-probe', () => {
  const live = (at: number, ok: boolean) => probeAt(at, ok, a, { probe: 'liveness' });
  const ready = [probeAt(1, true), live(1, true)];

  test('an instance that was never ready is starting, not failing', () => {
    expect(
      standing(
        failedProbeDetector,
        each(1, 20, 1, (at) => [probeAt(at, false), live(at, false)]),
      ),
    ).toEqual([]);
  });

  test('one failure is none; as many in a row as `fall` are, since the last of them', () => {
    expect(standing(failedProbeDetector, [...ready, probeAt(2, false)])).toEqual([]);
    const [claim] = claims(failedProbeDetector, [...ready, probeAt(2, false), probeAt(3, false), probeAt(4, false)]);
    expect(claim).toMatchObject({ name: 'probe-failed', since: 3, at: 4 });
  });

  test('not ready but alive may wait for another; neither is hung', () => {
    const failing = [probeAt(2, false), probeAt(3, false)];
    expect(standing(failedProbeDetector, [...ready, ...failing, live(4, true)])).toEqual(['probe-failed records-1']);
    const both = [...ready, ...failing, live(4, false), live(5, false)];
    expect(standing(failedProbeDetector, both)).toEqual(['probe-failed records-1', 'hung records-1']);
    expect(standing(failedProbeDetector, [...ready, live(4, false), live(5, false)])).toEqual([]);
  });

  test('who answers requests meanwhile contradicts it, and of many a prober is doubted', () => {
    const down = (id: string, at: number) => [
      probeAt(at, true, refOf(id)),
      ...[1, 2, 3].map((i) => probeAt(at + 500 * i, false, refOf(id))),
    ];
    const answered = (id: string, at: number) => triesAt(at, 5, 0, refOf(id));
    const of = (...ids: readonly string[]) =>
      claims(
        failedProbeDetector,
        ids.flatMap((id, i) => [
          ...down(id, 10_000 * i),
          answered(id, 10_000 * i + 2_000),
          probeAt(10_000 * i + 2_100, false, refOf(id)),
        ]),
      ).at(-1);
    expect(of('a')?.evidence).toMatchObject({ answers: true, doubted: false });
    const byCaller = { ...callsAt(2_000, 'store', 5, 0), peers: [{ ...refOf('a'), ok: 5, failed: 0 }] };
    const called = [...down('a', 0), byCaller, probeAt(2_100, false, refOf('a'))];
    expect(claims(failedProbeDetector, called).at(-1)?.evidence).toMatchObject({ answers: true });
    expect(of('a', 'b', 'c')?.evidence).toMatchObject({ doubted: true });
    expect(claims(failedProbeDetector, down('a', 0))[0]?.evidence).toMatchObject({ answers: false, doubted: false });
  });

  test('it clears when the instance answers again, ends or is retired', () => {
    const hung = [...ready, ...each(2, 6, 1, (at) => [probeAt(at, false), live(at, false)])];
    expect(standing(failedProbeDetector, hung)).toHaveLength(2);
    expect(standing(failedProbeDetector, [...hung, live(7, true)])).toEqual(['probe-failed records-1']);
    expect(standing(failedProbeDetector, [...hung, probeAt(7, true)])).toEqual([]);
    expect(standing(failedProbeDetector, [...hung, exitAt(7)])).toEqual([]);
    expect(standing(failedProbeDetector, [...hung, retiredAt(7)])).toEqual([]);
  });
});

describe('crash-loop', () => {
  const deaths = (...at: readonly number[]) => at.map((when, i) => exitAt(when, refOf(`records-${i}`)));

  test('three deaths of one version within a minute, in whichever slots, are a loop', () => {
    expect(standing(crashLoopDetector, deaths(0, 1_000))).toEqual([]);
    expect(standing(crashLoopDetector, deaths(0, 1_000, 2_000))).toEqual(['crash-loop records@1']);
    expect(standing(crashLoopDetector, deaths(0, 40_000, 80_000))).toEqual([]);
    expect(standing(crashLoopDetector, [...deaths(0, 1), startFailedAt(2)])).toEqual(['crash-loop records@1']);
  });

  test('who lived long before is in no loop: a machine that lost its power kills many at once', () => {
    const old = [1, 2, 3, 4].map((at) => exitAt(at, refOf(`records-${at}`), { livedMs: 3_600_000 }));
    expect(standing(crashLoopDetector, old)).toEqual([]);
  });

  test('versions are counted apart, and ends that were asked for not at all', () => {
    expect(standing(crashLoopDetector, [...deaths(0, 1), exitAt(2, refOf('x', 'records', 2))])).toEqual([]);
    expect(standing(crashLoopDetector, [...deaths(0, 1), exitAt(2, a, { expected: true })])).toEqual([]);
  });

  test('it is over when a probe of the version finds that nobody died for long enough', () => {
    const loop = deaths(0, 1_000, 2_000);
    expect(standing(crashLoopDetector, [...loop, probeAt(59_999, true)])).toHaveLength(1);
    expect(standing(crashLoopDetector, [...loop, probeAt(60_000, true, refOf('x', 'records', 2))])).toHaveLength(1);
    expect(standing(crashLoopDetector, [...loop, probeAt(60_000, true)])).toEqual([]);
    expect(standing(crashLoopDetector, [...loop, probeAt(60_000, true), ...deaths(90_000, 91_000)])).toEqual([]);
  });
});

describe('sibling', () => {
  const both = (of: (at: number) => Sample, until = 5_000) =>
    each(0, until, 500, (at) => [of(at), triesAt(at, 5, 0, b)]);

  test('an instance that fails where its siblings do not is a claim', () => {
    const [claim] = claims(
      siblingDetector,
      both((at) => triesAt(at, 2, 3, a)),
    );
    expect(claim).toMatchObject({ name: 'instance-errors', subject: { name: 'records-1' }, vantages: ['gateway-1'] });
  });

  test('failures that all share, or too few requests to tell, accuse nobody', () => {
    expect(
      standing(
        siblingDetector,
        each(0, 5_000, 500, (at) => [triesAt(at, 2, 3, a), triesAt(at, 2, 3, b)]),
      ),
    ).not.toContain('instance-errors records-2');
    expect(
      standing(
        siblingDetector,
        both((at) => triesAt(at, 0, 1, a), 1_500),
      ),
    ).toEqual([]);
  });

  test('an instance that is slower than its siblings is a claim; one without siblings is not', () => {
    const beside = (msAt: (at: number) => number, untilMs?: number) =>
      standing(
        siblingDetector,
        both((at) => triesAt(at, 5, 0, a, msAt(at)), untilMs),
      );
    expect(beside(() => 400, 28_000)).toEqual(['instance-slow records-1']);
    // A process that has just started is slow at first.
    expect(beside(() => 400, 18_000)).toEqual([]);
    // A gap that does not last is a busy machine: told of for a moment, and never called slow.
    const busy = (at: number) => (at > 22_000 && at < 25_000 ? 400 : 10);
    expect(beside(busy, 26_000)).toEqual(['instance-outlier records-1']);
    expect(beside(busy, 36_000)).toEqual([]);
    expect(beside(() => 60)).toEqual([]);
    const alone = each(0, 5_000, 500, (at) => triesAt(at, 5, 0, a, 400));
    expect(standing(siblingDetector, alone)).toEqual([]);
  });

  test('it clears when the instance behaves again, and when it is gone', () => {
    const sick = both((at) => triesAt(at, 2, 3, a, 400), 29_000);
    expect(standing(siblingDetector, sick).sort()).toEqual(['instance-errors records-1', 'instance-slow records-1']);
    const well = each(29_000, 35_000, 500, (at) => [triesAt(at, 5, 0, a), triesAt(at, 5, 0, b)]);
    expect(standing(siblingDetector, [...sick, ...well])).toEqual([]);
    expect(standing(siblingDetector, [...sick, exitAt(29_500, a)])).toEqual([]);
    expect(standing(siblingDetector, [...sick, retiredAt(29_500, a)])).toEqual([]);
  });

  test('a claim that is seen again keeps the time of its first sight', () => {
    const [claim] = claims(
      siblingDetector,
      both((at) => triesAt(at, 2, 3, a), 10_000),
    );
    expect(claim?.since).toBeLessThan(2_000);
    expect(claim?.at).toBe(9_500);
  });
});

describe('version', () => {
  const v2 = refOf('records-9', 'records', 2);
  const before = each(0, 20_000, 500, (at) => triesAt(at, 5, 0, a));

  test('a new version that fails where the one before did not is a claim', () => {
    const after = each(20_000, 30_000, 500, (at) => [triesAt(at, 5, 0, a), triesAt(at, 4, 1, v2)]);
    expect(standing(versionDetector, [...before, ...after])).toEqual(['version-errors records@2']);
  });

  test('it clears when the version works, and says nothing of the first, of an old or of a little used one', () => {
    const bad = each(20_000, 23_000, 500, (at) => triesAt(at, 4, 1, v2));
    const good = each(23_000, 30_000, 500, (at) => triesAt(at, 5, 0, v2));
    expect(standing(versionDetector, [...before, ...bad, ...good])).toEqual([]);
    expect(
      standing(
        versionDetector,
        each(0, 9_000, 500, (at) => triesAt(at, 4, 1, v2)),
      ),
    ).toEqual([]);
    expect(
      standing(versionDetector, [...each(0, 9_000, 500, (at) => triesAt(at, 5, 0, v2)), triesAt(9_000, 0, 50, a)]),
    ).toEqual([]);
    expect(standing(versionDetector, [...before, triesAt(20_000, 4, 1, v2)])).toEqual([]);
  });

  test('who was tried in between and gone back from is no measure: it is compared with the one that serves', () => {
    const v3 = refOf('records-8', 'records', 3);
    const tried = each(20_000, 24_000, 500, (at) => [triesAt(at, 5, 0, a), triesAt(at, 3, 2, v2)]);
    const alone = each(24_000, 30_000, 500, (at) => triesAt(at, 5, 0, a));
    const next = each(30_000, 36_000, 500, (at) => [triesAt(at, 5, 0, a), triesAt(at, 3, 2, v3)]);
    const [claim] = claims(versionDetector, [...before, ...tried, ...alone, ...next]).filter(
      ({ subject }) => subject.name === 'records@3',
    );
    expect(claim).toMatchObject({ name: 'version-errors', evidence: { previous: 1, concurrent: true } });
  });

  test('the one that serves is remembered, however many were tried since', () => {
    const tries = [2, 3, 4, 5, 6, 7, 8].flatMap((version, i) => {
      const tried = refOf(`records-${version}`, 'records', version);
      const from = 20_000 + i * 30_000;
      const canary = each(from, from + 4_000, 500, (at) => [triesAt(at, 5, 0, a), triesAt(at, 5, 0, tried)]);
      return [...canary, ...each(from + 4_000, from + 30_000, 500, (at) => triesAt(at, 5, 0, a))];
    });
    const last = refOf('records-9', 'records', 9);
    const bad = each(230_000, 236_000, 500, (at) => [triesAt(at, 5, 0, a), triesAt(at, 3, 2, last)]);
    expect(claims(versionDetector, [...before, ...tries, ...bad])).toMatchObject([{ evidence: { previous: 1 } }]);
  });

  test('a canary that gets one request in two seconds, because it fails, is claimed all the same', () => {
    const starved = each(20_000, 40_000, 500, (at, i) => [
      triesAt(at, 5, 0, a),
      ...(i % 4 === 0 ? [triesAt(at, 0, 1, v2)] : []),
    ]);
    const [claim] = claims(versionDetector, [...before, ...starved]);
    expect(claim).toMatchObject({ name: 'version-errors', subject: { name: 'records@2' } });
    const seldom = each(20_000, 40_000, 500, (at, i) => [
      triesAt(at, 5, 0, a),
      ...(i % 4 === 0 ? [triesAt(at, i === 0 ? 0 : 1, i === 0 ? 1 : 0, v2)] : []),
    ]);
    expect(claims(versionDetector, [...before, ...seldom])).toEqual([]);
  });

  test('a version that is as bad as the one before is not the change that broke it', () => {
    const failing = each(0, 20_000, 500, (at) => triesAt(at, 4, 1, a));
    expect(
      standing(versionDetector, [...failing, ...each(20_000, 24_000, 500, (at) => triesAt(at, 4, 1, v2))]),
    ).toEqual([]);
  });
});

describe('objective', () => {
  const promised = { availability: 0.99, latencyMs: 500, periodMs: 30 * 86_400_000 };
  const detector = objectiveDetector(
    (tenant) => (tenant === 'nobody' ? undefined : promised),
    () => numbers,
  );

  test('a budget that burns fast, for long and still, is a claim', () => {
    const burning = each(0, 10_000, 500, (at) => requestsAt(at, 'shop', 8, 2));
    expect(standing(detector, burning)).toEqual(['objective-burning shop']);
    expect(standing(detector, [...burning, ...each(10_000, 16_000, 500, (at) => requestsAt(at, 'shop', 10))])).toEqual(
      [],
    );
  });

  test('a few failures, few requests and tenants without an objective burn nothing', () => {
    expect(
      standing(
        detector,
        each(0, 10_000, 500, (at, i) => requestsAt(at, 'shop', 10, i % 4 === 0 ? 1 : 0)),
      ),
    ).toEqual([]);
    expect(standing(detector, [requestsAt(0, 'shop', 0, 20)])).toEqual([]);
    expect(
      standing(
        detector,
        each(0, 10_000, 500, (at) => requestsAt(at, 'nobody', 0, 10)),
      ),
    ).toEqual([]);
  });
});

describe('noisy-tenant', () => {
  const usual = each(0, 20_000, 500, (at) => [requestsAt(at, 'loud', 5), requestsAt(at, 'quiet', 5)]);
  const flood = (ms: number, more = {}) =>
    each(20_000, 24_000, 500, (at) => [requestsAt(at, 'loud', 100, 0, more), requestsAt(at, 'quiet', 5, 0, { ms })]);

  test('a tenant far above its usual, with most of the traffic, while another is hurt, is a claim', () => {
    const [claim] = claims(noisyTenantDetector, [...usual, ...flood(80).slice(0, 10)]);
    expect(claim).toMatchObject({ name: 'noisy-tenant', subject: { kind: 'tenant', name: 'loud' } });
    expect(claim?.evidence).toMatchObject({ hurt: ['quiet'], usualPerSecond: 10, workloads: ['records'] });
  });

  test('what was limited counts as sent', () => {
    const limited = each(20_000, 24_000, 500, (at) => [
      requestsAt(at, 'loud', 5, 0, { limited: 95 }),
      requestsAt(at, 'quiet', 2, 3),
    ]);
    expect(standing(noisyTenantDetector, [...usual, ...limited])).toEqual(['noisy-tenant loud']);
  });

  test('a busy tenant that hurts nobody is a good customer', () => {
    expect(standing(noisyTenantDetector, [...usual, ...flood(10)])).toEqual([]);
  });

  test('when all grow alike, or when nothing is known of before, nobody is to blame', () => {
    const all = each(20_000, 24_000, 500, (at) =>
      ['loud', 'quiet', 'third'].map((tenant) => requestsAt(at, tenant, 100, 0, { ms: 80 })),
    );
    expect(standing(noisyTenantDetector, [...usual, ...all])).toEqual([]);
    expect(standing(noisyTenantDetector, flood(80))).toEqual([]);
  });

  test('it clears when the tenant is quiet again', () => {
    const after = each(24_000, 40_000, 500, (at) => [requestsAt(at, 'loud', 5), requestsAt(at, 'quiet', 5)]);
    expect(standing(noisyTenantDetector, [...usual, ...flood(80), ...after])).toEqual([]);
  });
});

describe('overload', () => {
  const usual = each(0, 30_000, 500, (at) => requestsAt(at, 'shop', 10));
  const surge = (ok: number, ms: number) => each(30_000, 36_000, 500, (at) => requestsAt(at, 'shop', ok, 0, { ms }));

  test('more load than usual and slower with it is a claim; either alone is not', () => {
    expect(standing(overloadDetector, [...usual, ...surge(30, 300)])).toEqual(['overloaded records']);
    expect(standing(overloadDetector, [...usual, ...surge(30, 10)])).toEqual([]);
    expect(standing(overloadDetector, [...usual, ...surge(10, 300)])).toEqual([]);
    expect(standing(overloadDetector, surge(30, 300))).toEqual([]);
  });

  test('it clears when the load has gone', () => {
    const after = each(36_000, 52_000, 500, (at) => requestsAt(at, 'shop', 10));
    expect(standing(overloadDetector, [...usual, ...surge(30, 300), ...after])).toEqual([]);
  });
});

describe('leak', () => {
  test('memory without a limit that only grows, long and far enough, is a claim', () => {
    const growing = (seconds: number) => each(0, seconds * 1_000, 1_000, (at, i) => memoryAt(at, 100 + 10 * i));
    expect(standing(leakDetector, growing(150))).toEqual(['leak records-1']);
    expect(standing(leakDetector, growing(60))).toEqual([]);
  });

  test('a saw-tooth, a warm-up and a slow growth are none', () => {
    expect(
      standing(
        leakDetector,
        each(0, 20_000, 1_000, (at, i) => memoryAt(at, 100 + 60 * (i % 3))),
      ),
    ).toEqual([]);
    expect(
      standing(
        leakDetector,
        each(0, 9_000, 1_000, (at, i) => memoryAt(at, 100 + 20 * i)),
      ),
    ).toEqual([]);
    expect(
      standing(
        leakDetector,
        each(0, 60_000, 1_000, (at, i) => memoryAt(at, 100 + i)),
      ),
    ).toEqual([]);
    expect(standing(leakDetector, [memoryAt(0, 100)])).toEqual([]);
  });

  test('a slow one is seen over minutes; what fills ever more slowly is a cache', () => {
    const grown = (mibAfter: (seconds: number) => number) =>
      standing(
        leakDetector,
        each(0, 240_000, 1_000, (at, i) => memoryAt(at, mibAfter(i))),
      );
    expect(grown((seconds) => 100 + seconds)).toEqual(['leak records-1']);
    expect(grown((seconds) => 100 + 300 * (1 - Math.exp(-seconds / 60)))).toEqual([]);
  });

  test('it clears when the growth has stopped, and when the instance is gone', () => {
    const leak = each(0, 15_000, 1_000, (at, i) => memoryAt(at, 100 + 10 * i));
    expect(standing(leakDetector, [...leak, ...each(15_000, 40_000, 1_000, (at) => memoryAt(at, 250))])).toEqual([]);
    expect(standing(leakDetector, [...leak, exitAt(15_000)])).toEqual([]);
    expect(standing(leakDetector, [...leak, retiredAt(15_000)])).toEqual([]);
  });
});

describe('version, compared at once', () => {
  const [old, young] = [refOf('records-1', 'records', 1), refOf('records-2', 'records', 2)];
  /** Both serve ten requests a quarter of a second; the young one fails once in `oneIn` of these. */
  const served = (oneIn: number, seconds = 240) =>
    each(0, seconds * 1_000, 250, (at, i) => [
      triesAt(at, 10, 0, old),
      i % oneIn === 0 ? triesAt(at, 9, 1, young) : triesAt(at, 10, 0, young),
    ]);

  test('a few failures more are proven with enough requests, and claimed with how sure that is', () => {
    const [claim] = claims(versionDetector, served(4));
    expect(claim).toMatchObject({ name: 'version-errors', subject: { name: 'records@2' } });
    expect(claim?.evidence).toMatchObject({ concurrent: true, previous: 1 });
    expect(Number(claim?.evidence['chance'])).toBeLessThanOrEqual(0.001);
  });

  test('what stops failing is cleared, and fewer than one in a hundred is no reason to go back', () => {
    const then = each(240_000, 300_000, 250, (at) => [triesAt(at, 10, 0, old), triesAt(at, 10, 0, young)]);
    expect(standing(versionDetector, [...served(4), ...then])).toEqual([]);
    expect(standing(versionDetector, served(20))).toEqual([]);
  });

  test('what hits both sides accuses neither, and other regions have other tenants', () => {
    const both = each(0, 240_000, 250, (at, i) => {
      const failed = i % 4 === 0 ? 1 : 0;
      return [triesAt(at, 10 - failed, failed, old), triesAt(at, 10 - failed, failed, young)];
    });
    expect(standing(versionDetector, both)).toEqual([]);
    const apart = each(0, 240_000, 250, (at, i) => {
      const failed = i % 4 === 0 ? 1 : 0;
      return [triesAt(at, 10, 0, old), triesAt(at, 10 - failed, failed, { ...young, region: 'us' })];
    });
    expect(standing(versionDetector, apart)).toEqual([]);
  });
});

test('a Policy can say when deaths are a loop', () => {
  const deaths = [exitAt(1, a), exitAt(2, b)];
  expect(standing(crashLoopDetector, deaths)).toEqual([]);
  const sooner = crashLoopBy(() => detectionNumbers({ 'crash-loop.deathsMin': 2 }));
  expect(standing(sooner, deaths)).toEqual([expect.stringContaining('crash-loop')]);
});

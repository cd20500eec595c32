import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { claimsAfter, every, standingAfter } from '../../test/sim/claims.ts';
import { requestsAt } from '../../test/sim/readings.ts';
import type { ChangeSample, Sample } from '../observe/sample.ts';
import { beforeAfterDetector } from './before-after.ts';

const SEED = 7;
const CHANGED_AT = 900_000;
const END = 1_500_000;

function changeAt(at: number, more: Partial<ChangeSample> = {}): ChangeSample {
  const of = { setting: 'records/LIMIT', workloads: ['records'], tenant: null, by: 'person anna' };
  return { kind: 'change', at, vantage: 'control', ...of, ...more };
}

interface Way {
  readonly failed: number;
  readonly ms: number;
  readonly perSecond?: number;
}

const WELL: Way = { failed: 0.002, ms: 40 };

/** One report a second of each tenant; failures and latencies scatter. */
function world(seed: number, way: (tenant: string, at: number) => Way, until = END): Sample[] {
  const random = seededRandom(seed);
  return every(1_000, 0, until, (at) =>
    ['shop', 'clinic'].map((tenant) => {
      const { failed: share, ms, perSecond = 30 } = way(tenant, at);
      let failed = 0;
      for (let i = 0; i < perSecond; i++) if (random.next() < share) failed++;
      return requestsAt(at, tenant, perSecond - failed, failed, { ms: ms * Math.exp(0.4 * (random.next() - 0.5)) });
    }),
  );
}

function withChanges(samples: readonly Sample[], ...changes: readonly ChangeSample[]): Sample[] {
  return [...samples, ...changes].sort((a, b) => a.at - b.at);
}

const since = (worse: Way) => (_: string, at: number) => (at > CHANGED_AT ? worse : WELL);
const claims = (samples: readonly Sample[], ...changes: readonly ChangeSample[]) =>
  claimsAfter(beforeAfterDetector, withChanges(samples, ...changes));

describe('a setting that makes a workload worse, far below every threshold', () => {
  test('is named by the failures that came with it', () => {
    const [claim] = claims(world(SEED, since({ ...WELL, failed: 0.015 })), changeAt(CHANGED_AT));
    expect(claim).toMatchObject({ name: 'worse-since-change', subject: { kind: 'setting', name: 'records/LIMIT' } });
    expect(claim?.evidence).toMatchObject({ workload: 'records', metric: 'failures', by: 'person anna' });
    expect(Number(claim?.evidence['chance'])).toBeLessThan(1e-3);
  });

  test('is named by how much longer requests take, within two minutes', () => {
    const slower = world(SEED, since({ ...WELL, ms: 75 }), CHANGED_AT + 120_000);
    expect(claims(slower, changeAt(CHANGED_AT))[0]?.evidence).toMatchObject({ metric: 'latency' });
  });

  test('is named for the one tenant that it governs, and not when the other tenants have it too', () => {
    const own = (tenant: string, at: number) =>
      at > CHANGED_AT && tenant === 'shop' ? { ...WELL, failed: 0.03 } : WELL;
    const change = changeAt(CHANGED_AT, { tenant: 'shop' });
    expect(claims(world(SEED, own), change)[0]?.evidence).toMatchObject({ tenants: ['shop'], metric: 'failures' });
    expect(claims(world(SEED, since({ ...WELL, failed: 0.03 })), change)).toEqual([]);
  });

  test('goes when the setting is written again and requests are as before, and stays while they are not', () => {
    const back = CHANGED_AT + 200_000;
    const mended = (_: string, at: number) => (at > CHANGED_AT && at < back ? { ...WELL, failed: 0.02 } : WELL);
    const changes = [changeAt(CHANGED_AT), changeAt(back, { by: 'kintsugi rep_1' })];
    expect(claims(world(SEED, mended), ...changes)).toEqual([]);
    expect(claims(world(SEED, since({ ...WELL, failed: 0.02 })), ...changes)).toHaveLength(1);
  });
});

describe('nothing is said', () => {
  test('of what was well for a while after the change and became worse then', () => {
    const later = (_: string, at: number) => (at > CHANGED_AT + 60_000 ? { ...WELL, failed: 0.05 } : WELL);
    expect(claims(world(SEED, later), changeAt(CHANGED_AT))).toEqual([]);
  });

  test('of more load, of writes of ours, of a past that is too short, or without a change', () => {
    const busy = world(SEED, since({ failed: 0.02, ms: 80, perSecond: 60 }));
    expect(claims(busy, changeAt(CHANGED_AT))).toEqual([]);
    const worse = world(SEED, since({ ...WELL, failed: 0.02 }));
    expect(claims(worse, changeAt(CHANGED_AT, { by: 'kintsugi rep_1' }))).toEqual([]);
    expect(claims(worse)).toEqual([]);
    const young = world(SEED, (_, at) => (at > 200_000 ? { ...WELL, failed: 0.02 } : WELL));
    expect(claims(young, changeAt(200_000))).toEqual([]);
  });

  test('of 150 changes that do no harm, in worlds that scatter, burst and wave', { timeout: 60_000 }, () => {
    const worlds: readonly ((tenant: string, at: number) => Way)[] = [
      () => WELL,
      () => ({ failed: 0.03, ms: 120 }),
      (_, at) => ({ failed: at % 120_000 < 6_000 ? 0.3 : 0.002, ms: at % 90_000 < 5_000 ? 200 : 40 }),
      (_, at) => ({ failed: 0.004, ms: 40 + 15 * Math.sin(at / 150_000) }),
      (_, at) => ({ failed: 0.002, ms: 40, perSecond: 10 + Math.round(8 * Math.sin(at / 200_000)) }),
    ];
    const wrong = worlds.flatMap((way, kind) =>
      Array.from({ length: 30 }, (_, run) => run).filter((run) => {
        const change = changeAt(CHANGED_AT + run * 1_700, run % 2 === 0 ? {} : { tenant: 'shop' });
        const found = standingAfter(beforeAfterDetector, withChanges(world(SEED + 100 * kind + run, way), change));
        return found.length > 0;
      }),
    );
    expect(wrong).toEqual([]);
  });
});

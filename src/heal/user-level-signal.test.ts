import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, workloadView } from '../../test/sim/fleet-views.ts';
import { planOf, stepOf } from '../../test/sim/plans.ts';
import { EMPTY_SKETCH } from '../base/latency-sketch.ts';
import { subjectOfFact, type Symptom, symptomKey } from '../detect/symptom.ts';
import type { FactWord } from '../observe/fact-signal.ts';
import { UserSignal } from '../observe/user-signal.ts';
import type { Step } from './plan.ts';
import { signalFor } from './user-level-signal.ts';

const instance = { kind: 'instance', name: 'records-0', workload: 'records', version: 1 } as const;
const down: Symptom = {
  name: 'probe-failed',
  subject: instance,
  since: AT - 500,
  at: AT,
  vantages: ['prober'],
  reason: 'records-0 is not ready',
  evidence: {},
};

const NO_FACTS = { read: () => undefined, measureAgain: () => undefined };

/** What the signal says a second after a write, with instances that look down to the prober. */
function readingOf(given: {
  doubted: readonly string[];
  failed: number;
  symptom?: Partial<Symptom>;
  routed?: boolean;
}) {
  const records = workloadView('records', {
    routed: given.routed ?? true,
    instances: [0, 1, 2].map((ordinal) => instanceView(`records-${ordinal}`, { ready: false })),
  });
  const userSignal = new UserSignal();
  const counts = { ok: 100 - given.failed, failed: given.failed, limited: 0, refused: 0 };
  const from = { vantage: 'gateway-1', at: AT, spanMs: 500, workload: 'records', tenant: 'shop', region: 'eu' };
  userSignal.add({ kind: 'requests', ...from, ...counts, latency: EMPTY_SKETCH });
  const symptom = { ...down, ...given.symptom };
  const write = stepOf({ move: 'revert', input: { setting: 'records/POOL', value: '3' } });
  return signalFor({
    plan: planOf({ cause: 'configuration', steps: [write] }),
    steps: [write],
    since: AT - 1_000,
    view: () => fleetView([records]),
    userSignal,
    facts: NO_FACTS,
    symptoms: () => new Map([[symptomKey(symptom.name, symptom.subject), symptom]]),
    doubted: () => given.doubted,
    clock: { now: () => AT } as Parameters<typeof signalFor>[0]['clock'],
  })();
}

describe('a vantage under suspicion', () => {
  test('does not speak against a repair that the tenants felt', () => {
    expect(readingOf({ doubted: ['prober'], failed: 0 })).toBe('good');
    expect(readingOf({ doubted: ['prober'], failed: 0, routed: false })).toBe('good');
  });

  test('does not stand in for the tenants either', () => {
    expect(readingOf({ doubted: ['prober'], failed: 50 })).toBe('bad');
  });

  test('is heard when another one says the same', () => {
    expect(readingOf({ doubted: ['prober'], failed: 0, symptom: { vantages: ['prober', 'keeper'] } })).toBe('bad');
  });
});

test('a vantage that nobody doubts speaks against a repair', () => {
  expect(readingOf({ doubted: [], failed: 0 })).toBe('bad');
  expect(readingOf({ doubted: ['keeper'], failed: 0 })).toBe('bad');
});

describe('a fact that violated a control', () => {
  const write = stepOf({ move: 'reenable', input: { setting: 'records/RLS', value: 'on' } });
  const asked: string[] = [];
  /** What the signal says a second after the write, when requests are well and the fact was measured so. */
  const readingWith = (word: FactWord | undefined, workload: string | null = 'records') => {
    const userSignal = new UserSignal();
    const from = { vantage: 'gateway-1', at: AT, spanMs: 500, workload: 'records', tenant: 'shop', region: 'eu' };
    const counts = { ok: 9, failed: 0, limited: 0, refused: 0, latency: EMPTY_SKETCH };
    if (workload !== null) userSignal.add({ kind: 'requests', ...from, ...counts });
    const key = symptomKey('fact-rls.enabled', subjectOfFact('rls.enabled', 'records/eu'));
    return signalFor({
      plan: planOf({ cause: 'compliance', workload, steps: [write], answers: [key] }),
      steps: [write],
      since: AT - 1_000,
      view: () => fleetView([workloadView('records', { routed: true })]),
      userSignal,
      facts: {
        read: (of) => (of === 'rls.enabled records/eu' ? word : undefined),
        measureAgain: (of) => asked.push(...of),
      },
      symptoms: () => new Map(),
      doubted: () => [],
      clock: { now: () => AT } as Parameters<typeof signalFor>[0]['clock'],
    })();
  };

  test('is measured again before anything counts, and asked for until it is', () => {
    expect(readingWith(undefined)).toBe('none');
    expect(readingWith({ at: AT - 1_000, isBad: false })).toBe('none');
    expect(asked).toEqual(['rls.enabled records/eu', 'rls.enabled records/eu']);
  });

  test('has to be good then', () => {
    expect(readingWith({ at: AT - 500, isBad: true })).toBe('bad');
    expect(readingWith({ at: AT - 500, isBad: false })).toBe('good');
  });

  test('speaks for itself where it is of no workload and nobody asks for anything', () => {
    expect(readingWith({ at: AT - 500, isBad: false }, null)).toBe('good');
    expect(readingWith({ at: AT - 500, isBad: true }, null)).toBe('bad');
    expect(readingWith(undefined, null)).toBe('none');
  });
});

describe('requests that fail elsewhere', () => {
  const workloads = [
    workloadView('front', { dependsOn: ['core'] }),
    workloadView('core', { routed: false }),
    workloadView('records'),
    workloadView('bills', { dependsOn: ['core'] }),
  ];
  /** What the signal says of a tenant that is held back, which sends to `front` only, while others fail somewhere. */
  const readingWith = (failingAt: string) => {
    const userSignal = new UserSignal();
    const add = (tenant: string, at: string, failed: number) => {
      const from = { vantage: 'gateway-1', at: AT, spanMs: 500, workload: at, tenant, region: 'eu' };
      const counts = { ok: 100 - failed, failed, limited: 0, refused: 0, latency: EMPTY_SKETCH };
      userSignal.add({ kind: 'requests', ...from, ...counts });
    };
    add('loud', 'front', 90);
    for (const each of ['front', 'records', 'bills']) add('shop', each, each === failingAt ? 50 : 0);
    const throttle = stepOf({ move: 'throttle', input: { tenant: 'loud' } });
    return signalFor({
      plan: planOf({ cause: 'tenant', workload: null, steps: [throttle] }),
      steps: [throttle],
      since: AT - 1_000,
      view: () => fleetView(workloads),
      userSignal,
      facts: NO_FACTS,
      symptoms: () => new Map(),
      doubted: () => [],
      clock: { now: () => AT } as Parameters<typeof signalFor>[0]['clock'],
    })();
  };

  test('do not speak against a repair of what cannot reach them', () => {
    expect(readingWith('records')).toBe('good');
  });

  test('do where both need the same', () => {
    expect(readingWith('front')).toBe('bad');
    expect(readingWith('bills')).toBe('bad');
  });
});

describe('a leak that is cut off', () => {
  const quarantine = stepOf({ move: 'quarantine', input: { tenant: null, workload: 'records' } });
  const leaking: Symptom = { ...down, name: 'asset-leaking', subject: { kind: 'asset', name: 'data records' } };
  /** What the signal says when nobody gets an answer any more, or somebody does. */
  const readingWith = (steps: readonly Step[], leaks: boolean, answered = 0) => {
    const userSignal = new UserSignal();
    const from = { vantage: 'gateway-1', at: AT, spanMs: 500, workload: 'records', tenant: 'shop', region: 'eu' };
    const counts = { ok: answered, failed: 0, limited: 50, refused: 0, latency: EMPTY_SKETCH };
    userSignal.add({ kind: 'requests', ...from, ...counts });
    const standing = { ...leaking, at: AT - 2_000 };
    return signalFor({
      plan: planOf({ cause: 'isolation', steps, answers: [symptomKey(leaking.name, leaking.subject)] }),
      steps,
      since: AT - 1_000,
      view: () => fleetView([workloadView('records')]),
      userSignal,
      facts: NO_FACTS,
      symptoms: () => new Map(leaks ? [[symptomKey(leaking.name, leaking.subject), standing]] : []),
      doubted: () => [],
      clock: { now: () => AT } as Parameters<typeof signalFor>[0]['clock'],
    })();
  };

  test('is verified by that nobody gets an answer, once its cause is gone or goes back with it', () => {
    expect(readingWith([quarantine, stepOf({ move: 'rollback' })], true)).toBe('good');
    expect(readingWith([quarantine], false)).toBe('good');
  });

  test('is not verified by a limit alone while it is seen', () => {
    expect(readingWith([quarantine], true)).toBe('none');
  });
});

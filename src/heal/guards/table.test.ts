import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, tenantView, versionView, workloadView } from '../../../test/sim/fleet-views.ts';
import { diagnosisOf, planOf, policyOf, repairOf, situationOf, stepOf } from '../../../test/sim/plans.ts';
import { refusersOf, reviewOf, soundStep, subject } from '../../../test/sim/reviews.ts';
import type { AssetView, FleetView, SettingView } from '../../diagnose/fleet-view.ts';
import { THRESHOLDS } from '../../resources/threshold.ts';
import type { Situation } from '../situation.ts';
import type { Review } from './guard.ts';
import { renderGuardDocs } from './guard-docs.ts';
import { GUARDS } from './table.ts';

const workload = workloadView('records');
const fleet = fleetView([workload]);
const situation = situationOf(diagnosisOf('instance-hung', subject));
const asset = (id: string, more: Partial<AssetView> = {}): AssetView => ({
  id,
  kind: 'store',
  workloads: [],
  tenants: [],
  region: 'eu',
  host: null,
  partOf: null,
  settings: [],
  detail: {},
  ...more,
});
const setting = (more: Partial<SettingView> = {}): SettingView => ({
  id: 'records/POOL',
  kind: 'config',
  workloads: ['records'],
  tenant: null,
  revision: 3,
  value: '1',
  declared: undefined,
  needsRestart: false,
  history: [
    { value: '10', at: 0, by: 'person ada', soakedAt: 10 },
    { value: '1', at: AT - 2_000, by: 'person bo', soakedAt: null },
  ],
  ...more,
});
const write = { setting: 'records/POOL', value: '10', expectedRevision: 3, oldValue: '1', key: 'k' };
const writing = (more = {}, revert: 'revert' | 'resize' = 'revert') =>
  planOf({
    cause: 'configuration',
    playbook: 'revert',
    steps: [soundStep({ move: revert, input: { ...write, ...more } }, { instances: [], settings: ['records/POOL'] })],
  });
const withSetting = (more: Partial<SettingView> = {}): FleetView => ({ ...fleet, settings: [setting(more)] });
const situated = (more: Partial<Situation>): Partial<Review> => ({ situation: { ...situation, ...more } });
const limited = (input: object) =>
  planOf({
    playbook: 'throttle-noisy',
    cause: 'tenant',
    target: 'tenant shop',
    steps: [
      soundStep(
        {
          move: 'throttle',
          input: { id: 'm', kind: 'throttle', tenant: 'shop', minutes: 10, rampMinutes: 3, ...input },
        },
        { instances: [] },
      ),
    ],
  });
const failover = (detail: AssetView['detail'], reversible = true): Partial<Review> => ({
  fleet: { ...fleet, assets: [asset('store main'), asset('replica b', { kind: 'replica', detail })] },
  plan: planOf({
    cause: 'infrastructure',
    playbook: 'leave-what-failed',
    steps: [
      soundStep(
        { move: 'failover', input: { asset: 'store main', key: 'k', input: { to: 'replica b' } } },
        { instances: [], assets: ['store main'], reversible },
      ),
    ],
  }),
});
const six = (more: object = {}) =>
  workloadView('records', { instances: [0, 1, 2, 3, 4, 5].map((i) => instanceView(`records-${i}`, more)) });
const inPlace = {
  input: { workload: 'records', region: 'eu', oldInstance: 'records-0', newInstance: 'n', inPlace: true },
};
const stop = { id: 'stp', reason: 'r', by: 'ada', expiresAt: null };
const trusted = policyOf({ destructive: ['failover'] });

/** For each guard a situation in which it alone refuses: taken out, nothing would. */
const ALONE: Readonly<Record<string, Partial<Review>>> = {
  stop: { policy: policyOf({ stops: [{ ...stop, scope: 'global' }] }) },
  pause: { policy: policyOf({ stops: [{ ...stop, scope: 'tenant shop' }] }) },
  freeze: {
    policy: policyOf({
      freezes: [{ name: 'f', reason: 'r', from: AT - 1, until: AT + 1, workloads: [], allow: ['page'] }],
    }),
  },
  autonomy: { policy: policyOf({ autonomyMax: 'approve' }) },
  drilled: { policy: policyOf({ drillAgeMaxMs: 86_400_000 }) },
  regulation: {
    fleet: fleetView([workload], [tenantView('shop', { profiles: ['gdpr'] })]),
    policy: policyOf({ rules: [{ profile: 'gdpr', residency: 'strict', needsApproval: ['replace'] }] }),
  },
  consent: { ...failover({ fenced: true, lagMs: 500 }, false), policy: trusted },
  approval: { plan: planOf({ needsApproval: true, steps: [soundStep()] }), before: 0 },
  'least-privilege': { plan: planOf({ playbook: 'call-a-person', steps: [soundStep()] }) },
  'fresh-evidence': situated({ diagnosis: { ...situation.diagnosis, evidence: [] } }),
  'vantage-quorum': situated({ vantages: [{ name: 'prober', host: 'control', lastHeardAt: AT }] }),
  panic: situated({ panickedAt: AT - 1_000 }),
  'flap-damping': situated({ relapses: { count: 3, lastOverAt: AT - 1_000 } }),
  'cause-not-victim': {
    fleet: fleetView([
      workloadView('records', { dependsOn: ['store'] }),
      workloadView('store', { instances: [instanceView('store-0', { ready: false })] }),
    ]),
  },
  overload: situated({ others: [diagnosisOf('overload', { kind: 'workload', name: 'records' })] }),
  'one-per-target': situated({ repairs: [repairOf('workload records')] }),
  'plan-fresh': { plan: planOf({ revision: 6, steps: [soundStep()] }) },
  attempts: situated({
    repairs: Array.from({ length: 3 }, () => repairOf('slot records/eu/0', { endedAt: AT - 1, outcome: 'unwound' })),
  }),
  velocity: { budgets: { global: 0, 'workload records': 5 } },
  fight: {
    fleet: withSetting({
      history: [
        { value: '10', at: 0, by: 'person ada', soakedAt: 10 },
        { value: '1', at: AT - 4_000, by: 'job nightly', soakedAt: null },
        { value: '10', at: AT - 2_900, by: 'kintsugi rep_x', soakedAt: null },
        { value: '1', at: AT - 2_000, by: 'job nightly', soakedAt: null },
      ],
    }),
    plan: writing(),
    ...situated({
      repairs: [
        repairOf('setting x', {
          startedAt: AT - 3_000,
          endedAt: AT - 2_500,
          outcome: 'healed',
          wrote: [{ setting: 'records/POOL', value: '10' }],
        }),
      ],
    }),
  },
  'healer-health': situated({ healer: { ...situation.healer, canWrite: false } }),
  selection: { plan: planOf({ steps: [soundStep({}, { instances: ['records-0', 'records-9'] })] }) },
  'blast-radius': {
    fleet: fleetView([six()]),
    plan: planOf({ steps: [soundStep({}, { servingTakenAtOnce: 1 })] }),
    ...situated({ repairs: [repairOf('slot a/eu/4', { instances: ['records-3', 'records-4'] })] }),
  },
  'minimum-healthy': {
    fleet: fleetView([
      workloadView('records', { replacement: 'in-place', wanted: { eu: 1 }, instances: [instanceView('records-0')] }),
    ]),
    plan: planOf({ steps: [soundStep({ move: 'restart', ...inPlace }, { servingTakenAtOnce: 1 })] }),
  },
  progressive: {
    fleet: fleetView([six()]),
    plan: planOf({ steps: [soundStep({}, { instances: ['records-0', 'records-1'], servingTakenAtOnce: 2 })] }),
  },
  capacity: { fleet: { ...fleet, room: { eu: 0 } } },
  'warm-return': { plan: limited({ rampMinutes: 0 }), budgets: { global: 5, 'workload records': 5 } },
  independence: situated({ healer: { ...situation.healer, standsOn: ['records'] } }),
  journaled: { plan: planOf({ steps: [soundStep({ input: { workload: 'records' } })] }) },
  soak: { plan: planOf({ steps: [soundStep({ soakMs: 1_999 })] }) },
  'last-known-good': { fleet: withSetting(), plan: writing({ value: '7' }) },
  'data-safe': failover({ fenced: true, lagMs: 60_000 }),
  accountable: { plan: planOf({ steps: [soundStep({ effect: '' })] }) },
};

describe('the table', () => {
  test('has all 31 guards of a healer that can be trusted, each under one name', () => {
    const numbers = new Set(GUARDS.map(({ number }) => number));
    expect([...numbers].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 31 }, (_, i) => i + 1));
    expect(new Set(GUARDS.map(({ name }) => name)).size).toBe(GUARDS.length);
  });

  test('every number of a guard has a default inside its bounds, and every threshold a guard', () => {
    const used = GUARDS.flatMap(({ name, thresholds }) => thresholds.filter((each) => each.startsWith(`${name}.`)));
    expect(used.toSorted()).toEqual(Object.keys(THRESHOLDS).toSorted());
    const outside = Object.values(THRESHOLDS).filter((each) => each.default < each.min || each.default > each.max);
    expect(outside).toEqual([]);
  });

  test('is what the page says; `npx vitest run src/heal -u` writes it again', async () => {
    await expect(renderGuardDocs(GUARDS)).toMatchFileSnapshot('../../../docs/guards.md');
  });

  test('lets a sound plan pass', () => {
    expect(refusersOf(reviewOf())).toEqual([]);
    expect(refusersOf(reviewOf({ fleet: withSetting(), plan: writing() }))).toEqual([]);
    expect(refusersOf(reviewOf(failover({ fenced: true, lagMs: 0 })))).toEqual([]);
  });
});

describe('without it, nobody would refuse', () => {
  test.each(GUARDS.map(({ name }) => name))('%s', (name) => {
    const review = reviewOf(ALONE[name]);
    expect(refusersOf(review)).toEqual([name]);
    expect(
      refusersOf(
        review,
        GUARDS.filter((guard) => guard.name !== name),
      ),
    ).toEqual([]);
  });
});

test('a refusal names the guard, the reason and what would change it', () => {
  for (const guard of GUARDS) {
    const verdict = guard.review(reviewOf(ALONE[guard.name]));
    expect(verdict?.kind, guard.name).toMatch(/deny|ask/);
    expect(verdict?.reason.length, guard.name).toBeGreaterThan(0);
    expect(verdict?.remedy.length, guard.name).toBeGreaterThan(0);
  }
});

test('a plan that only calls a person is held back by the stop and by a healer that cannot write alone', () => {
  const page = {
    plan: planOf({ playbook: 'call-a-person', steps: [stepOf({ move: 'page' }, { tenants: [], regions: [] })] }),
  };
  for (const [name, more] of Object.entries(ALONE)) {
    if (more.plan || name === 'fresh-evidence' || name === 'velocity' || name === 'one-per-target') continue;
    const expected = ['stop', 'healer-health'].includes(name) ? [name] : [];
    expect(refusersOf(reviewOf({ ...more, ...page })), name).toEqual(expected);
  }
});

describe('a fight', () => {
  const ours = repairOf('setting x', {
    startedAt: AT - 3_000,
    endedAt: AT - 2_500,
    outcome: 'healed',
    wrote: [{ setting: 'records/POOL', value: '10' }],
  });
  const fought = (values: readonly string[], plan = writing()) => {
    const base = [
      { value: '10', at: 0, by: 'person ada', soakedAt: 10 },
      { value: '1', at: AT - 4_000, by: 'job nightly', soakedAt: null },
      { value: '10', at: AT - 2_900, by: 'kintsugi rep_x', soakedAt: null },
    ];
    const others = values.map((value, i) => ({ value, at: AT - 2_000 + i, by: 'job nightly', soakedAt: null }));
    const known = withSetting({ history: [...base, ...others] });
    return refusersOf(reviewOf({ fleet: known, plan, situation: { ...situation, repairs: [ours] } }));
  };
  test('is a write of ours that was taken back, or written over twice', () => {
    expect(fought(['1'])).toEqual(['fight']);
    expect(fought(['7', '8'])).toEqual(['fight']);
  });
  test('is not another value once: that is a new change', () => {
    expect(fought(['7'])).toEqual([]);
  });
  test('is over when the plan stops that hand first', () => {
    const stopping = soundStep(
      { move: 'suspend', input: { actor: 'nightly', key: 'k' } },
      { instances: [], actors: ['nightly'] },
    );
    const plan = writing();
    expect(fought(['1'], { ...plan, steps: [stopping, ...plan.steps] })).not.toContain('fight');
  });
});

test('versions that were promoted inside the window of the incident are not gone back to', () => {
  const versions = (promotedAt: number) =>
    fleetView([workloadView('records', { versions: [versionView(1, { promotedAt }), versionView(2)] })]);
  const plan = planOf({
    cause: 'version',
    playbook: 'roll-back',
    steps: [soundStep({ move: 'rollback', input: { workload: 'records', from: 2, to: 1 } })],
  });
  expect(refusersOf(reviewOf({ plan, fleet: versions(AT - 500) }))).toEqual(['last-known-good']);
  expect(refusersOf(reviewOf({ plan, fleet: versions(AT - 1_500) }))).toEqual([]);
});

test('nothing goes back from what is declared, and nothing that protects is taken away', () => {
  const written = (more: Parameters<typeof withSetting>[0], value: string) =>
    refusersOf(reviewOf({ fleet: withSetting(more), plan: writing({ value }) }));
  expect(written({ declared: '1' }, '10')).toEqual(['last-known-good']);
  expect(written({ declared: '10' }, '10')).toEqual([]);
  const history = [
    { value: 'off', at: 0, by: 'person ada', soakedAt: 10 },
    { value: 'on', at: AT - 2_000, by: 'person bo', soakedAt: null },
  ];
  expect(written({ kind: 'protection', value: 'on', history }, 'off')).toEqual(['last-known-good']);
  expect(written({ kind: 'flag', value: 'on', history }, 'off')).toEqual([]);
});

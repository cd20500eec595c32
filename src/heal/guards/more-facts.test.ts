import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, tenantView, workloadView } from '../../../test/sim/fleet-views.ts';
import { diagnosisOf, planOf, policyOf, repairOf, situationOf } from '../../../test/sim/plans.ts';
import { soundStep, subject } from '../../../test/sim/reviews.ts';
import type { SymptomName } from '../../detect/symptom.ts';
import type { AssetView, SettingView } from '../../diagnose/fleet-view.ts';
import type { Plan } from '../plan.ts';
import type { Review } from './guard.ts';
import { reviewPlan } from './review.ts';
import { GUARDS } from './table.ts';

/** What speaks against acting. Everything here can only grow; two of them together are more than one. */
interface Facts {
  readonly stops: readonly string[];
  readonly freezes: readonly string[];
  readonly repairs: readonly string[];
  readonly unwound: number;
  readonly symptoms: readonly SymptomName[];
  readonly others: readonly string[];
  readonly down: readonly number[];
  readonly silent: readonly string[];
  readonly standsOn: readonly string[];
  readonly roomTaken: number;
  readonly spent: number;
  readonly takeovers: number;
  readonly relapses: number;
  readonly cannotWrite: boolean;
  readonly panicked: boolean;
  readonly overwritten: boolean;
  readonly lagMs: number;
}

const some = <T>(...values: readonly T[]) => fc.subarray([...values]);
const facts: fc.Arbitrary<Facts> = fc.record({
  stops: some('global', 'workload records', 'workload bills', 'move replace', 'tenant shop'),
  freezes: some('records', 'bills'),
  repairs: some('slot records/eu/0', 'slot records/eu/4', 'workload bills', 'setting records/POOL'),
  unwound: fc.nat(4),
  symptoms: some<SymptomName>('overloaded', 'asset-recovering', 'instance-slow'),
  others: some('overload', 'dependency'),
  down: some(2, 3, 4, 5),
  silent: some('prober', 'gateway-1'),
  standsOn: some('records', 'records/POOL', 'store main'),
  roomTaken: fc.nat(10),
  spent: fc.nat(5),
  takeovers: fc.nat(8),
  relapses: fc.nat(6),
  cannotWrite: fc.boolean(),
  panicked: fc.boolean(),
  overwritten: fc.boolean(),
  lagMs: fc.constantFrom(0, 500, 5_000),
});

/** Both of them, and nothing taken away. */
function together(a: Facts, b: Facts): Facts {
  const union = <T>(x: readonly T[], y: readonly T[]) => [...new Set([...x, ...y])];
  return {
    stops: union(a.stops, b.stops),
    freezes: union(a.freezes, b.freezes),
    repairs: union(a.repairs, b.repairs),
    unwound: a.unwound + b.unwound,
    symptoms: union(a.symptoms, b.symptoms),
    others: union(a.others, b.others),
    down: union(a.down, b.down),
    silent: union(a.silent, b.silent),
    standsOn: union(a.standsOn, b.standsOn),
    roomTaken: a.roomTaken + b.roomTaken,
    spent: a.spent + b.spent,
    takeovers: a.takeovers + b.takeovers,
    relapses: a.relapses + b.relapses,
    cannotWrite: a.cannotWrite || b.cannotWrite,
    panicked: a.panicked || b.panicked,
    overwritten: a.overwritten || b.overwritten,
    lagMs: Math.max(a.lagMs, b.lagMs),
  };
}

const write = { setting: 'records/POOL', value: '10', expectedRevision: 3, oldValue: '1', key: 'k' };
const inPlace = { workload: 'records', region: 'eu', oldInstance: 'records-0', newInstance: 'n', inPlace: true };
const limit = { id: 'm', kind: 'throttle', tenant: 'shop', minutes: 10, rampMinutes: 3 };
const plans: readonly Plan[] = [
  planOf({ steps: [soundStep()] }),
  planOf({ steps: [soundStep({ move: 'restart', input: inPlace }, { servingTakenAtOnce: 1 })] }),
  planOf({
    cause: 'configuration',
    playbook: 'revert',
    target: 'setting records/POOL',
    steps: [soundStep({ move: 'revert', input: write }, { instances: [], settings: ['records/POOL'] })],
  }),
  planOf({
    cause: 'tenant',
    playbook: 'throttle-noisy',
    steps: [soundStep({ move: 'throttle', input: limit }, { instances: [] })],
  }),
  planOf({
    cause: 'infrastructure',
    playbook: 'leave-what-failed',
    steps: [
      soundStep(
        { move: 'failover', input: { asset: 'store main', key: 'k', input: { to: 'replica b' } } },
        { instances: [], assets: ['store main'] },
      ),
    ],
  }),
];

function reviewWith(plan: Plan, known: Facts): Review {
  const pool: SettingView = {
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
      { value: '1', at: AT - 4_000, by: 'person bo', soakedAt: null },
      { value: '10', at: AT - 2_900, by: 'kintsugi rep_x', soakedAt: null },
      { value: '1', at: AT - 2_000, by: 'person bo', soakedAt: null },
    ],
  };
  const place = { workloads: [], tenants: [], region: 'eu', host: null, settings: [] };
  const assets: readonly AssetView[] = [
    { ...place, id: 'store main', kind: 'store', partOf: null, detail: {} },
    { ...place, id: 'replica b', kind: 'replica', partOf: 'store main', detail: { fenced: true, lagMs: known.lagMs } },
  ];
  const instances = [0, 1, 2, 3, 4, 5].map((i) => instanceView(`records-${i}`, { ready: !known.down.includes(i) }));
  const records = workloadView('records', { instances, dependsOn: ['bills'], replacement: 'in-place' });
  const fleet = fleetView([records, workloadView('bills')], [tenantView('shop'), tenantView('clinic')]);
  return {
    plan,
    situation: situationWith(known),
    fleet: { ...fleet, settings: [pool], assets, room: { eu: Math.max(0, 10 - known.roomTaken) } },
    budgets: { global: 5 - known.spent, 'workload records': 5 },
    policy: policyOf({
      stops: known.stops.map((scope) => ({ id: scope, scope, reason: 'r', by: 'ada', expiresAt: null })),
      freezes: known.freezes.map((name) => ({
        name,
        reason: 'r',
        from: AT - 1,
        until: AT + 1,
        workloads: [name],
        allow: ['revert'],
      })),
    }),
    now: AT,
  };
}

function situationWith(known: Facts): Review['situation'] {
  const diagnosis = diagnosisOf('instance-hung', subject);
  const [first] = diagnosis.evidence;
  const evidence = [
    ...diagnosis.evidence,
    ...known.symptoms.map((name, i) => ({ ...first!, name, since: first!.since - 1_000 * i })),
  ];
  const written = repairOf('setting x', {
    startedAt: AT - 3_000,
    endedAt: AT - 2_500,
    outcome: 'healed',
    wrote: [{ setting: 'records/POOL', value: '10' }],
  });
  const repairs = [
    ...known.repairs.map((target) => repairOf(target, { instances: [`records-${target.at(-1)}`] })),
    ...Array.from({ length: known.unwound }, () =>
      repairOf('slot records/eu/0', { endedAt: AT - 1, outcome: 'unwound' }),
    ),
    ...(known.overwritten ? [written] : []),
  ];
  const situation = situationOf({ ...diagnosis, evidence }, repairs);
  return {
    ...situation,
    relapses: { count: known.relapses, lastOverAt: AT - 1_000 },
    vantages: situation.vantages.filter(({ name }) => !known.silent.includes(name)),
    healer: {
      takeovers: known.takeovers,
      overdue: 0,
      canWrite: !known.cannotWrite,
      standsOn: known.standsOn,
    },
    panickedAt: known.panicked ? AT - 1_000 : null,
    others: known.others.map((cause) =>
      cause === 'overload'
        ? diagnosisOf('overload', { kind: 'workload', name: 'records' })
        : diagnosisOf('configuration', { kind: 'workload', name: 'bills' }),
    ),
  };
}

const RANK = { allow: 0, ask: 1, deny: 2 } as const;

describe('more facts', () => {
  test('never loosen the verdict of any guard', () => {
    fc.assert(
      fc.property(fc.constantFrom(...plans), facts, facts, (plan, a, b) => {
        const before = reviewPlan(reviewWith(plan, a));
        const after = reviewPlan(reviewWith(plan, together(a, b)));
        const loosened = before.filter((verdict, i) => RANK[after[i]!.kind] < RANK[verdict.kind]);
        expect(loosened).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('are seen: most guards refuse something that is drawn here', () => {
    const refused = new Set<string>();
    fc.assert(
      fc.property(fc.constantFrom(...plans), facts, (plan, known) => {
        for (const { guard, kind } of reviewPlan(reviewWith(plan, known))) if (kind !== 'allow') refused.add(guard);
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(GUARDS.length - refused.size).toBeLessThan(18);
  });
});

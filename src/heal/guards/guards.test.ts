import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, tenantView, workloadView } from '../../../test/sim/fleet-views.ts';
import { diagnosisOf, planOf, policyOf, repairOf, situationOf, stepOf } from '../../../test/sim/plans.ts';
import { reviewOf as review, subject, verdictOf as verdict } from '../../../test/sim/reviews.ts';
import type { InstanceView } from '../../diagnose/fleet-view.ts';
import type { Step } from '../plan.ts';
import type { FreezeWindow, Situation, Stop } from '../situation.ts';
import { reviewPlan } from './review.ts';
import { GUARDS } from './table.ts';
import { budgetScopes, overlaps } from './target.ts';

function stop(scope: string, expiresAt: number | null = null): Stop {
  return { id: 'stp_1', scope, reason: 'maintenance', by: 'ada', expiresAt };
}

function freeze(more: Partial<FreezeWindow> = {}): FreezeWindow {
  return { name: 'sale', reason: 'sale', from: AT - 1, until: AT + 1, workloads: [], allow: [], ...more };
}

const instances = (...views: readonly Partial<InstanceView>[]) =>
  views.map((view, i) => instanceView(`records-${i}`, view));
const down = { ready: false, running: true };

test('a plan against which nothing speaks is allowed by every guard, each with its rule', () => {
  const verdicts = reviewPlan(review());
  expect(verdicts.map(({ guard }) => guard)).toEqual(GUARDS.map(({ name }) => name));
  expect(verdicts.filter(({ kind }) => kind !== 'allow')).toEqual([]);
  expect(verdicts.every(({ reason }) => reason.length > 0)).toBe(true);
});

test('a guard that throws denies', () => {
  const broken = {
    ...GUARDS[0]!,
    review: () => {
      throw new Error('on purpose');
    },
  };
  expect(reviewPlan(review(), [broken])).toMatchObject([
    { guard: 'stop', kind: 'deny', reason: 'the guard failed: on purpose' },
  ]);
});

test('every denial says what would change it', () => {
  const worst = review({ policy: policyOf({ stops: [stop('global')], playbooks: [] }), budgets: {}, now: AT + 60_000 });
  const denied = reviewPlan(worst).filter(({ kind }) => kind === 'deny');
  expect(denied.length).toBeGreaterThan(3);
  expect(denied.every(({ reason, remedy }) => reason.length > 0 && remedy.length > 0)).toBe(true);
});

describe('stop', () => {
  test('denies while it stands and allows once it has run out', () => {
    expect(verdict('stop', { policy: policyOf({ stops: [stop('global')] }) })).toBe('deny');
    expect(verdict('stop', { policy: policyOf({ stops: [stop('global', AT + 1)] }) })).toBe('deny');
    expect(verdict('stop', { policy: policyOf({ stops: [stop('global', AT)] }) })).toBe('allow');
  });
});

describe('pause', () => {
  test.each(['workload records', 'move replace', 'tenant shop'])('denies in the scope %s', (scope) => {
    expect(verdict('pause', { policy: policyOf({ stops: [stop(scope)] }) })).toBe('deny');
  });
  test.each(['workload bills', 'move scale', 'tenant clinic'])('allows outside of the scope %s', (scope) => {
    expect(verdict('pause', { policy: policyOf({ stops: [stop(scope)] }) })).toBe('allow');
  });
});

describe('freeze', () => {
  const frozen = (more: Partial<FreezeWindow>) => verdict('freeze', { policy: policyOf({ freezes: [freeze(more)] }) });
  test('denies in its window, for its workloads', () => {
    expect(frozen({})).toBe('deny');
    expect(frozen({ workloads: ['records'] })).toBe('deny');
    expect(frozen({ from: AT })).toBe('deny');
  });
  test('allows outside of both, and the moves that it names', () => {
    expect(frozen({ workloads: ['bills'] })).toBe('allow');
    expect(frozen({ until: AT })).toBe('allow');
    expect(frozen({ from: AT + 1, until: AT + 2 })).toBe('allow');
    expect(frozen({ allow: ['replace'] })).toBe('allow');
  });
  test('denies a ladder of which it allows only the first rung', () => {
    const plan = planOf({ steps: [stepOf(), stepOf({ move: 'scale' })] });
    expect(verdict('freeze', { plan, policy: policyOf({ freezes: [freeze({ allow: ['replace'] })] }) })).toBe('deny');
  });
});

describe('autonomy', () => {
  test.each([
    ['auto', 'allow'],
    ['approve', 'ask'],
    ['propose', 'deny'],
    ['observe', 'deny'],
  ] as const)('%s: %s', (autonomyMax, kind) => {
    expect(verdict('autonomy', { policy: policyOf({ autonomyMax }) })).toBe(kind);
  });
  test('the lower of playbook and fleet counts, and an unknown playbook has none', () => {
    const playbooks = policyOf().playbooks.map((each) => ({
      ...each,
      spec: { ...each.spec, autonomy: 'approve' as const },
    }));
    expect(verdict('autonomy', { policy: policyOf({ playbooks }) })).toBe('ask');
    expect(verdict('autonomy', { policy: policyOf({ playbooks: [] }) })).toBe('deny');
  });
});

describe('regulation', () => {
  const rules = [{ profile: 'gdpr', residency: 'strict' as const, needsApproval: ['rollback'] }];
  const fleet = fleetView([workloadView('records')], [tenantView('shop', { profiles: ['gdpr'] })]);
  const judged = (...steps: Parameters<typeof stepOf>[]) =>
    verdict('regulation', {
      fleet,
      policy: policyOf({ rules }),
      plan: planOf({ steps: steps.map((each) => stepOf(...each)) }),
    });

  test('allows what is lawful, asks where a person has to be asked, denies the rest', () => {
    expect(judged([{}])).toBe('allow');
    expect(judged([{ move: 'rollback' }])).toBe('ask');
    expect(judged([{}, { regions: ['us'] }])).toBe('deny');
    expect(judged([{}, { tenants: ['nobody'] }])).toBe('deny');
  });
  test('a later step that is not lawful denies, whatever the one before it asks for', () => {
    expect(judged([{ move: 'rollback' }], [{}, { regions: ['us'] }])).toBe('deny');
  });
});

describe('fresh-evidence', () => {
  const seen = (at: number, name: 'hung' | 'exited' = 'hung') => {
    const diagnosis = diagnosisOf('instance-hung', subject);
    const evidence = diagnosis.evidence.map((each) => ({ ...each, at, name }));
    return verdict('fresh-evidence', { situation: situationOf({ ...diagnosis, evidence }) });
  };
  test('denies on old evidence or none, and allows on fresh; a death does not age', () => {
    expect(seen(AT - 10_000)).toBe('allow');
    expect(seen(AT - 10_001)).toBe('deny');
    expect(seen(0, 'exited')).toBe('allow');
    const blind = situationOf({ ...diagnosisOf('instance-hung', subject), evidence: [] });
    expect(verdict('fresh-evidence', { situation: blind })).toBe('deny');
  });
});

describe('panic', () => {
  const seen = (...views: readonly Partial<InstanceView>[]) =>
    verdict('panic', {
      fleet: fleetView([workloadView('records', { instances: instances(...views) })]),
      plan: planOf({ steps: [stepOf({}, { instances: ['records-0'] })] }),
    });
  test('denies to take away what runs when half of the fleet looks down', () => {
    expect(seen(down, down, {}, {})).toBe('deny');
  });
  test('allows when fewer do, when the fleet is small, and to replace what is certainly dead', () => {
    expect(seen(down, {}, {}, {})).toBe('allow');
    expect(seen(down, down, down)).toBe('allow');
    expect(seen({ ready: false, running: false }, down, {}, {})).toBe('allow');
  });
});

describe('one-per-target', () => {
  test.each(['slot records/eu/0', 'workload records'])('denies while a repair holds %s', (target) => {
    expect(
      verdict('one-per-target', { situation: situationOf(diagnosisOf('unknown', subject), [repairOf(target)]) }),
    ).toBe('deny');
  });
  test('allows beside other targets and after the repair has ended', () => {
    const others = [
      repairOf('slot records/eu/1'),
      repairOf('workload bills'),
      repairOf('slot records/eu/0', { endedAt: AT }),
    ];
    expect(verdict('one-per-target', { situation: situationOf(diagnosisOf('unknown', subject), others) })).toBe(
      'allow',
    );
  });
});

describe('plan-fresh', () => {
  test('denies after the plan expired and when the workload changed; allows before', () => {
    expect(verdict('plan-fresh', { now: AT + 30_000 })).toBe('allow');
    expect(verdict('plan-fresh', { now: AT + 30_001 })).toBe('deny');
    expect(verdict('plan-fresh', { plan: planOf({ revision: 6 }) })).toBe('deny');
    expect(verdict('plan-fresh', { fleet: fleetView([]) })).toBe('deny');
  });
});

describe('attempts', () => {
  const past = (outcomes: readonly ('unwound' | 'healed' | 'refused')[], more = {}) => {
    const repairs = outcomes.map((outcome) => repairOf('slot records/eu/0', { endedAt: AT - 1, outcome, ...more }));
    return verdict('attempts', { situation: situationOf(diagnosisOf('unknown', subject), repairs) });
  };
  test('denies after as many failures as the playbook allows, and after too many of any kind', () => {
    expect(past(['unwound', 'unwound', 'unwound'])).toBe('deny');
    expect(past(Array.from({ length: 6 }, () => 'healed' as const))).toBe('deny');
  });
  test('denies to replace one that runs where three before it were replaced for the same, and no other', () => {
    const back = (more: object, ready = true) => {
      const repairs = [1, 2, 3].map(() =>
        repairOf('slot records/eu/0', { endedAt: AT - 1, outcome: 'healed', ...more }),
      );
      const views = [instanceView('records-0', { ready })];
      return verdict('attempts', {
        situation: situationOf(diagnosisOf('instance-hung', subject), repairs),
        fleet: fleetView([workloadView('records', { instances: views })]),
        plan: planOf({ steps: [stepOf({}, { instances: ['records-0'] })] }),
      });
    };
    expect(back({})).toBe('deny');
    expect(back({ cause: 'instance-died' })).toBe('allow');
    // Who does not answer serves nobody: a successor takes nothing away.
    expect(back({}, false)).toBe('allow');
  });
  test('allows fewer, older, and those of another target', () => {
    expect(past(['unwound', 'unwound', 'healed', 'refused'], { cause: 'instance-died' })).toBe('allow');
    expect(past(['unwound', 'unwound', 'unwound'], { startedAt: AT - 600_001 })).toBe('allow');
    expect(past(['unwound', 'unwound', 'unwound'], { target: 'slot records/eu/1' })).toBe('allow');
  });
});

describe('a part of one route', () => {
  test('keeps nobody out, and a part of everything keeps as much of the tenants out', () => {
    const tenants = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => tenantView(name));
    const shed = (route: string | null) =>
      verdict('blast-radius', {
        fleet: fleetView([workloadView('records')], tenants),
        plan: planOf({
          cause: 'route',
          steps: [stepOf({ move: 'shed', input: { route, share: 0.8 } }, { tenants: tenants.map(({ name }) => name) })],
        }),
      });
    expect([shed('GET /b'), shed(null)]).toEqual(['allow', 'deny']);
  });
});

describe('velocity', () => {
  test('denies when a budget is spent or unknown; allows with a token of each', () => {
    expect(verdict('velocity', { budgets: { global: 1, 'workload records': 1 } })).toBe('allow');
    expect(verdict('velocity', { budgets: { global: 0.9, 'workload records': 5 } })).toBe('deny');
    expect(verdict('velocity', { budgets: { global: 5 } })).toBe('deny');
  });
  test('a plan without a workload draws from its target', () => {
    expect(budgetScopes({ workload: null, target: 'tenant shop' })).toEqual(['global', 'tenant shop']);
    expect(budgetScopes({ workload: 'records', target: 'slot records/eu/0' })).toEqual(['global', 'workload records']);
  });
});

describe('blast-radius', () => {
  const taken = (servingTakenAtOnce: number, others: readonly string[]) =>
    verdict('blast-radius', {
      fleet: fleetView([workloadView('records', { instances: instances({}, {}, {}, {}, {}, {}) })]),
      plan: planOf({ steps: [stepOf({}, { instances: ['records-0'], servingTakenAtOnce })] }),
      situation: situationOf(diagnosisOf('unknown', subject), [repairOf('slot records/eu/5', { instances: others })]),
    });
  test('denies more than a third at once, other repairs included', () => {
    expect(taken(3, [])).toBe('deny');
    expect(taken(1, ['records-4', 'records-5'])).toBe('deny');
  });
  test('allows a third, and whatever takes nothing away', () => {
    expect(taken(2, [])).toBe('allow');
    expect(taken(1, ['records-5'])).toBe('allow');
    expect(taken(0, ['records-3', 'records-4', 'records-5'])).toBe('allow');
  });
});

describe('blast-radius in a workload of six', () => {
  const taken = (views: readonly InstanceView[]) =>
    verdict('blast-radius', {
      fleet: fleetView([workloadView('records', { wanted: { eu: 6 }, instances: views })]),
      plan: planOf({ steps: [stepOf({}, { instances: ['records-0'], servingTakenAtOnce: 1 })] }),
    });
  test('counts what is down already', () => {
    expect(taken(instances({}, {}, {}, {}, {}, down))).toBe('allow');
    expect(taken(instances({}, {}, {}, {}, down, down))).toBe('deny');
    expect(taken(instances(down, {}, {}, {}, {}, down))).toBe('allow');
  });
  test('counts slots that were left empty', () => {
    expect(taken(instances({}, {}, {}, {}, {}))).toBe('allow');
    expect(taken(instances({}, {}, {}, {}))).toBe('deny');
    expect(taken(instances({}, {}, {}, {}, down))).toBe('deny');
  });
});

describe('capacity while what is started does not come up', () => {
  const equal = { workload: 'records', inPlace: true, version: 1, oldVersion: 1 };
  const broken = diagnosisOf('instance-died', subject);
  const others = [{ ...broken, evidence: broken.evidence.map((each) => ({ ...each, name: 'start-failed' as const })) }];
  const stuck = repairOf('slot records/eu/2', { outcome: 'stuck', endedAt: AT - 1_000, moves: ['restart'] });
  const stopped = (more: Partial<Situation>, view: Partial<InstanceView> = {}, steps: readonly Step[] = []) =>
    verdict('capacity', {
      fleet: fleetView([workloadView('records', { replacement: 'in-place', instances: instances({}, view) })]),
      plan: planOf({ steps: [...steps, stepOf({ move: 'restart', input: equal }, { servingTakenAtOnce: 1 })] }),
      situation: { ...situationOf(diagnosisOf('instance-degraded', subject)), ...more },
    });
  test('denies to stop what serves for an equal successor', () => {
    expect(stopped({})).toBe('allow');
    expect(stopped({ others })).toBe('deny');
    expect(stopped({ repairs: [stuck] })).toBe('deny');
  });
  test('allows once one came up since, after a while, and when something is changed before', () => {
    expect(stopped({ others }, { startedAt: AT - 50 })).toBe('allow');
    expect(stopped({ repairs: [{ ...stuck, endedAt: AT - 600_001 }] })).toBe('allow');
    expect(stopped({ others }, {}, [stepOf({ move: 'revert' })])).toBe('allow');
  });
});

describe('selection', () => {
  const scaled = (by: number) =>
    verdict('selection', { plan: planOf({ steps: [stepOf({ move: 'scale', input: { workload: 'records', by } })] }) });
  test('denies to scale by less than one, or by a part of one', () => {
    expect(scaled(2)).toBe('allow');
    expect([scaled(-6), scaled(0), scaled(1.5), scaled(Number.NaN)]).toEqual(['deny', 'deny', 'deny', 'deny']);
  });
  test('denies to take away what no repair added, and the last of a region', () => {
    const input = { workload: 'records', region: 'eu', key: 'k' };
    const taken = (added: number, wanted: number) =>
      verdict('selection', {
        fleet: fleetView([workloadView('records', { wanted: { eu: wanted }, added: { eu: added } })]),
        plan: planOf({ steps: [stepOf({ move: 'scale-in', input })] }),
      });
    expect([taken(1, 3), taken(0, 3), taken(1, 1)]).toEqual(['allow', 'deny', 'deny']);
  });
});

describe('minimum-healthy', () => {
  const taken = (replacement: 'parallel' | 'in-place', views: readonly InstanceView[]) =>
    verdict('minimum-healthy', {
      fleet: fleetView([workloadView('records', { replacement, wanted: { eu: 2, us: 1 }, instances: views })]),
      plan: planOf({ steps: [stepOf({}, { instances: ['records-0'] })] }),
    });
  test('denies to stop the last that serves in a region', () => {
    expect(taken('in-place', instances({}))).toBe('deny');
    expect(taken('in-place', instances({}, { region: 'us' }))).toBe('deny');
  });
  test('allows while another serves there, when it does not serve, and when the successor comes first', () => {
    expect(taken('in-place', instances({}, {}))).toBe('allow');
    expect(taken('in-place', instances(down))).toBe('allow');
    expect(taken('parallel', instances({}))).toBe('allow');
  });
});

test('a workload contains its slots and no others', () => {
  expect(overlaps('workload records', 'slot records/eu/0')).toBe(true);
  expect(overlaps('slot records/eu/0', 'workload records')).toBe(true);
  expect(overlaps('workload records', 'slot records-two/eu/0')).toBe(false);
  expect(overlaps('tenant records', 'slot records/eu/0')).toBe(false);
});

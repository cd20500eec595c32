import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AT, fleetView, instanceView, tenantView, versionView, workloadView } from '../../test/sim/fleet-views.ts';
import { diagnosisOf, policyOf, repairOf, situationOf } from '../../test/sim/plans.ts';
import { settingView } from '../../test/sim/scenes.ts';
import type { Diagnosis } from '../diagnose/diagnosis.ts';
import type { FleetView } from '../diagnose/fleet-view.ts';
import { API_VERSION } from '../resources/metadata.ts';
import { CAUSES, type Cause, type MoveName, type Playbook, playbookSchema } from '../resources/playbook.ts';
import { decide } from './decide.ts';
import type { Decision, Plan } from './plan.ts';
import { BUILTIN_PLAYBOOKS } from './playbooks.ts';
import type { Policy, Situation } from './situation.ts';

const instance = { kind: 'instance', name: 'records-0', workload: 'records', version: 2 } as const;
const version = { kind: 'version', name: 'records@2', workload: 'records', version: 2 } as const;
const tenant = { kind: 'tenant', name: 'shop' } as const;
const workload = { kind: 'workload', name: 'records' } as const;

const records = workloadView('records', {
  targetVersion: 2,
  phase: 'canary',
  wanted: { eu: 3, us: 1 },
  instances: [0, 1, 2].map((ordinal) => instanceView(`records-${ordinal}`, { version: ordinal === 2 ? 1 : 2 })),
  versions: [versionView(1), versionView(2, { promotedAt: null })],
});
const fleet = fleetView([records], [tenantView('shop'), tenantView('far', { regions: ['us'] })]);
const budgets = { global: 9, 'workload records': 9, 'tenant shop': 9, 'asset disk state': 9 };

function decideOn(
  diagnosis: Diagnosis,
  given: { fleet?: FleetView; policy?: Policy; repairs?: Situation['repairs'] } = {},
) {
  const situation = situationOf(diagnosis, given.repairs);
  return decide(situation, given.fleet ?? fleet, budgets, given.policy ?? policyOf(), AT);
}

function planFor(...given: Parameters<typeof decideOn>): Plan {
  const decision = decideOn(...given);
  if (decision.kind === 'plan') return decision;
  throw new Error(`refused: ${JSON.stringify(decision.verdicts.filter(({ kind }) => kind === 'deny'))}`);
}

const movesOf = (plan: Plan) => plan.steps.map(({ move }) => move);
const denials = (decision: Decision) =>
  decision.verdicts.filter(({ kind }) => kind === 'deny').map(({ guard }) => guard);

function playbook(name: string, answers: readonly Cause[], ladder: readonly MoveName[], more: object = {}): Playbook {
  const spec = { answers, ladder: ladder.map((move) => ({ move })), ...more };
  return playbookSchema.parse({ apiVersion: API_VERSION, kind: 'Playbook', metadata: { name }, spec });
}

describe('the ladder', () => {
  test.each([
    ['instance-died', instance, ['replace'], 'slot records/eu/0'],
    ['instance-hung', instance, ['replace'], 'slot records/eu/0'],
    ['instance-degraded', instance, ['replace'], 'slot records/eu/0'],
    ['resource', instance, ['replace'], 'slot records/eu/0'],
    ['version', version, ['rollback'], 'workload records'],
    ['configuration', version, ['rollback'], 'workload records'],
    ['tenant', tenant, ['throttle'], 'tenant shop'],
    ['overload', workload, ['scale'], 'workload records'],
    ['demand', workload, ['scale'], 'workload records'],
    ['resource', { kind: 'asset', name: 'disk state' }, ['page'], 'asset disk state'],
    [
      'route',
      { kind: 'route', name: 'records GET /b', workload: 'records', route: 'GET /b' },
      ['page'],
      'route records GET /b',
    ],
    ['unknown', workload, ['page'], 'workload records'],
    ['dependency', workload, ['page'], 'workload records'],
    ['observer', workload, ['page'], 'workload records'],
  ] as const)('of %s', (cause, subject, moves, target) => {
    const plan = planFor(diagnosisOf(cause, subject));
    expect(movesOf(plan)).toEqual(moves);
    expect(plan).toMatchObject({ target, cause, incident: 'inc_1', madeAt: AT, expiresAt: AT + 30_000 });
  });

  test('every cause has a built-in answer', () => {
    expect(CAUSES.filter((cause) => !BUILTIN_PLAYBOOKS.some(({ spec }) => spec.answers.includes(cause)))).toEqual([]);
  });
});

describe('a replacement', () => {
  test('says all that apply and undo need, and touches those whom the instance serves', () => {
    const [step] = planFor(diagnosisOf('instance-hung', instance)).steps;
    expect(step?.input).toEqual({
      workload: 'records',
      region: 'eu',
      ordinal: 0,
      oldInstance: 'records-0',
      newInstance: 'records-eu-0-abcde',
      version: 2,
      oldVersion: 2,
      oldState: 'ready',
      inPlace: false,
    });
    expect(step?.touch).toMatchObject({
      instances: ['records-0'],
      servingTakenAtOnce: 0,
      tenants: ['shop'],
      regions: ['eu'],
    });
  });

  test('of what owns its place is a restart, and counts as taken away while it serves', () => {
    const inPlace = fleetView([{ ...records, replacement: 'in-place', wanted: { eu: 3 } }]);
    const [step] = planFor(diagnosisOf('instance-hung', instance), { fleet: inPlace }).steps;
    expect(step).toMatchObject({ move: 'restart', input: { inPlace: true }, touch: { servingTakenAtOnce: 1 } });
    const dead = instanceView('records-0', { version: 2, ready: false, running: false });
    const down = fleetView([{ ...records, replacement: 'in-place', instances: [dead, ...records.instances.slice(1)] }]);
    const [after] = planFor(diagnosisOf('instance-died', instance), { fleet: down }).steps;
    expect(after?.touch.servingTakenAtOnce).toBe(0);
  });

  test('of an instance that has gone, or is only on its way, is nothing that fits', () => {
    const empty = fleetView([{ ...records, instances: [] }]);
    expect(denials(decideOn(diagnosisOf('instance-died', instance), { fleet: empty }))).toEqual(['possible']);
    const coming = instanceView('records-0', { role: 'incoming' });
    const onItsWay = fleetView([{ ...records, instances: [coming] }]);
    const plan = planFor(diagnosisOf('instance-degraded', instance), { fleet: onItsWay });
    expect(movesOf(plan)).toEqual(['page']);
  });
});

describe('going back', () => {
  test('replaces what runs the bad version, by names of their own, and keeps the old state', () => {
    const [step] = planFor(diagnosisOf('version', version)).steps;
    expect(step?.input).toMatchObject({ from: 2, to: 1, oldPhase: 'canary', inPlace: false });
    expect(step?.input['slots']).toEqual([
      { region: 'eu', ordinal: 0, oldInstance: 'records-0', oldState: 'ready', newInstance: 'records-eu-0-abcde' },
      { region: 'eu', ordinal: 1, oldInstance: 'records-1', oldState: 'ready', newInstance: 'records-eu-1-abcde' },
    ]);
  });

  test('to another configuration of the same artefact is a revert', () => {
    const versions = [versionView(1), versionView(2, { promotedAt: null, artefactDigest: 'artefact-1' })];
    const plan = planFor(diagnosisOf('configuration', version), { fleet: fleetView([{ ...records, versions }]) });
    expect(movesOf(plan)).toEqual(['revert']);
  });

  test('without a version that soaked leaves a person to be called', () => {
    const versions = [versionView(1, { promotedAt: null }), versionView(2, { promotedAt: null })];
    const plan = planFor(diagnosisOf('version', version), { fleet: fleetView([{ ...records, versions }]) });
    expect(movesOf(plan)).toEqual(['page']);
  });

  test('never goes to a version that was gone back from', () => {
    const versions = [versionView(0), versionView(1, { rejectedAt: AT }), versionView(2, { promotedAt: null })];
    const [step] = planFor(diagnosisOf('version', version), { fleet: fleetView([{ ...records, versions }]) }).steps;
    expect(step?.input['to']).toBe(0);
  });
});

describe('limits on a tenant', () => {
  test('follow what the tenant usually sends, and touch nobody else', () => {
    const diagnosis = diagnosisOf('tenant', tenant);
    const evidence = [{ ...diagnosis.evidence[0]!, evidence: { usualPerSecond: 20 } }];
    const [step] = planFor({ ...diagnosis, evidence }).steps;
    expect(step?.input).toMatchObject({ kind: 'throttle', tenant: 'shop', requestsPerSecond: 30, minutes: 20 });
    expect(step?.touch).toMatchObject({ tenants: ['shop'], instances: [] });
  });

  test('that stand already are not put on again', () => {
    const shop = tenantView('shop', { mitigations: [{ id: 'm', kind: 'throttle' }] });
    const plan = planFor(diagnosisOf('tenant', tenant), { fleet: fleetView([records], [shop]) });
    expect(movesOf(plan)).toEqual(['quarantine']);
  });
});

describe('the playbook', () => {
  const own = playbook('mine', ['instance-hung'], ['page']);
  const forRecords = playbook('for-records', ['instance-hung'], ['scale'], { workloads: ['records'] });
  const forBills = playbook('for-bills', ['instance-hung'], ['scale'], { workloads: ['bills'] });

  test.each([
    ['declared before built in', [own], 'mine'],
    ['for this workload before for all', [own, forRecords], 'for-records'],
    ['never that of another workload', [forBills], 'replace-hung'],
  ] as const)('is chosen: %s', (_rule, declared, chosen) => {
    const policy = policyOf({ playbooks: [...declared, ...BUILTIN_PLAYBOOKS] });
    expect(planFor(diagnosisOf('instance-hung', instance), { policy }).playbook).toBe(chosen);
  });

  test('that is missing is a refusal that says so', () => {
    const decision = decideOn(diagnosisOf('instance-hung', instance), { policy: policyOf({ playbooks: [forBills] }) });
    expect(denials(decision)).toEqual(['playbook']);
  });

  test('that asks for a person gives the plan the time for it', () => {
    const asks = playbook('asks', ['instance-hung'], ['replace'], {
      autonomy: 'approve',
      limits: { approvalMs: 60_000 },
    });
    const plan = planFor(diagnosisOf('instance-hung', instance), { policy: policyOf({ playbooks: [asks] }) });
    expect(plan).toMatchObject({ needsApproval: true, expiresAt: AT + 60_000 });
  });
});

test('a playbook that only proposes does nothing, and lays before people what it would do', () => {
  const proposes = playbook('proposes', ['instance-hung'], ['replace'], { autonomy: 'propose' });
  const decision = decideOn(diagnosisOf('instance-hung', instance), { policy: policyOf({ playbooks: [proposes] }) });
  expect(denials(decision)).toEqual(['autonomy']);
  expect(decision).toMatchObject({ kind: 'refusal', proposal: { steps: [{ move: 'replace' }] } });
});

describe('a refusal', () => {
  const stops = [{ id: 'stp', scope: 'global', reason: 'r', by: 'ada', expiresAt: null }];

  test('carries the verdict of every guard', () => {
    const decision = decideOn(diagnosisOf('instance-hung', instance), { policy: policyOf({ stops }) });
    expect(decision).toMatchObject({ kind: 'refusal', incident: 'inc_1', target: 'slot records/eu/0' });
    expect(denials(decision)).toEqual(['stop']);
  });

  const failed = Array.from({ length: 3 }, () =>
    repairOf('slot records/eu/0', { endedAt: AT - 1, outcome: 'unwound' }),
  );

  test('for nothing but spent attempts is a call to a person instead', () => {
    const plan = planFor(diagnosisOf('instance-hung', instance), { repairs: failed });
    expect(movesOf(plan)).toEqual(['page']);
    expect(plan.steps[0]?.touch.instances).toEqual([]);
  });

  test('stays one when anything else stands against the plan', () => {
    const decision = decideOn(diagnosisOf('instance-hung', instance), { repairs: failed, policy: policyOf({ stops }) });
    expect(denials(decision)).toEqual(['stop', 'attempts']);
  });
});

const diagnoses = fc.constantFrom(
  diagnosisOf('instance-hung', instance),
  diagnosisOf('instance-died', instance),
  diagnosisOf('version', version),
  diagnosisOf('tenant', tenant),
  diagnosisOf('overload', workload),
);
const stops = fc.array(
  fc.record({
    id: fc.constant('stp'),
    scope: fc.constantFrom('global', 'workload records', 'workload bills', 'move replace', 'tenant shop'),
    reason: fc.constant(''),
    by: fc.constant('ada'),
    expiresAt: fc.constantFrom(null, AT - 1, AT + 1),
  }),
  { maxLength: 3 },
);
const freezes = fc.array(
  fc.record({
    name: fc.constant('f'),
    reason: fc.constant(''),
    from: fc.constantFrom(AT - 1, AT + 1),
    until: fc.constantFrom(AT, AT + 2),
    workloads: fc.constantFrom([], ['records'], ['bills']),
    allow: fc.constantFrom<MoveName[][]>([], ['replace', 'page']),
  }),
  { maxLength: 2 },
);
const repairs = fc.array(
  fc
    .tuple(fc.constantFrom('slot records/eu/0', 'slot records/eu/1', 'workload records', 'tenant shop'), fc.boolean())
    .map(([target, taken]) => repairOf(target, { instances: taken ? ['records-0', 'records-1'] : [] })),
  { maxLength: 7 },
);
const past = fc.array(
  fc.constantFrom('unwound' as const, 'healed' as const).map((outcome) => {
    return repairOf('slot records/eu/0', { endedAt: AT - 1, outcome });
  }),
  { maxLength: 6 },
);

test('more stops, freezes and open repairs never turn a refusal into a plan', () => {
  fc.assert(
    fc.property(diagnoses, past, stops, stops, freezes, freezes, repairs, repairs, (diagnosis, ended, ...drawn) => {
      const [stopsA, stopsB, freezesA, freezesB, repairsA, repairsB] = drawn;
      const less = { policy: policyOf({ stops: stopsA, freezes: freezesA }), repairs: [...ended, ...repairsA] };
      if (decideOn(diagnosis, less).kind === 'plan') return;
      const policy = policyOf({ stops: [...stopsA, ...stopsB], freezes: [...freezesA, ...freezesB] });
      expect(decideOn(diagnosis, { policy, repairs: [...ended, ...repairsA, ...repairsB] }).kind).toBe('refusal');
    }),
    { numRuns: 500 },
  );
});

test('equal input gives an equal decision, and none of it is changed', () => {
  fc.assert(
    fc.property(diagnoses, past, stops, freezes, repairs, (diagnosis, ended, standing, windows, open) => {
      const given = { policy: policyOf({ stops: standing, freezes: windows }), repairs: [...ended, ...open] };
      const before = JSON.stringify([diagnosis, given, fleet]);
      const decision = decideOn(diagnosis, given);
      expect(decideOn(structuredClone(diagnosis), structuredClone(given))).toEqual(decision);
      expect(JSON.parse(JSON.stringify(decision))).toStrictEqual(decision);
      expect(JSON.stringify([diagnosis, given, fleet])).toBe(before);
    }),
    { numRuns: 200 },
  );
});

describe('what was tried in vain', () => {
  const pool = { kind: 'setting', name: 'records/POOL' } as const;
  const history = [
    { value: '5', at: 0, by: 'person ada', soakedAt: 10 },
    { value: '8', at: 50, by: 'person ada', soakedAt: 60 },
    { value: '1', at: AT - 2_000, by: 'person bo', soakedAt: null },
  ];
  const settings = [settingView('records/POOL', { history })];
  const known = { ...fleet, settings };
  const purse = { global: 9, 'setting records/POOL': 9, 'workload records': 9 };
  const decided = (repairs: Situation['repairs'], more: Partial<Diagnosis> = {}, seen: FleetView = known) =>
    decide(situationOf(diagnosisOf('configuration', pool, more), repairs), seen, purse, policyOf(), AT);
  const vain = (value: string, endedAt = AT - 1) =>
    repairOf('setting records/POOL', {
      startedAt: AT - 1_500,
      endedAt,
      outcome: 'unwound',
      moves: ['revert'],
      wrote: [{ setting: 'records/POOL', value }],
    });
  const done = (decision: Decision) =>
    decision.kind === 'plan' ? decision.steps.map(({ move, input }) => `${move} ${String(input['value'] ?? '')}`) : [];

  test('gives way to the next older value, then to the next rung, and then to a person', () => {
    expect(done(decided([]))).toEqual(['revert 8']);
    expect(done(decided([vain('8')]))).toEqual(['revert 5']);
    expect(done(decided([vain('8'), vain('5')]))).toEqual(['page ']);
  });

  test('counts for nothing when somebody else wrote meanwhile', () => {
    const meddled = [...history.slice(0, 2), { value: '1', at: AT - 1_200, by: 'person bo', soakedAt: null }];
    const seen = { ...fleet, settings: [settingView('records/POOL', { history: meddled })] };
    expect(done(decided([vain('8')], {}, seen))).toEqual(['revert 8']);
    const only = { ...fleet, settings: [settingView('records/POOL', { history: meddled.slice(1) })] };
    expect(done(decided([vain('8')], {}, only))).toEqual(['revert 8']);
  });

  test('lets the next suspect have its turn, unless it is far less likely', () => {
    const suspect = { cause: 'version', subject: version, score: 0.8, why: 'it is new' } as const;
    const suspects = [suspect, { ...suspect, cause: 'overload', subject: workload, score: 0.1 }] as const;
    const next = decided([vain('8'), vain('5')], { suspects });
    expect(done(next)).toEqual(['rollback ']);
    expect(next).toMatchObject({ cause: 'version', playbook: 'roll-back', target: 'workload records' });
  });
});

describe('rungs', () => {
  test('that a guard denies are left out with the reason, and the next is climbed', () => {
    const noRoom = { ...fleet, room: { eu: 0, us: 0 } };
    const plan = planFor(diagnosisOf('overload', workload), { fleet: noRoom });
    expect(movesOf(plan)).toEqual(['shed']);
    expect(plan.verdicts).toContainEqual(
      expect.objectContaining({ guard: 'capacity', kind: 'deny', reason: expect.stringMatching(/^scale: /) }),
    );
  });

  test('that touch the same slot or setting are not in one plan', () => {
    const twice = playbook('twice', ['instance-hung'], ['replace', 'restart', 'page']);
    const plan = planFor(diagnosisOf('instance-hung', instance), { policy: policyOf({ playbooks: [twice] }) });
    expect(movesOf(plan)).toEqual(['replace']);
  });

  test('that ask for a person wait for their turn behind those that do not', () => {
    const both = playbook('both', ['version'], ['scale', 'rollback']);
    const tenants = [tenantView('shop', { profiles: ['gdpr'] }), tenantView('far', { regions: ['us'] })];
    const known = fleetView([records], tenants);
    const rules = [{ profile: 'gdpr', residency: 'strict' as const, needsApproval: ['rollback'] }];
    const plan = planFor(diagnosisOf('version', version), {
      fleet: known,
      policy: policyOf({ playbooks: [both], rules }),
    });
    expect(movesOf(plan)).toEqual(['scale']);
    expect(plan.needsApproval).toBe(false);
    const free = planFor(diagnosisOf('version', version), { policy: policyOf({ playbooks: [both] }) });
    expect(movesOf(free)).toEqual(['scale', 'rollback']);
  });

  test('say what they are expected to bring, cost and risk', () => {
    const plan = planFor(diagnosisOf('version', version));
    expect(plan.predicted).toMatchObject({ clears: 'version', withinMs: 60_000 });
    expect(plan.cost).toMatchObject({ instancesStarted: 2, servingTakenAtOnce: 0, tenantsTouched: 1 });
    expect(plan.risk?.level).toBe('medium');
  });

  test('are verified for at least as long as the slowest failure takes to show', () => {
    const hasty = playbook('hasty', ['tenant'], ['throttle'], {
      ladder: [{ move: 'throttle', soakMs: 1, verifyWithinMs: 1 }],
    });
    const plan = planFor(diagnosisOf('tenant', tenant), { policy: policyOf({ playbooks: [hasty] }) });
    expect(plan.steps[0]).toMatchObject({ soakMs: 3_000, verifyWithinMs: 6_000 });
  });
});

describe('a person', () => {
  test('is not called while a repair of the same workload runs or has just healed', () => {
    const unknown = diagnosisOf('unknown', workload);
    const healed = repairOf('workload records', { startedAt: AT - 9_000, endedAt: AT - 5_000, outcome: 'healed' });
    expect(denials(decideOn(unknown, { repairs: [healed] }))).toEqual(['aftermath']);
    expect(denials(decideOn(unknown, { repairs: [repairOf('slot records/eu/2')] }))).toEqual(['aftermath']);
    const old = { ...healed, startedAt: 0, endedAt: AT - 60_001 };
    expect(decideOn(unknown, { repairs: [old] }).kind).toBe('plan');
  });

  test('is called when all rungs are denied for what only a person can change', () => {
    const healer = { takeovers: 0, overdue: 0, canWrite: true, standsOn: ['records'] };
    const situation = { ...situationOf(diagnosisOf('instance-hung', instance)), healer };
    const decision = decide(situation, fleet, budgets, policyOf(), AT);
    expect(decision.kind === 'plan' && movesOf(decision)).toEqual(['page']);
    expect(denials(decision)).toEqual(['independence']);
  });
});

test('a rung that only differs in more moves is not in vain because a part of it was', () => {
  const pool = { kind: 'setting', name: 'records/POOL' } as const;
  const known = { ...fleet, settings: [settingView('records/POOL')] };
  const vain = repairOf('setting records/POOL', {
    startedAt: AT - 1_500,
    endedAt: AT - 1,
    outcome: 'unwound',
    moves: ['reroute'],
    wrote: [{ setting: 'records/POOL', value: 'eu' }],
  });
  const purse = { global: 9, 'setting records/POOL': 9 };
  const decision = decide(situationOf(diagnosisOf('configuration', pool), [vain]), known, purse, policyOf(), AT);
  expect(decision.kind === 'plan' && movesOf(decision)).toEqual(['revert']);
});

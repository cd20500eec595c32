import { describe, expect, test } from 'vitest';
import { AT, instanceView, tenantView, workloadView } from '../../test/sim/fleet-views.ts';
import { diagnosisOf, policyOf, situationOf } from '../../test/sim/plans.ts';
import { violatedControl } from '../../test/sim/readings.ts';
import { assetView, sceneFleet, settingView, symptomOf } from '../../test/sim/scenes.ts';
import type { JsonObject } from '../base/json.ts';
import type { ViolatedControl } from '../observe/violated-control.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { rulesOf } from '../resources/profile.ts';
import { decide } from './decide.ts';
import type { Plan } from './plan.ts';

const STORE = { kind: 'asset', name: 'store postgresql/records/eu' } as const;
const GRANT = 'postgresql/records/eu/grant of TRUNCATE on records.notes to records_app';
const TABLE = 'postgresql/records/eu/records.notes/row-level-security';
const now = (value: string | null, at: number, soakedAt: number | null) => ({ value, at, by: 'unknown', soakedAt });
const surplus = settingView(GRANT, {
  kind: 'object',
  value: 'there',
  declared: undefined,
  history: [now(null, AT - 900_000, AT - 900_000), now('there', AT - 5_000, null)],
});
/** There since the first look. */
const asSetUp = settingView('postgresql/records/eu/grant of SELECT on records.notes to reader', {
  kind: 'object',
  value: 'there',
  declared: undefined,
  history: [now('there', AT - 900_000, null)],
});
const off = settingView(TABLE, {
  kind: 'protection',
  value: 'off',
  declared: 'on',
  history: [now('off', AT - 5_000, null)],
});

const slot = (ordinal: number) => instanceView(`records-${ordinal}`, { region: ordinal === 2 ? 'us' : 'eu' });
const fleetWith = (tenantContext = true) =>
  sceneFleet({
    workloads: [workloadView('records', { instances: [0, 1, 2].map(slot), wanted: { eu: 2, us: 1 } })],
    tenants: [tenantView('shop', { profiles: ['pci-dss-4.0.1'] }), tenantView('far', { regions: ['us'] })],
    settings: [surplus, asSetUp, off],
    assets: [
      assetView(STORE.name, { region: 'eu', settings: [GRANT, asSetUp.id, TABLE] }),
      assetView(`protection ${TABLE}`, { partOf: STORE.name, settings: [TABLE], detail: { tenantContext } }),
    ],
  });

const BUDGETS = { global: 20, 'workload records': 20, [`asset ${STORE.name}`]: 20, 'slot records/eu/1': 20 };

/** What is decided about a fact of the store that violates a control with these remedies. */
function decided(
  fact: FactName,
  more: Partial<ViolatedControl>,
  fleet = fleetWith(),
  subject: { readonly kind: 'asset'; readonly name: string } = STORE,
): Plan {
  const evidence = [
    symptomOf(`fact-${fact}`, subject, { violated: [violatedControl(['shop'], more)] as unknown as JsonObject[] }),
  ];
  const cause = fact === 'isolation.sql.foreignRows' ? 'isolation' : 'compliance';
  const situation = situationOf(diagnosisOf(cause, subject, { evidence, workload: 'records', summary: 'violated' }));
  const decision = decide(situation, fleet, BUDGETS, policyOf({ rules: builtinProfiles().map(rulesOf) }), AT);
  if (decision.kind !== 'plan') expect.fail(JSON.stringify(decision.verdicts.filter(({ kind }) => kind === 'deny')));
  return decision;
}
const movesOf = ({ steps }: Plan) =>
  steps.map(({ move, input }) => `${move} ${String(input['setting'] ?? input['tenant'])}`);

test('only what the violated control names is done, and only to what came since the first look', () => {
  const plan = decided('rls.truncate.granted', { moves: ['revert'] });
  expect(movesOf(plan)).toContain(`revert ${GRANT}`);
  expect(movesOf(plan).join()).not.toContain('reader');
  expect(plan.steps[0]?.input).toMatchObject({ value: null, oldValue: 'there' });
  // It is of a store in one region, wherever else its workload runs.
  expect(plan.steps[0]?.touch).toMatchObject({ regions: ['eu'], tenants: ['shop'] });
  expect(plan.answers).toEqual([`fact-rls.truncate.granted asset ${STORE.name}`]);
});

test('where no remedy is a move that fits, a person is called with the clauses and what to do', () => {
  const plan = decided('rls.policies.missing', { moves: [], advice: ['give the table a policy'] });
  expect(movesOf(plan)).toEqual(['page undefined']);
  expect(plan.steps[0]?.input['summary']).toBe('violated. To do: give the table a policy');
});

test('row-level security is forced again when the application was seen to name its tenant, and otherwise refused with the clause', () => {
  expect(movesOf(decided('rls.enabled', { moves: ['reenable'] }))).toEqual([`reenable ${TABLE}`]);
  const refused = decided('rls.enabled', { moves: ['reenable'] }, fleetWith(false));
  expect(movesOf(refused)).toEqual(['page undefined']);
  expect(refused.verdicts.find(({ guard, kind }) => guard === 'regulation' && kind === 'deny')?.reason).toContain(
    'A1.1.2',
  );
});

test('an instance whose clock is off is drained and replaced, and one that keeps data is left to a person', () => {
  const subject = { kind: 'asset', name: 'instance records/eu/1' } as const;
  const remedies = { moves: ['sync-clock', 'replace'] as const, advice: ['find out which clock is right'] };
  const replaced = decided('clock.offset.seconds', remedies, fleetWith(), subject);
  expect(replaced.target).toBe('slot records/eu/1');
  expect(replaced.steps.map(({ move, input }) => `${move} ${String(input['oldInstance'])}`)[0]).toBe(
    'replace records-1',
  );
  const fleet = fleetWith();
  const workloads = fleet.workloads.map((each) => ({ ...each, keepsData: true }));
  expect(movesOf(decided('clock.offset.seconds', remedies, { ...fleet, workloads }, subject))).toEqual([
    'page undefined',
  ]);
});

test('a leak is contained first, for those whose data are there, then what came about is taken back, all in one rung', () => {
  const plan = decided('isolation.sql.foreignRows', { moves: ['reenable'] });
  expect(movesOf(plan)[0]).toBe('quarantine shop');
  expect(movesOf(plan)).toEqual(expect.arrayContaining([`reenable ${TABLE}`, `revert ${GRANT}`]));
  expect(movesOf(plan).join()).not.toContain('far');
  expect(new Set(plan.steps.map(({ rung }) => rung)).size).toBe(1);
  expect(plan.answers).not.toEqual([]);
});

test('what every session of the application begins with since a moment ago is taken back with a leak', () => {
  const id = 'postgresql-server/database/eu/app.tenant of role records_app';
  const history = [now(null, 0, AT - 900_000), now('clinic-de', AT - 5_000, null)];
  const context = settingView(id, { kind: 'config', value: 'clinic-de', declared: undefined, history });
  const fleet = fleetWith();
  const withIt = (governs: readonly string[]) => {
    const settings = [...fleet.settings, { ...context, governs }];
    return movesOf(decided('isolation.sql.foreignRows', { moves: ['reenable'] }, { ...fleet, settings }));
  };
  expect(withIt([STORE.name])).toContain(`revert ${id}`);
  expect(withIt(['store postgresql/other/eu'])).not.toContain(`revert ${id}`);
});

test('an API that leaks at one instance: its tenants are kept out and it is replaced, and nobody elsewhere is touched', () => {
  const subject = { kind: 'asset', name: 'instance records/eu/1' } as const;
  const claim = symptomOf(
    'fact-isolation.api.foreignRows',
    { kind: 'asset', name: 'tenant shop' },
    {
      violated: [violatedControl(['shop'])] as unknown as JsonObject[],
      where: ['records/eu/1'],
    },
  );
  const diagnosis = diagnosisOf('isolation', subject, { evidence: [claim], workload: 'records', summary: 'leaks' });
  const policy = policyOf({ rules: builtinProfiles().map(rulesOf) });
  const fleet = fleetWith();
  const made = (given: typeof fleet) => {
    const decision = decide(situationOf(diagnosis), given, BUDGETS, policy, AT);
    if (decision.kind !== 'plan') expect.fail(JSON.stringify(decision.verdicts.filter(({ kind }) => kind === 'deny')));
    return decision;
  };
  const plan = made(fleet);
  expect(plan.steps.map(({ move, rung }) => `${rung} ${move}`)).toEqual(['0 quarantine', '0 replace']);
  expect(plan.steps[0]?.input).toMatchObject({ tenant: 'shop', workload: 'records', incident: 'inc_1' });
  expect(plan.answers).toEqual(['fact-isolation.api.foreignRows asset tenant shop']);
  // What cannot be replaced is held, and a person called at once.
  const kept = fleet.workloads.map((each) => ({ ...each, keepsData: true }));
  expect(made({ ...fleet, workloads: kept }).steps.map(({ move }) => move)).toEqual(['quarantine', 'page']);
  // A limit on one kind of request does not stand in the place of one on all of them.
  const limit = { id: 'm', kind: 'quarantine' as const, workload: 'records' };
  const limited = (fingerprint: string | null) =>
    fleet.tenants.map((each) => (each.name === 'shop' ? { ...each, mitigations: [{ ...limit, fingerprint }] } : each));
  expect(made({ ...fleet, tenants: limited('f1') }).steps[0]?.move).toBe('quarantine');
  expect(made({ ...fleet, tenants: limited(null) }).steps.map(({ move }) => move)).toEqual(['replace']);
});

describe('a tenant that is served where it may not be', () => {
  const subject = { kind: 'asset', name: 'tenant shop' } as const;
  const claim = symptomOf('fact-residency.instances', subject, {
    violated: [violatedControl(['shop'], { moves: ['revert', 'reroute', 'quarantine'] })] as unknown as JsonObject[],
  });
  const change = (value: string, at: number) => ({ value, at, by: 'person bo', soakedAt: at < AT - 5_000 ? at : null });
  const route = (before: string, declared?: string) =>
    settingView('route/shop', {
      kind: 'route',
      workloads: [],
      tenant: 'shop',
      value: 'us',
      declared,
      history: [change(before, 0), change('us', AT - 2_000)],
    });
  const made = (
    settings: readonly ReturnType<typeof route>[],
    regions: readonly string[] = ['eu'],
    evidence = [claim],
  ) => {
    const fleet = { ...fleetWith(), settings, tenants: [tenantView('shop', { profiles: ['gdpr'], regions })] };
    const situation = situationOf(diagnosisOf('compliance', subject, { evidence, summary: 'it is abroad' }));
    const rules = builtinProfiles().map(rulesOf);
    return decide(situation, fleet, { global: 20, 'asset tenant shop': 20 }, policyOf({ rules }), AT);
  };
  const stepsOf = (decision: ReturnType<typeof made>) =>
    decision.kind === 'plan' ? decision.steps.map(({ move, input }) => `${move} ${String(input['value'])}`) : decision;

  test('is led back the way that it came, and what was before is never written again', () => {
    const decision = made([route('eu')]);
    expect(stepsOf(decision)).toEqual(['revert eu']);
    expect(decision.kind === 'plan' && decision.steps[0]).toMatchObject({
      input: { stays: true },
      touch: { tenants: ['shop'], regions: ['eu'] },
    });
  });

  test('is led to a region that it permits when what was before is no such region: the gate denies that', () => {
    const decision = made([route('ch')]);
    expect(stepsOf(decision)).toEqual(['reroute eu']);
    const denied = decision.verdicts.filter(({ kind }) => kind === 'deny');
    expect(denied.map(({ guard, reason }) => `${guard}: ${reason}`).join()).toContain('shop may not be in ch');
    expect(denied.find(({ guard }) => guard === 'regulation')?.tenants).toEqual(['shop']);
  });

  test('is refused, and a person called, when no way of its own is known; not when its way leads home by now', () => {
    const decision = made([]);
    expect(stepsOf(decision)).toEqual(['quarantine undefined', 'page undefined']);
    expect(decision.kind === 'plan' && decision.steps[0]?.input).toMatchObject({ tenant: 'shop', workload: null });
    const home = { ...route('us'), value: 'eu', history: [change('us', 0), change('eu', AT - 9_000)] };
    expect(stepsOf(made([home]))).toEqual(['page undefined']);
    // What it left there while it was abroad is another matter, of the same incident.
    const left = symptomOf('fact-residency.stores', subject, {
      violated: [violatedControl(['shop'], { moves: ['quarantine'] })] as unknown as JsonObject[],
      where: [STORE.name.slice('store '.length)],
    });
    const both = made([home], ['eu'], [claim, left]);
    expect(both.kind === 'plan' && both.steps[0]?.input).toMatchObject({ store: 'postgresql/records/eu' });
  });
});

describe('a number that lies below what the law asks for', () => {
  const subject = { kind: 'setting', name: 'ledger/keepDays' } as const;
  const floor = {
    lawful: 366,
    worse: 'lower',
    facts: ['audit.retention.shortDays'],
    subjects: ['platform ledger'],
  } as const;
  const asset = { kind: 'asset', name: 'platform ledger' } as const;
  const claim = symptomOf('fact-audit.retention.shortDays', asset, {
    violated: [violatedControl(['shop'], { moves: ['revert', 'resize'] })] as unknown as JsonObject[],
  });
  const stepsOf = (value: string | null, before: readonly string[] = []) => {
    const history = [...before, value].map((each, i) => now(each, AT - 9_000_000 + i * 8_000_000, i === 0 ? 1 : null));
    const setting = settingView(subject.name, {
      kind: 'policy',
      workloads: [],
      value,
      declared: undefined,
      history,
      floor,
    });
    const situation = situationOf(diagnosisOf('compliance', subject, { evidence: [claim], summary: 'too short' }));
    const policy = policyOf({ rules: builtinProfiles().map(rulesOf) });
    const fleet = { ...fleetWith(), settings: [setting] };
    const workloads = [...fleet.workloads, workloadView('bills')];
    const decision = decide(
      situation,
      { ...fleet, workloads },
      { global: 20, [`setting ${subject.name}`]: 20 },
      policy,
      AT,
    );
    if (decision.kind !== 'plan') expect.fail(JSON.stringify(decision.verdicts.filter(({ kind }) => kind === 'deny')));
    return decision.steps;
  };
  const told = (...given: Parameters<typeof stepsOf>) =>
    stepsOf(...given).map(({ move, input }) => `${move} ${String(input['value'])}`);

  test('is raised to it and never lowered again, also where nobody had ever set it', () => {
    expect(told('30')).toEqual(['resize 366']);
    expect(stepsOf('30')[0]).toMatchObject({
      input: { stays: true, oldValue: '30' },
      touch: { settings: [subject.name] },
    });
    expect(told(null)).toEqual(['resize 366']);
  });

  test('goes back to what it was where that was lawful, and nowhere else', () => {
    expect(told('30', ['2000'])[0]).toBe('revert 2000');
    expect(told('30', ['100'])).toEqual(['resize 366']);
  });

  test('that is as the law asks is not written: then it is something else, and a person looks', () => {
    expect(told('400')).toEqual(['page undefined']);
  });
});

test('rows in a forbidden store: new ones are refused there, a person gets count, place and table, and nobody is kept out', () => {
  const subject = { kind: 'asset', name: 'tenant shop' } as const;
  const claim = symptomOf('fact-residency.stores', subject, {
    violated: [violatedControl(['shop'], { moves: ['quarantine'] })] as unknown as JsonObject[],
    where: ['postgresql/records/us', 'postgresql/unknown/us'],
  });
  const us = assetView('store postgresql/records/us', { region: 'us' });
  const fleet = { ...fleetWith(), assets: [us], tenants: [tenantView('shop', { profiles: ['gdpr', 'hipaa'] })] };
  const summary = 'residency.stores of tenant shop is eu, us: 2 rows in records.notes of postgresql/records/us';
  const situation = situationOf(diagnosisOf('compliance', subject, { evidence: [claim], summary }));
  const policy = policyOf({ rules: builtinProfiles().map(rulesOf) });
  const plan = decide(situation, fleet, { global: 20, 'asset tenant shop': 20 }, policy, AT);
  if (plan.kind !== 'plan') expect.fail(JSON.stringify(plan.verdicts));
  expect(plan.steps.map(({ move }) => move)).toEqual(['quarantine', 'page']);
  expect(plan.steps[0]).toMatchObject({
    input: { tenant: 'shop', store: 'postgresql/records/us', workload: null, minutes: 1_440, incident: 'inc_1' },
    touch: { tenants: ['shop'], assets: ['store postgresql/records/us'] },
  });
  expect(plan.steps[1]?.input['summary']).toContain('2 rows in records.notes of postgresql/records/us');
});

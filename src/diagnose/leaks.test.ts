import { expect, test } from 'vitest';
import { AT, fleetView, instanceView, tenantView, versionView, workloadView } from '../../test/sim/fleet-views.ts';
import { violatedControl } from '../../test/sim/readings.ts';
import { assetView, settingView } from '../../test/sim/scenes.ts';
import { assetNamed, found, seen, standing } from '../../test/sim/symptoms.ts';
import type { Symptom } from '../detect/symptom.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { clausesIn } from './clauses.ts';
import { diagnose } from './diagnose.ts';

const STORE = 'store postgresql/records/eu';
const TABLE = 'protection postgresql/records/eu/notes/row-level-security';
const instances = [0, 1, 2].map((ordinal) => instanceView(`records-${ordinal}`));
const records = workloadView('records', { instances });
const tenants = [tenantView('shop'), tenantView('clinic'), tenantView('hospital', { regions: ['us'] })];
const assets = [
  assetView(STORE, { workloads: ['records'], region: 'eu' }),
  assetView(TABLE, { workloads: ['records'], partOf: STORE }),
];
const fleet = { ...fleetView([records], tenants), assets };

const api = (tenant: string, ...where: readonly string[]): Symptom =>
  seen('fact-isolation.api.foreignRows', assetNamed(`tenant ${tenant}`), {
    violated: [violatedControl([tenant])],
    ...(where.length > 0 ? { where } : {}),
  });
const ofStore = (fact: FactName, violated = [violatedControl(['shop', 'clinic'])]): Symptom =>
  seen(`fact-${fact}`, assetNamed(STORE), { violated });
const off = seen('asset-disabled', assetNamed(TABLE));
const ALL = ['records/eu/0', 'records/eu/1', 'records/eu/2'];

test('all tenants that see each other at one instance are one incident, of that instance, with the clause for each', () => {
  const claims = [api('shop', 'records/eu/1'), api('clinic', 'records/eu/1')];
  const diagnoses = diagnose(standing(claims), fleet);
  expect(diagnoses).toMatchObject([
    { cause: 'isolation', subject: { kind: 'asset', name: 'instance records/eu/1' }, workload: 'records' },
  ]);
  expect(clausesIn(diagnoses[0]!.evidence)[0]?.tenants).toEqual(['shop', 'clinic']);
  expect(diagnoses[0]!.explains).toHaveLength(2);
});

test('an API that leaks by its store is one incident with it, of the store, whatever shows it', () => {
  const leaking = [api('shop', ...ALL), api('clinic', ...ALL)];
  expect(found(fleet, ...leaking, off)).toEqual([`isolation: ${STORE}`]);
  expect(found(fleet, ...leaking, ofStore('rls.views.bypassing'))).toEqual([`isolation: ${STORE}`]);
  const all = [...leaking, off, ofStore('rls.enabled'), ofStore('isolation.sql.foreignRows')];
  expect(found(fleet, ...all)).toEqual([`isolation: ${STORE}`]);
  expect(diagnose(standing(all), fleet)[0]?.explains).toHaveLength(5);
});

test('a store that only a surplus grant violates, or that is elsewhere, is not how the API leaks', () => {
  const leaking = [api('shop', 'records/eu/1')];
  expect(found(fleet, ...leaking, ofStore('access.grants.surplus'))).toEqual([
    'isolation: instance records/eu/1',
    `compliance: ${STORE}`,
  ]);
  const us = { ...fleet, assets: [assetView(STORE, { workloads: ['records'], region: 'us' })] };
  expect(found(us, ...leaking, ofStore('rls.views.bypassing'))[0]).toBe('isolation: instance records/eu/1');
});

test('a version that came right before is accused, also while one instance alone runs it', () => {
  const versions = [
    versionView(1, { createdAt: AT - 7_200_000, promotedAt: AT - 7_000_000 }),
    versionView(2, { createdAt: AT - 60_000, promotedAt: null }),
  ];
  const canary = instanceView('records-1', { version: 2, startedAt: AT - 50_000 });
  const rolling = workloadView('records', {
    targetVersion: 2,
    phase: 'canary',
    versions,
    instances: [instances[0]!, canary, instances[2]!],
  });
  const names = found({ ...fleet, workloads: [rolling] }, api('shop', 'records/eu/1'));
  expect(names).toEqual(['isolation: records@2']);
});

test('a setting that was changed right before is accused when everybody leaks, and else the workload', () => {
  const flag = settingView('records/POOL', {
    kind: 'flag',
    history: [
      { value: 'off', at: 0, by: 'person ada', soakedAt: 10 },
      { value: 'on', at: AT - 25_000, by: 'person bo', soakedAt: null },
    ],
    value: 'on',
  });
  expect(found({ ...fleet, settings: [flag] }, api('shop', ...ALL))).toEqual(['isolation: records/POOL']);
  expect(found(fleet, api('shop', ...ALL))).toEqual(['isolation: records']);
});

test('where nobody says in which place it leaks, it is one incident all the same', () => {
  expect(found(fleet, api('shop'), api('clinic'))).toEqual(['isolation: tenant shop']);
  expect(found(fleet, api('shop'), off)).toEqual([`isolation: ${STORE}`]);
  expect(found(fleet, api('hospital'), off)).toEqual(['isolation: tenant hospital', `protection: ${TABLE}`]);
});

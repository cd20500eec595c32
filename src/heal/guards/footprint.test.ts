import { expect, test } from 'vitest';
import { fleetView, tenantView, workloadView } from '../../../test/sim/fleet-views.ts';
import { stepOf } from '../../../test/sim/plans.ts';
import { gate } from '../../comply/gate.ts';
import type { JsonObject } from '../../base/json.ts';
import type { AssetView, SettingView } from '../../diagnose/fleet-view.ts';
import { builtinProfiles } from '../../resources/builtin-profiles.ts';
import { rulesOf } from '../../resources/profile.ts';
import type { MoveName } from '../../resources/playbook.ts';
import type { Touch } from '../plan.ts';
import { footprintOf } from './footprint.ts';

const RULES = builtinProfiles().map(rulesOf);
const hospital = tenantView('hospital', { profiles: ['hipaa'], hasEmergencyAccess: true });
const clinic = tenantView('clinic', { profiles: ['gdpr'] });
const ward = tenantView('ward', { profiles: ['hipaa'] });

const change = (value: string, soakedAt: number | null) => ({ value, at: 0, by: 'manifest', soakedAt });
const protection: SettingView = {
  id: 'postgresql/records/eu/records/row-level-security',
  kind: 'protection',
  workloads: ['records'],
  tenant: null,
  revision: 2,
  value: 'off',
  declared: 'on',
  needsRestart: false,
  history: [change('on', 1), change('off', null)],
};
const asset = (id: string, kind: AssetView['kind'], region: string | null): AssetView => ({
  id,
  kind,
  workloads: ['records'],
  tenants: [],
  region,
  host: null,
  partOf: null,
  settings: [],
  detail: {},
});
const fleet = {
  ...fleetView([workloadView('records')], [hospital, clinic, ward]),
  settings: [protection],
  assets: [asset('certificate ingress', 'certificate', 'eu'), asset('replica records-us', 'replica', 'us')],
};
const step = (move: MoveName, { touch, input }: { touch: Partial<Touch>; input: JsonObject }) =>
  stepOf({ move, input }, touch);
const footprint = (...given: Parameters<typeof step>) => footprintOf(step(...given), fleet);

test('a quarantine of a tenant or a workload is one to the law; of one kind of request it is none', () => {
  const touch = { tenants: ['hospital'] };
  const whole = footprint('quarantine', {
    touch,
    input: { tenant: 'hospital', route: null, fingerprint: null, actor: null, minutes: 30 },
  });
  expect(whole).toMatchObject({ deeds: ['quarantine'], claims: { 'time-boxed': true, 'export-open': true } });
  expect(gate(whole, fleet.tenants, RULES).kind).toBe('permit');
  expect(gate({ ...whole, tenants: ['hospital', 'ward'] }, fleet.tenants, RULES)).toMatchObject({
    kind: 'deny',
    permitted: ['hospital'],
    held: ['ward'],
    clause: 'hipaa 164.312(a)(2)(ii)',
  });
  expect(
    footprint('quarantine', { touch, input: { tenant: 'hospital', fingerprint: 'abc', minutes: 30 } }).deeds,
  ).toEqual([]);
  const endless = footprint('quarantine', { touch, input: { tenant: 'hospital' } });
  expect(gate(endless, fleet.tenants, RULES).kind).toBe('deny');
});

test('a protection goes on again where the application has served with it, and is never switched off', () => {
  const write = (value: string) =>
    footprint('reenable', { touch: { tenants: ['hospital'] }, input: { setting: protection.id, value } });
  expect(gate(write('on'), fleet.tenants, RULES).kind).toBe('permit');
  expect(write('off').deeds).toContain('weaken-control');
  expect(gate(write('off'), fleet.tenants, RULES)).toMatchObject({ kind: 'deny', clause: 'hipaa 164.312(b)' });
  const unproven = { ...fleet, settings: [{ ...protection, history: [change('off', null)] }] };
  const blind = footprintOf(
    step('reenable', { touch: { tenants: ['clinic'] }, input: { setting: protection.id, value: 'on' } }),
    unproven,
  );
  expect(gate(blind, fleet.tenants, RULES)).toMatchObject({ kind: 'deny', clause: 'gdpr Art. 32(1)(b)' });
});

test('a copy that takes over brings the data to its place', () => {
  const touch = { tenants: ['clinic'], regions: ['eu', 'us'] };
  const moved = footprint('failover', { touch, input: { input: { to: 'replica records-us' } } });
  expect(moved.after).toEqual({ instances: ['eu', 'us'], data: ['us'] });
  expect(gate(moved, fleet.tenants, RULES)).toMatchObject({ kind: 'deny', clause: 'gdpr Art. 44' });
});

test('a certificate is renewed also while the rules cannot be read; a credential is not', () => {
  const touch = { tenants: ['clinic'] };
  const certificate = footprint('rotate', { touch, input: { asset: 'certificate ingress' } });
  expect(gate(certificate, fleet.tenants, undefined).kind).toBe('permit');
  expect(gate(footprint('rotate', { touch, input: { asset: 'credential x' } }), fleet.tenants, undefined).kind).toBe(
    'deny',
  );
});

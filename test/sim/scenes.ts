import type { Symptom, SymptomName } from '../../src/detect/symptom.ts';
import type { Diagnosis } from '../../src/diagnose/diagnosis.ts';
import type { ActorView, AssetView, FleetView, SettingView } from '../../src/diagnose/fleet-view.ts';
import type { Scene } from '../../src/heal/drafts/scene.ts';
import { onsetOf } from '../../src/heal/onset.ts';
import type { Cause } from '../../src/resources/playbook.ts';
import { AT, fleetView, tenantView, workloadView } from './fleet-views.ts';
import { diagnosisOf } from './plans.ts';

/** A setting that was 10 for long and is 1 since two seconds, as a test would have it otherwise. */
export function settingView(id: string, more: Partial<SettingView> = {}): SettingView {
  return {
    id,
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
  };
}

export function assetView(id: string, more: Partial<AssetView> = {}): AssetView {
  const kind = id.split(' ')[0] as AssetView['kind'];
  const place = { workloads: ['records'], tenants: [], region: null, host: null, partOf: null };
  return { id, kind, ...place, settings: [], detail: {}, ...more };
}

export function actorView(name: string, more: Partial<ActorView> = {}): ActorView {
  return { name, kind: 'job', running: true, suspendable: true, uses: [], ...more };
}

/** A fleet with one workload and two tenants, and what a test adds to it. */
export function sceneFleet(more: Partial<FleetView> = {}): FleetView {
  const tenants = [tenantView('shop'), tenantView('clinic', { dataClasses: ['health'] })];
  return { ...fleetView([workloadView('records')], tenants), ...more };
}

export function symptomOf(
  name: SymptomName,
  subject: Diagnosis['subject'],
  evidence: Symptom['evidence'] = {},
): Symptom {
  return { name, subject, since: AT - 1_000, at: AT - 100, vantages: ['prober'], reason: 'it was seen', evidence };
}

export function sceneOf(
  cause: Cause,
  subject: Diagnosis['subject'],
  fleet: FleetView,
  more: Partial<Scene> = {},
): Scene {
  const diagnosis = diagnosisOf(cause, subject);
  const { workload, summary, evidence } = diagnosis;
  const base = { cause, subject, workload, incident: 'inc_1', summary, evidence, onset: onsetOf(diagnosis) };
  return { ...base, fleet, planId: 'pln_abcde', rung: 0, repairs: [], ...more };
}

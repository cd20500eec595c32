import type { Subject, Symptom, SymptomName } from '../../src/detect/symptom.ts';
import { symptomKey } from '../../src/detect/symptom.ts';
import type { Symptoms } from '../../src/detect/symptoms.ts';
import { diagnose } from '../../src/diagnose/diagnose.ts';
import type { FleetView } from '../../src/diagnose/fleet-view.ts';
import { AT } from './fleet-views.ts';

/** When the trouble of these symptoms began, when a test says nothing else. */
export const BEGAN = AT - 20_000;

/** A claim that stands, with what a test does not care about filled in. */
export function seen(
  name: SymptomName,
  subject: Subject,
  evidence: Symptom['evidence'] = {},
  more: Partial<Symptom> = {},
): Symptom {
  const reason = `${subject.name} ${name}`;
  return { name, subject, since: BEGAN, at: AT, vantages: ['prober'], reason, evidence, ...more };
}

export const workloadNamed = (name: string): Subject => ({ kind: 'workload', name });
export const tenantNamed = (name: string): Subject => ({ kind: 'tenant', name });
export const assetNamed = (name: string): Subject => ({ kind: 'asset', name });

/** `records-0`: of the workload in front of the dash. */
export function instanceNamed(name: string, version = 1): Subject {
  return { kind: 'instance', name, workload: name.split('-')[0]!, version };
}

export function standing(claims: readonly Symptom[]): Symptoms {
  return new Map(claims.map((each) => [symptomKey(each.name, each.subject), each]));
}

/** What is found, in short: `configuration: records/POOL`. */
export function found(fleet: FleetView, ...claims: readonly Symptom[]): string[] {
  return diagnose(standing(claims), fleet).map(({ cause, subject }) => `${cause}: ${subject.name}`);
}

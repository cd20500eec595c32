import type { JsonObject } from '../base/json.ts';

/** What a symptom is about. */
export type Subject =
  | { readonly kind: 'instance'; readonly name: string; readonly workload: string; readonly version: number }
  | { readonly kind: 'version'; readonly name: string; readonly workload: string; readonly version: number }
  | { readonly kind: 'workload'; readonly name: string }
  | { readonly kind: 'tenant'; readonly name: string };

export const SYMPTOMS = [
  'exited',
  'probe-failed',
  'hung',
  'start-failed',
  'crash-loop',
  'instance-errors',
  'instance-slow',
  'version-errors',
  'leak',
  'objective-burning',
  'noisy-tenant',
  'overloaded',
  'artefact-drift',
] as const;
export type SymptomName = (typeof SYMPTOMS)[number];

/** A detector's claim about a subject. It stands until the same detector takes it back. */
export interface Symptom {
  readonly name: SymptomName;
  readonly subject: Subject;
  /** When the claim was first made. */
  readonly since: number;
  /** When the evidence that it rests on was last seen. A claim on old evidence is not acted on. */
  readonly at: number;
  /** Who saw it: guards ask for independent vantages. */
  readonly vantages: readonly string[];
  /** One sentence for people. */
  readonly reason: string;
  readonly evidence: JsonObject;
}

export type Change = { readonly raise: Symptom } | { readonly clear: SymptomName; readonly subject: Subject };

/** `exited instance ins_x`: two claims with the same key are one. */
export function symptomKey(name: SymptomName, subject: Subject): string {
  return `${name} ${subject.kind} ${subject.name}`;
}

export function instanceSubject(ref: { instance: string; workload: string; version: number }): Subject {
  return { kind: 'instance', name: ref.instance, workload: ref.workload, version: ref.version };
}

export function versionSubject(workload: string, version: number): Subject {
  return { kind: 'version', name: `${workload}@${version}`, workload, version };
}

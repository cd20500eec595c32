import type { Subject } from '../../detect/symptom.ts';
import type { Diagnosis } from '../../diagnose/diagnosis.ts';
import type { Plan } from '../plan.ts';

/** Budgets that a plan draws a token from. */
export function budgetScopes(plan: Pick<Plan, 'workload' | 'target'>): readonly string[] {
  return ['global', plan.workload === null ? plan.target : `workload ${plan.workload}`];
}

/** Budgets that any plan about this diagnosis may draw from, whichever suspect it is about. */
export function scopesOf({ subject, workload, suspects }: Diagnosis): readonly string[] {
  const scopes = [subject, ...suspects.map((each) => each.subject)].flatMap((each) =>
    budgetScopes({
      workload: workloadNamed(each) ?? (each === subject ? workload : null),
      target: `${each.kind} ${each.name}`,
    }),
  );
  return [...new Set(scopes)];
}

/** The workload that a subject names by itself. */
export function workloadNamed(subject: Subject): string | null {
  if ('workload' in subject) return subject.workload;
  return subject.kind === 'workload' ? subject.name : null;
}

/** `workload records` contains `slot records/eu/0`. */
export function overlaps(a: string, b: string): boolean {
  return a === b || contains(a, b) || contains(b, a);
}

function contains(outer: string, inner: string): boolean {
  const workload = /^workload (.+)$/.exec(outer)?.[1];
  return workload !== undefined && inner.startsWith(`slot ${workload}/`);
}

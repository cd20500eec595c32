import { type Symptom, factOf } from '../detect/symptom.ts';
import type { ViolatedControl } from '../observe/violated-control.ts';

/** A clause that is violated, with the tenants for whom it is. */
export interface ViolatedClause {
  readonly framework: string;
  readonly control: string;
  readonly clause: string;
  readonly title: string;
  readonly tenants: readonly string[];
  readonly tenantsTotal: number;
  /** What the control says against it, in words. */
  readonly advice: readonly string[];
}

/** The controls that the claims say are violated. */
export function violatedControlsIn(evidence: readonly Symptom[]): readonly ViolatedControl[] {
  return evidence.flatMap(({ name, evidence: { violated } }) =>
    factOf(name) === undefined || !Array.isArray(violated) ? [] : (violated as unknown as readonly ViolatedControl[]),
  );
}

/** Each clause once, whatever facts violate it, with everybody for whom one of them does. */
export function clausesIn(evidence: readonly Symptom[]): readonly ViolatedClause[] {
  const same = Map.groupBy(violatedControlsIn(evidence), ({ framework, control }) => `${framework} ${control}`);
  return [...same.values()].map((all): ViolatedClause => {
    const [{ framework, control, clause, title }] = all as [ViolatedControl];
    const tenants = [...new Set(all.flatMap((each) => each.tenants))];
    const tenantsTotal = Math.max(tenants.length, ...all.map((each) => each.tenantsTotal));
    const advice = [...new Set(all.flatMap((each) => each.advice))];
    return { framework, control, clause, title, tenants, tenantsTotal, advice };
  });
}

/** `gdpr Art. 44 (clinic-de)`: as people cite it. Nothing where no control is violated. */
export function tellClauses(evidence: readonly Symptom[]): string {
  const told = clausesIn(evidence).map(
    ({ framework, clause, tenants, tenantsTotal }) => `${framework} ${clause} (${someOf(tenants, tenantsTotal)})`,
  );
  return told.join('; ');
}

const NAMED_MAX = 5;

function someOf(names: readonly string[], total: number): string {
  const rest = total - Math.min(names.length, NAMED_MAX);
  return `${names.slice(0, NAMED_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

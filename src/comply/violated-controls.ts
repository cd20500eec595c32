import { VIOLATED_TENANTS_MAX, type ViolatedControl } from '../observe/violated-control.ts';
import type { Fact } from '../observe/fact.ts';
import type { Control } from '../resources/control.ts';
import { FACT_KINDS } from '../resources/fact-kinds.ts';
import { detailOf, tellValue } from './assess.ts';
import type { Posture } from './posture.ts';

/**
 * The controls that a fact breaks by itself, each with the tenants for whom it does. Those for whom a documented
 * alternative stands are left out. Undefined when the fact says nothing: it could not be measured, or nobody asks for it.
 */
export function violatedBy(posture: Posture, fact: Fact, at: number): readonly ViolatedControl[] | undefined {
  const found = new Map<string, { framework: string; control: Control; tenants: string[] }>();
  let isKnown = false;
  for (const { tenant, framework, control, status, addressed } of posture.judgementsOf(fact, at)) {
    if (status === 'unknown') continue;
    isKnown = true;
    if (status === 'satisfied' || addressed) continue;
    const key = `${framework} ${control.id}`;
    const each = found.get(key) ?? { framework, control, tenants: [] };
    found.set(key, each);
    each.tenants.push(tenant);
  }
  return isKnown ? [...found.values()].map((each) => violatedControl(each, fact)) : undefined;
}

function violatedControl(
  given: { readonly framework: string; readonly control: Control; readonly tenants: readonly string[] },
  { name }: Fact,
): ViolatedControl {
  const { framework, control, tenants } = given;
  const remedies = control.remedies.filter(({ facts }) => facts === undefined || facts.includes(name));
  return {
    framework,
    control: control.id,
    clause: control.clause,
    title: control.title,
    tenants: tenants.slice(0, VIOLATED_TENANTS_MAX),
    tenantsTotal: tenants.length,
    moves: [...new Set(remedies.flatMap((remedy) => ('move' in remedy ? [remedy.move] : [])))],
    advice: remedies.flatMap((remedy) => ('person' in remedy ? [remedy.person] : [remedy.what])),
  };
}

/** What was measured, in a sentence: `rls.enabled of store postgresql/records/eu is false`. */
export function tellFact({ name, subject, measured }: Fact): string {
  const what = `${name} of ${FACT_KINDS[name].of} ${subject}`;
  if (measured.kind === 'unknown') return `${what} is not known: ${measured.reason}`;
  return `${what} is ${tellValue(measured.value)}${detailOf(measured)}`;
}

import { BREACH_TENANTS_MAX, type Breach } from '../observe/breach.ts';
import type { Fact } from '../observe/fact.ts';
import type { Control } from '../resources/control.ts';
import { FACT_KINDS } from '../resources/fact-kinds.ts';
import type { Posture } from './posture.ts';

/**
 * The controls that a fact breaks by itself, each with the tenants for whom it does. Those for whom a documented
 * alternative stands are left out. Undefined when the fact says nothing: it could not be measured, or nobody asks for it.
 */
export function breachesOf(posture: Posture, fact: Fact, at: number): readonly Breach[] | undefined {
  const found = new Map<string, { framework: string; control: Control; tenants: string[] }>();
  let isKnown = false;
  for (const { tenant, framework, control, status, addressed } of posture.judgementsOf(fact, at)) {
    if (status === 'unknown') continue;
    isKnown = true;
    if (status === 'satisfied' || addressed) continue;
    const key = `${framework} ${control.id}`;
    const breach = found.get(key) ?? { framework, control, tenants: [] };
    found.set(key, breach);
    breach.tenants.push(tenant);
  }
  return isKnown ? [...found.values()].map((each) => breachOf(each, fact)) : undefined;
}

function breachOf(
  given: { readonly framework: string; readonly control: Control; readonly tenants: readonly string[] },
  { name }: Fact,
): Breach {
  const { framework, control, tenants } = given;
  const remedies = control.remedies.filter(({ facts }) => facts === undefined || facts.includes(name));
  return {
    framework,
    control: control.id,
    clause: control.clause,
    title: control.title,
    tenants: tenants.slice(0, BREACH_TENANTS_MAX),
    tenantsTotal: tenants.length,
    moves: [...new Set(remedies.flatMap((remedy) => ('move' in remedy ? [remedy.move] : [])))],
    advice: remedies.flatMap((remedy) => ('person' in remedy ? [remedy.person] : [remedy.what])),
  };
}

/** What was measured, in a sentence: `rls.enabled of store postgresql/records/eu is false`. */
export function tellFact({ name, subject, measured }: Fact): string {
  const what = `${name} of ${FACT_KINDS[name].of} ${subject}`;
  if (measured.kind === 'unknown') return `${what} is not known: ${measured.reason}`;
  const value = Array.isArray(measured.value) ? measured.value.join(', ') || 'none' : String(measured.value);
  return `${what} is ${value}`;
}

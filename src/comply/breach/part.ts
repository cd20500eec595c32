import { type Assessment, type Step, tenantsOf } from './breach.ts';

/**
 * An assessment as far as it is one tenant's: its duties, and what was said to its clocks. Signed statements stay with the
 * operator: they may speak of others too. Undefined when it does not touch the tenant.
 */
export function partOf(assessment: Assessment, tenant: string): Assessment | undefined {
  if (!tenantsOf(assessment).includes(tenant)) return undefined;
  const own = (key: string) => key.startsWith(`${tenant} `);
  const steps = assessment.steps.flatMap((step): Step[] => {
    if (step.kind === 'paged') return [];
    if ('clock' in step) return !step.clock.includes(' ') || own(step.clock) ? [step] : [];
    if (step.kind === 'touched') {
      const duties = step.duties.filter((duty) => duty.tenant === tenant);
      return [{ ...step, tenants: step.tenants.filter((each) => each === tenant), duties }];
    }
    if (!('clocks' in step)) return [step];
    const clocks = step.clocks.filter(own);
    if (clocks.length === 0) return [];
    return step.kind === 'decided' ? [{ ...step, clocks, envelope: '' }] : [{ ...step, clocks }];
  });
  const duties = assessment.duties.filter((duty) => duty.tenant === tenant);
  return { ...assessment, tenants: assessment.tenants.filter((each) => each === tenant), duties, steps };
}

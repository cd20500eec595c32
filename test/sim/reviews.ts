import type { Step } from '../../src/heal/plan.ts';
import type { Guard, Review } from '../../src/heal/guards/guard.ts';
import { reviewPlan } from '../../src/heal/guards/review.ts';
import { GUARDS } from '../../src/heal/guards/table.ts';
import { AT, fleetView, workloadView } from './fleet-views.ts';
import { diagnosisOf, planOf, policyOf, situationOf, stepOf } from './plans.ts';

export const subject = { kind: 'instance', name: 'records-0', workload: 'records', version: 1 } as const;

/** A replacement against which no guard says anything, with what a test is about changed. */
export function soundStep(more: Partial<Step> = {}, touch: Partial<Step['touch']> = {}): Step {
  const input = { workload: 'records', region: 'eu', oldInstance: 'records-0', newInstance: 'records-eu-0-abcde' };
  return stepOf({ input, soakMs: 60_000, verifyWithinMs: 120_000, ...more }, { instances: ['records-0'], ...touch });
}

/** A situation in which every guard allows, with what a test is about changed. */
export function reviewOf(more: Partial<Review> = {}): Review {
  return {
    plan: planOf({ steps: [soundStep()] }),
    situation: situationOf(diagnosisOf('instance-hung', subject)),
    fleet: fleetView([workloadView('records')]),
    budgets: { global: 5, 'workload records': 5 },
    policy: policyOf(),
    now: AT,
    ...more,
  };
}

export function verdictOf(guard: string, more: Partial<Review> = {}): string | undefined {
  return reviewPlan(reviewOf(more)).find((each) => each.guard === guard)?.kind;
}

/** Names of the guards that do not allow. */
export function refusersOf(review: Review, guards: readonly Guard[] = GUARDS): readonly string[] {
  return reviewPlan(review, guards)
    .filter(({ kind }) => kind !== 'allow')
    .map(({ guard }) => guard);
}

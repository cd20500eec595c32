import type { Plan, Verdict } from '../plan.ts';
import type { Guard, Review } from './guard.ts';
import { GUARDS } from './table.ts';

/** The verdict of every guard on a plan. A guard that throws denies. */
export function reviewPlan(review: Review, guards: readonly Guard[] = GUARDS): readonly Verdict[] {
  return guards.map((guard) => {
    try {
      const verdict = guard.review(review) ?? { kind: 'allow', reason: guard.rule, remedy: '' };
      return { guard: guard.name, ...verdict };
    } catch (error) {
      const reason = `the guard failed: ${error instanceof Error ? error.message : 'unknown'}`;
      return { guard: guard.name, kind: 'deny', reason, remedy: 'report this as a bug' };
    }
  });
}

/**
 * Judges the rung of one step again, on the world as it is right before that step. Only the guards are asked that can
 * still say something: what the repair itself has taken, changed or paid for does not count against it.
 */
export function reviewBefore(
  step: number,
  review: Omit<Review, 'before'>,
  guards: readonly Guard[] = GUARDS,
): readonly Verdict[] {
  const asked = guards.filter(({ at }) => at === 'every step' || (at === 'start' && step === 0));
  return reviewPlan({ ...review, plan: rungOf(review.plan, step), before: step }, asked);
}

/** The plan with what is left of the rung of one step. */
function rungOf(plan: Plan, step: number): Plan {
  const rung = plan.steps[step]?.rung;
  return { ...plan, steps: plan.steps.filter((each, at) => at >= step && each.rung === rung) };
}

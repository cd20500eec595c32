import type { Plan } from './plan.ts';
import type { PastRepair } from './situation.ts';

/** A repair as guards look back on it: what its plan touched, and how it ended. */
export function pastRepair(plan: Plan, life: Pick<PastRepair, 'id' | 'startedAt' | 'endedAt' | 'outcome'>): PastRepair {
  return {
    ...life,
    target: plan.target,
    instances: plan.steps.flatMap((step) => step.touch.instances),
    tenants: [...new Set(plan.steps.flatMap((step) => step.touch.tenants))],
    cause: plan.cause,
    playbook: plan.playbook,
    moves: plan.steps.map((step) => step.move),
    wrote: plan.steps.flatMap(({ input }) =>
      typeof input['setting'] === 'string'
        ? [{ setting: input['setting'], value: (input['value'] ?? null) as string | null }]
        : [],
    ),
  };
}

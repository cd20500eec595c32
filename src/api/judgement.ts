import { fromIso } from '../base/clock.ts';
import { BUILTIN_PLAYBOOKS } from '../heal/playbooks.ts';
import { budgetScopes, GUARDS, reviewPlan } from '../heal/guards.ts';
import { readBudgets } from '../heal/budgets.ts';
import type { Plan, Verdict } from '../heal/plan.ts';
import { readPastRepairs } from '../heal/repair-store.ts';
import type { Policy, Situation } from '../heal/situation.ts';
import type { Control } from './control.ts';

/** What people allow: stops, freezes, playbooks (theirs before ours), rules of the regulations. */
export function policyOf({ world }: Control): Policy {
  const { stops, freezes, playbooks, profiles } = world.declared;
  return {
    stops,
    freezes: freezes.map(({ metadata, spec }) => ({
      name: metadata.name,
      reason: spec.reason,
      from: fromIso(spec.from),
      until: fromIso(spec.until),
      workloads: spec.workloads,
      allow: spec.allow,
    })),
    playbooks: [...playbooks, ...BUILTIN_PLAYBOOKS],
    rules: profiles.map(({ metadata, spec }) => ({
      profile: metadata.name,
      residency: spec.moves.residency,
      needsApproval: spec.moves.needsApproval,
    })),
    autonomyMax: 'auto',
    drillAgeMaxMs: null,
    harmMax: 1_000,
    destructive: [],
  };
}

/** Guards that a running repair would trip over by being there itself, or that were paid for when it began. */
const JUDGED_ONCE = ['one-per-target', 'velocity', 'attempts', 'plan-fresh', 'autonomy', 'fresh-evidence'];

/**
 * Judges a plan again right before a step, on the world as it is now. Before the first step everything counts but what
 * the repair itself has taken; a plan that a person approved was made earlier, so its revision is compared too.
 */
export async function rejudge(control: Control, plan: Plan, moveIndex: number): Promise<readonly Verdict[]> {
  const { world, options, tracker } = control;
  await control.refresh();
  const incident = tracker.open.find((each) => each.id === plan.incident);
  const fleet = world.view();
  const situation: Situation = {
    incident: plan.incident,
    planId: plan.id,
    repairs: (await readPastRepairs(options.database)).filter((each) => each.target !== plan.target),
    ...surroundings(),
    diagnosis: incident?.body.diagnosis ?? { ...NO_DIAGNOSIS, cause: plan.cause },
  };
  const budgets = await readBudgets(options.database, budgetScopes(plan));
  const skipped = moveIndex === 0 ? JUDGED_ONCE.filter((name) => name !== 'plan-fresh') : JUDGED_ONCE;
  const guards = GUARDS.filter((guard) => !skipped.includes(guard.name));
  const rest = { ...plan, steps: plan.steps.slice(moveIndex) };
  return reviewPlan({ plan: rest, situation, fleet, budgets, policy: policyOf(control), now: fleet.at }, guards);
}

const NO_DIAGNOSIS = {
  key: '',
  subject: { kind: 'workload', name: '' },
  workload: null,
  summary: '',
  evidence: [],
  explains: [],
} as const;

/** What a decision looks at besides the fault and the fleet. */
export function surroundings(): Omit<Situation, 'incident' | 'planId' | 'repairs' | 'diagnosis'> {
  return {
    relapses: { count: 0, lastOverAt: null },
    vantages: [],
    healer: { takeovers: 0, overdue: 0, canWrite: true, standsOn: [] },
    trust: {},
    approvals: [],
  };
}

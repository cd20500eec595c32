import type { FleetView } from '../../diagnose/fleet-view.ts';
import { THRESHOLDS, type ThresholdName } from '../../resources/threshold.ts';
import type { Plan, Step, Verdict } from '../plan.ts';
import type { Budgets, Policy, Situation } from '../situation.ts';

/** A plan that is being judged, with everything that may be looked at. */
export interface Review {
  readonly plan: Plan;
  readonly situation: Situation;
  readonly fleet: FleetView;
  readonly budgets: Budgets;
  readonly policy: Policy;
  readonly now: number;
  /** The step that is about to be made; left out while the plan is made. */
  readonly before?: number;
}

/** When a guard is asked: only while a plan is made, also before the first step, or before every step. */
export type Moment = 'planning' | 'start' | 'every step';

/**
 * May this plan run? Pure. Returns nothing to allow. Deny over ask over allow; a guard that throws counts as deny, and so
 * does a fact that is missing. More facts never loosen a deny.
 */
export interface Guard {
  /** Its place in the list of guards that a healer has to have. Two guards may share one. */
  readonly number: number;
  readonly name: string;
  readonly rule: string;
  /** What the guard prevents was seen there; or who else has it. */
  readonly source: string;
  readonly thresholds: readonly ThresholdName[];
  readonly at: Moment;
  /** What helps after its deny: time, or a person, who is called if nothing else stands against that. */
  readonly helps: 'time' | 'person';
  review(review: Review): Omit<Verdict, 'guard'> | undefined;
}

export function deny(reason: string, remedy: string): Omit<Verdict, 'guard'> {
  return { kind: 'deny', reason, remedy };
}

export function ask(reason: string, remedy: string): Omit<Verdict, 'guard'> {
  return { kind: 'ask', reason, remedy };
}

/** The number that the policy sets, or the default. */
export function threshold(policy: Policy, name: ThresholdName): number {
  return policy.thresholds?.[name] ?? THRESHOLDS[name].default;
}

/** Steps that change something: a call to a person changes nothing. */
export function deedsOf(plan: Plan): readonly Step[] {
  return plan.steps.filter((step) => step.move !== 'page');
}

/** Instances that a step touches and that requests are sent to. */
export function servingTouched({ plan, fleet }: Pick<Review, 'plan' | 'fleet'>): readonly string[] {
  const running = new Set(runningTouched({ plan, fleet }));
  return fleet.workloads.flatMap(({ instances }) =>
    instances.flatMap(({ id, ready }) => (ready && running.has(id) ? [id] : [])),
  );
}

/** Occupants that a step touches and that run: what it may take away from somebody. */
export function runningTouched({ plan, fleet }: Pick<Review, 'plan' | 'fleet'>): readonly string[] {
  const touched = new Set(plan.steps.flatMap((step) => step.touch.instances));
  return fleet.workloads
    .flatMap((workload) => workload.instances)
    .filter((each) => each.running && touched.has(each.id))
    .map((each) => each.id);
}

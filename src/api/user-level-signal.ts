import type { Clock } from '../base/clock.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { World } from '../drivers/world.ts';
import type { Plan, Step } from '../heal/plan.ts';
import type { Reading } from '../heal/verification.ts';
import type { UserSignal } from '../observe/user-signal.ts';

/** Over this span what clients felt is summed; long enough for the gateways' reports, short enough to see a relapse. */
const WINDOW_MS = 1_000;
const FAILED_SHARE_MAX = 0.02;

/**
 * The signal by which a repair is verified: what the tenants' own requests felt since the move, that nothing speaks
 * against what was put in place, and that it is there. Without traffic the readiness of the successors stands in for it:
 * a synthetic request of the tenants' kind. `none` only when not even that can be asked.
 */
export function signalFor(options: {
  readonly plan: Plan;
  readonly step: Step;
  readonly since: number;
  readonly world: World;
  readonly userSignal: UserSignal;
  readonly symptoms: () => Symptoms;
  readonly clock: Clock;
}): () => Reading {
  const { plan, step, since, world, userSignal, symptoms, clock } = options;
  const exceptTenant = plan.cause === 'tenant' ? (step.touch.tenants[0] ?? '') : undefined;
  const successors = successorsOf(step);
  return () => {
    if (successors.some((id) => !world.isRunning(id))) return 'hopeless';
    const from = Math.max(since, clock.now() - WINDOW_MS);
    const routed = plan.workload !== null && world.workload(plan.workload)?.spec.route !== undefined;
    const felt = userSignal.felt(from, {
      ...(routed && plan.workload !== null ? { workload: plan.workload } : {}),
      ...(exceptTenant === undefined ? {} : { exceptTenant }),
    });
    const failing = felt.requests > 0 && felt.failed > FAILED_SHARE_MAX * felt.requests;
    if (failing || speaksAgainst(plan, since, symptoms())) return 'bad';
    if (plan.cause === 'tenant') return felt.requests > 0 ? 'good' : 'none';
    if (plan.workload === null) return felt.requests > 0 ? 'good' : 'none';
    return isServed(plan.workload, successors, world) ? 'good' : 'bad';
  };
}

/** A claim that was refreshed since the move, about the tenant or workload that was to be healed. */
function speaksAgainst(plan: Plan, since: number, standing: Symptoms): boolean {
  return [...standing.values()].some(({ name, subject, at }) => {
    if (at <= since) return false;
    if (plan.cause === 'tenant') return name === 'noisy-tenant' && subject.name === plan.target.slice('tenant '.length);
    return 'workload' in subject && subject.workload === plan.workload && name !== 'objective-burning';
  });
}

/** What the step put in place. */
function successorsOf(step: Step): readonly string[] {
  const orders = (step.input['slots'] ?? [step.input]) as unknown as readonly { newInstance?: string }[];
  return orders.flatMap((order) => order.newInstance ?? []);
}

/** What the step put in place serves; every slot does, when it put nothing in place. */
function isServed(workload: string, successors: readonly string[], world: World): boolean {
  if (successors.length > 0) return successors.every((id) => world.isReady(id));
  const slots = world.workload(workload)?.slots ?? [];
  return slots.length > 0 && slots.every((slot) => slot.instance !== null && world.isReady(slot.instance));
}

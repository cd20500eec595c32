import { gate } from '../comply/gate.ts';
import type { FleetView, InstanceView } from '../diagnose/fleet-view.ts';
import { workloadOf } from '../diagnose/fleet-view.ts';
import type { Plan, Verdict } from './plan.ts';
import type { Budgets, Policy, Situation } from './situation.ts';

/** A plan that is being judged, with everything that may be looked at. */
export interface Review {
  readonly plan: Plan;
  readonly situation: Situation;
  readonly fleet: FleetView;
  readonly budgets: Budgets;
  readonly policy: Policy;
  readonly now: number;
}

/**
 * May this plan run? Pure. Returns nothing to allow. Deny over ask over allow; a guard that throws counts as deny.
 * `source` says where the default comes from, so that a reader can judge it.
 */
export interface Guard {
  readonly name: string;
  readonly rule: string;
  readonly source: string;
  review(review: Review): Omit<Verdict, 'guard'> | undefined;
}

/** Serving instances of one workload that may be away at once. Envoy ejects 10 %, an ASG refresh keeps 90 %. */
const TAKEN_SHARE_MAX = 1 / 3;
/** Share of instances that look down from which the observer is suspected (Envoy and Medik8s 50 %, Kubernetes 55 %). */
const PANIC_SHARE = 0.5;
const PANIC_INSTANCES_MIN = 4;
/** Evidence older than this is not acted on; the gateways report every 250 ms and probes run as often. */
const EVIDENCE_AGE_MAX_MS = 10_000;
/** Repairs of one target in a playbook's window, healed or not, before it is called a loop. */
const REPAIRS_OF_TARGET_MAX = 6;

const stop: Guard = {
  name: 'stop',
  rule: 'nothing is healed while the stop is on',
  source: 'healing cases 5 and 10: automation that was stopped by hand and turned back on by another',
  review({ policy, now }) {
    const standing = policy.stops.find((each) => each.scope === 'global' && isActive(each.expiresAt, now));
    return standing && deny(`stopped by ${standing.by}: ${standing.reason}`, '`kintsugi resume` lifts the stop');
  },
};

const pause: Guard = {
  name: 'pause',
  rule: 'nothing is healed in a scope that a person paused',
  source: 'Medik8s NHC pauseRequests',
  review({ plan, policy, now }) {
    const scopes = new Set([
      `workload ${plan.workload}`,
      ...plan.steps.flatMap((step) => [`move ${step.move}`, ...step.touch.tenants.map((name) => `tenant ${name}`)]),
    ]);
    const standing = policy.stops.find((each) => scopes.has(each.scope) && isActive(each.expiresAt, now));
    return (
      standing &&
      deny(`${standing.scope} is paused by ${standing.by}: ${standing.reason}`, `\`kintsugi resume ${standing.scope}\``)
    );
  },
};

const freeze: Guard = {
  name: 'freeze',
  rule: 'in a declared window only the moves that it allows are made',
  source: 'AWS ARC blocked windows',
  review({ plan, policy, now }) {
    const window = policy.freezes.find(
      (each) =>
        each.from <= now &&
        now < each.until &&
        (each.workloads.length === 0 || (plan.workload !== null && each.workloads.includes(plan.workload))) &&
        plan.steps.some((step) => !each.allow.includes(step.move)),
    );
    return (
      window && deny(`freeze ${window.name}: ${window.reason}`, 'wait for its end, or allow the move in the Freeze')
    );
  },
};

const autonomy: Guard = {
  name: 'autonomy',
  rule: 'a playbook goes as far without a person as it was given leave to',
  source: 'kubernaut and RunLore: dry run first, then approval, then alone',
  review({ plan, policy }) {
    const playbook = policy.playbooks.find((each) => each.metadata.name === plan.playbook);
    const order = ['observe', 'propose', 'approve', 'auto'] as const;
    const level = Math.min(order.indexOf(playbook?.spec.autonomy ?? 'observe'), order.indexOf(policy.autonomyMax));
    if (order[level] === 'auto') return undefined;
    if (order[level] === 'approve') {
      return { kind: 'ask', reason: `playbook ${plan.playbook} asks for a person`, remedy: '`kintsugi approve`' };
    }
    return deny(`playbook ${plan.playbook} only ${order[level]}s`, 'raise `spec.autonomy` of the Playbook');
  },
};

const freshEvidence: Guard = {
  name: 'fresh-evidence',
  rule: 'no healing on stale or missing data',
  source: 'Argo Rollouts #1905: no data must pause',
  review({ situation, now }) {
    const evidence = situation.diagnosis.evidence;
    if (evidence.length === 0) return deny('there is no evidence', 'wait for the next reading');
    // A death is a fact and does not age; everything else must still be seen.
    const fresh = evidence.filter(
      (each) => each.name === 'exited' || each.name === 'start-failed' || now - each.at <= EVIDENCE_AGE_MAX_MS,
    );
    if (fresh.length > 0) return undefined;
    return deny(`the newest evidence is older than ${EVIDENCE_AGE_MAX_MS / 1000} s`, 'wait for the next reading');
  },
};

const panic: Guard = {
  name: 'panic',
  rule: 'when most of the fleet looks down, the observer is suspected: nothing that still runs is taken away',
  source: 'Envoy panic threshold 50 %, Kubernetes unhealthy-zone 55 %',
  review({ plan, fleet }) {
    const instances = fleet.workloads.flatMap((each) => each.instances).filter((each) => each.role === 'occupant');
    const down = instances.filter((each) => !each.ready).length;
    if (instances.length < PANIC_INSTANCES_MIN || down < PANIC_SHARE * instances.length) return undefined;
    const touched = plan.steps.flatMap((step) => step.touch.instances);
    const alive = instances.filter((each) => touched.includes(each.id) && each.running);
    if (alive.length === 0) return undefined;
    return deny(
      `${down} of ${instances.length} instances look down`,
      'find the shared cause; it is lifted when fewer do',
    );
  },
};

const blastRadius: Guard = {
  name: 'blast-radius',
  rule: 'at most a third of a workload (and never less than one) is taken away at once, other repairs included',
  source: 'Envoy 10 %, ASG 90 % minimum healthy, Config 10 %',
  review({ plan, situation, fleet }) {
    const workload = plan.workload === null ? undefined : workloadOf(fleet, plan.workload);
    if (!workload) return undefined;
    const occupants = workload.instances.filter((each) => each.role === 'occupant');
    const running = situation.repairs.filter((each) => each.endedAt === null).flatMap((each) => each.instances);
    const others = occupants.filter((each) => running.includes(each.id) && each.ready).length;
    const own = Math.max(0, ...plan.steps.map((step) => step.touch.servingTakenAtOnce));
    const max = Math.max(1, Math.floor(occupants.length * TAKEN_SHARE_MAX));
    if (own === 0 || own + others <= max) return undefined;
    return deny(
      `${own + others} of ${occupants.length} instances of ${workload.name} would be away, ${max} may be`,
      'wait for the other repairs',
    );
  },
};

const minimumHealthy: Guard = {
  name: 'minimum-healthy',
  rule: 'the last instance of a region that serves is never taken away before its successor is ready',
  source: 'OTP, ASG instance refresh',
  review({ plan, fleet }) {
    const workload = plan.workload === null ? undefined : workloadOf(fleet, plan.workload);
    if (!workload || workload.replacement === 'parallel') return undefined;
    const touched = plan.steps.flatMap((step) => step.touch.instances);
    const serving = (each: InstanceView) => each.role === 'occupant' && each.ready;
    for (const region of Object.keys(workload.wanted)) {
      const here = workload.instances.filter((each) => each.region === region && serving(each));
      const left = here.filter((each) => !touched.includes(each.id));
      if (here.length > 0 && left.length === 0) {
        return deny(`${workload.name} would have no instance left in ${region}`, 'add an instance there first');
      }
    }
    return undefined;
  },
};

const velocity: Guard = {
  name: 'velocity',
  rule: 'a token of the workload and one of the fleet for each repair; they refill with time and survive restarts',
  source: 'Kubernetes 0.1 evictions/s, ShieldOps 3/min',
  review({ plan, budgets }) {
    const empty = budgetScopes(plan).find((scope) => (budgets[scope] ?? 0) < 1);
    return empty === undefined
      ? undefined
      : deny(`the budget of ${empty} is spent`, 'it refills with time; a person may act at once');
  },
};

const attempts: Guard = {
  name: 'attempts',
  rule: 'after some repairs of one target in a window that did not hold, a person is called; inconclusive is failed',
  source: 'kubernaut #1090: 39 ineffective repairs of one signal',
  review({ plan, situation, policy, now }) {
    const limits = policy.playbooks.find((each) => each.metadata.name === plan.playbook)?.spec.limits;
    if (!limits) return deny(`playbook ${plan.playbook} is not known`, 'apply it again');
    const recent = situation.repairs.filter(
      (each) => each.target === plan.target && each.startedAt > now - limits.windowMs,
    );
    const failed = recent.filter(
      (each) => each.endedAt !== null && each.outcome !== 'healed' && each.outcome !== 'refused',
    );
    const tooOften = failed.length >= limits.attempts || recent.length >= REPAIRS_OF_TARGET_MAX;
    if (!tooOften) return undefined;
    const reason = `${recent.length} repairs of ${plan.target} in ${limits.windowMs / 60_000} min, ${failed.length} failed`;
    return deny(reason, 'a person has to look; the window moves on by itself');
  },
};

const onePerTarget: Guard = {
  name: 'one-per-target',
  rule: 'one repair holds a target; what it contains is held with it',
  source: 'kubernaut ResourceBusy, Keep #1549',
  review({ plan, situation }) {
    const busy = situation.repairs.find((each) => each.endedAt === null && overlaps(each.target, plan.target));
    return busy && deny(`${busy.id} is at work on ${busy.target}`, 'wait for its end');
  },
};

const planFresh: Guard = {
  name: 'plan-fresh',
  rule: 'a plan runs only on the state that it was made from, and only until it expires',
  source: 'AWS DynamoDB, October 2025: a delayed enactor applied a stale plan',
  review({ plan, fleet, now }) {
    if (now > plan.expiresAt) return deny('the plan has expired', 'a new one is made while the incident is open');
    if (plan.workload === null || plan.revision === null) return undefined;
    const current = workloadOf(fleet, plan.workload)?.revision;
    if (current === plan.revision) return undefined;
    return deny(
      `${plan.workload} is at revision ${current}, the plan was made at ${plan.revision}`,
      'a new plan is made',
    );
  },
};

const regulation: Guard = {
  name: 'regulation',
  rule: 'each step is lawful for each tenant that it touches; unknown is a no',
  source: 'the profiles of the tenants',
  review({ plan, fleet, policy }) {
    const rulings = plan.steps
      .map(({ move, touch: { regions, tenants } }) => gate({ move, regions, tenants }, fleet.tenants, policy.rules))
      .filter((ruling) => ruling.kind !== 'permit');
    const denied = rulings.find((ruling) => ruling.kind === 'deny');
    if (denied) return deny(`${denied.clause}: ${denied.reason}`, 'choose a lawful place');
    const asks = rulings[0];
    return asks && { kind: 'ask', reason: `${asks.clause}: ${asks.reason}`, remedy: '`kintsugi approve`' };
  },
};

/** All guards, in the order in which people read their verdicts. */
export const GUARDS: readonly Guard[] = [
  stop,
  pause,
  freeze,
  autonomy,
  regulation,
  freshEvidence,
  panic,
  onePerTarget,
  planFresh,
  attempts,
  velocity,
  blastRadius,
  minimumHealthy,
];

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

/** Budgets that a plan draws a token from. */
export function budgetScopes(plan: Pick<Plan, 'workload' | 'target'>): readonly string[] {
  return ['global', plan.workload === null ? plan.target : `workload ${plan.workload}`];
}

/** `workload records` contains `slot records/eu/0`. */
export function overlaps(a: string, b: string): boolean {
  return a === b || contains(a, b) || contains(b, a);
}

function contains(outer: string, inner: string): boolean {
  const workload = /^workload (.+)$/.exec(outer)?.[1];
  return workload !== undefined && inner.startsWith(`slot ${workload}/`);
}

function isActive(expiresAt: number | null, now: number): boolean {
  return expiresAt === null || now < expiresAt;
}

function deny(reason: string, remedy: string): Omit<Verdict, 'guard'> {
  return { kind: 'deny', reason, remedy };
}

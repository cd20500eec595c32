/** Guards that ask how often, how many at once, and whether somebody else is at it. */
import { type FleetView, type InstanceView, settingOf, workloadOf } from '../../diagnose/fleet-view.ts';
import { deedsOf, deny, type Guard, type Review, servingTouched, threshold } from './guard.ts';
import { budgetScopes, overlaps } from './target.ts';

export const velocity: Guard = {
  number: 5,
  name: 'velocity',
  rule: 'a token of the workload and one of the fleet for each repair; they refill with time and survive restarts',
  source: 'Kubernetes 0.1 evictions/s, ShieldOps 3/min',
  thresholds: [],
  at: 'planning',
  helps: 'time',
  review({ plan, budgets }) {
    const empty = budgetScopes(plan).find((scope) => (budgets[scope] ?? 0) < 1);
    return empty === undefined
      ? undefined
      : deny(`the budget of ${empty} is spent`, 'it refills with time; a person may act at once');
  },
};

export const attempts: Guard = {
  number: 10,
  name: 'attempts',
  rule: 'after some repairs of one target in a window that did not hold, a person is called; inconclusive is failed',
  source: 'kubernaut #1090: 39 ineffective repairs of one signal',
  thresholds: ['attempts.repairsMax'],
  at: 'planning',
  helps: 'person',
  review(review) {
    const { plan, situation, policy, now } = review;
    const limits = policy.playbooks.find((each) => each.metadata.name === plan.playbook)?.spec.limits;
    if (!limits) return deny(`playbook ${plan.playbook} is not known`, 'apply it again');
    if (deedsOf(plan).length === 0) return undefined;
    const recent = situation.repairs.filter(
      (each) => each.target === plan.target && each.startedAt > now - limits.windowMs,
    );
    // Who serves and is sick of the same as those before it in that place: it was none of these that was wrong.
    const isBack = servingTouched(review).length > 0;
    const failed = recent.filter(({ endedAt, outcome, cause }) =>
      outcome === 'healed' ? isBack && cause === plan.cause : endedAt !== null && outcome !== 'refused',
    );
    const repairsMax = threshold(policy, 'attempts.repairsMax');
    if (failed.length < limits.attempts && recent.length < repairsMax) return undefined;
    const reason = `${recent.length} repairs of ${plan.target} in ${limits.windowMs / 60_000} min, ${failed.length} did not hold`;
    return deny(reason, 'a person has to look; the window moves on by itself');
  },
};

export const onePerTarget: Guard = {
  number: 11,
  name: 'one-per-target',
  rule: 'one repair holds a target, what it contains, and each instance and setting that it touches; a slot that is getting another occupant is held as well',
  source: 'kubernaut ResourceBusy, Keep #1549',
  thresholds: [],
  at: 'planning',
  helps: 'time',
  review({ plan, situation, fleet }) {
    const instances = new Set(plan.steps.flatMap((step) => step.touch.instances));
    const settings = new Set(plan.steps.flatMap((step) => step.touch.settings));
    const busy = situation.repairs.find(
      (each) =>
        each.endedAt === null &&
        (overlaps(each.target, plan.target) ||
          each.instances.some((id) => instances.has(id)) ||
          each.wrote.some(({ setting }) => settings.has(setting))),
    );
    if (busy) return deny(`${busy.id} is at work on ${busy.target}`, 'wait for its end');
    const changing = changingSlot(instances, fleet);
    return changing === undefined
      ? undefined
      : deny(`${changing} is getting another occupant`, 'wait until it is there');
  },
};

/** A slot of what is touched into which somebody else is bringing an occupant at this moment. */
function changingSlot(touched: ReadonlySet<string>, fleet: FleetView): string | undefined {
  const all = fleet.workloads.flatMap(({ instances }) => instances);
  const slots = new Set(all.filter(({ id }) => touched.has(id)).map(slotOf));
  const incoming = all.find((each) => each.role === 'incoming' && slots.has(slotOf(each)));
  return incoming && slotOf(incoming);
}

function slotOf({ workload, region, ordinal }: InstanceView): string {
  return `slot ${workload}/${region}/${ordinal}`;
}

export const planFresh: Guard = {
  number: 12,
  name: 'plan-fresh',
  rule: 'a plan runs only on the state that it was made from, and only until it expires',
  source: 'AWS DynamoDB, October 2025: a delayed enactor applied a stale plan',
  thresholds: [],
  at: 'start',
  helps: 'time',
  review({ plan, fleet, now }) {
    if (now > plan.expiresAt) return deny('the plan has expired', 'a new one is made while the incident is open');
    for (const { input } of plan.steps) {
      const { setting, expectedRevision } = input;
      if (typeof setting !== 'string') continue;
      const current = settingOf(fleet, setting)?.revision;
      if (current === expectedRevision) continue;
      const reason = `${setting} is at revision ${current}, the plan was made at ${String(expectedRevision)}`;
      return deny(reason, 'a new plan is made');
    }
    if (plan.workload === null || plan.revision === null) return undefined;
    const current = workloadOf(fleet, plan.workload)?.revision;
    if (current === plan.revision) return undefined;
    const reason = `${plan.workload} is at revision ${current}, the plan was made at ${plan.revision}`;
    return deny(reason, 'a new plan is made');
  },
};

export const fight: Guard = {
  number: 30,
  name: 'fight',
  rule: 'a write of ours that somebody took back, or wrote over twice, is not made again unless that hand is stopped first; another value once is a new change',
  source: 'Reddit 2016: the package manager turned the autoscaler back on; kubernaut spec-hash drift',
  thresholds: ['fight.windowMs'],
  at: 'planning',
  helps: 'person',
  review(review) {
    const { plan, fleet } = review;
    const stopped = new Set(plan.steps.flatMap(({ move, touch }) => (move === 'suspend' ? touch.actors : [])));
    for (const id of new Set(plan.steps.flatMap(({ touch }) => touch.settings))) {
      const foe = foeOf(id, review);
      if (foe === undefined || [...stopped].some((actor) => foe === actor || foe.endsWith(` ${actor}`))) continue;
      const reason = `${foe} wrote another value of ${id} over ours (${settingOf(fleet, id)?.value ?? 'absent'})`;
      return deny(reason, `stop ${foe}, or let it have its way`);
    }
    return undefined;
  },
};

/** Who wrote a setting last, if that took back a write of ours, or was not the first write over one. */
function foeOf(id: string, { situation, fleet, policy, now }: Review): string | undefined {
  const setting = settingOf(fleet, id);
  const last = setting?.history.at(-1);
  if (!setting || !last || last.by.startsWith('kintsugi')) return undefined;
  const windowMs = threshold(policy, 'fight.windowMs');
  const ours = situation.repairs.filter(
    (repair) => repair.startedAt > now - windowMs && repair.wrote.some((each) => each.setting === id),
  );
  const since = Math.min(...ours.map((repair) => repair.startedAt));
  const over = setting.history.filter((change) => change.at > since && !change.by.startsWith('kintsugi'));
  const replaced = setting.history.findLast((change) => change.at <= since && !change.by.startsWith('kintsugi'));
  const isTakenBack = over.some((change) => replaced !== undefined && change.value === replaced.value);
  return isTakenBack || over.length > 1 ? last.by : undefined;
}

export const healerHealth: Guard = {
  number: 31,
  name: 'healer-health',
  rule: 'a healer that cannot write, changes hands again and again or does not finish its steps only observes',
  source: 'Nomad and systemd watchdogs; Google Service Control 2025: a crash loop everywhere',
  thresholds: ['healer-health.takeoversMax', 'healer-health.overdueMax'],
  at: 'every step',
  helps: 'time',
  review({ plan, situation: { healer }, policy }) {
    if (!healer.canWrite) return deny('state cannot be written', 'bring PostgreSQL back');
    if (deedsOf(plan).length === 0) return undefined;
    if (healer.takeovers > threshold(policy, 'healer-health.takeoversMax')) {
      return deny(`the lead changed hands ${healer.takeovers} times in ten minutes`, 'find out why replicas end');
    }
    if (healer.overdue > threshold(policy, 'healer-health.overdueMax')) {
      return deny(`${healer.overdue} repairs are past the deadline of their step`, 'find out what they wait for');
    }
    return undefined;
  },
};

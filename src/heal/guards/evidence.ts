/** Guards that ask whether what is believed is true, and whether it is the cause. */
import { factOf, type SymptomName } from '../../detect/symptom.ts';
import { type FleetView, workloadOf } from '../../diagnose/fleet-view.ts';
import { FACT_KINDS } from '../../resources/fact-kinds.ts';
import type { Cause } from '../../resources/playbook.ts';
import { MOVE_TRAITS } from '../move-traits.ts';
import type { Policy } from '../situation.ts';
import { deedsOf, deny, type Guard, runningTouched, threshold } from './guard.ts';

/** A death, and a start that failed, are facts: they do not age and need no second witness. */
const FACTS: ReadonlySet<string> = new Set(['exited', 'start-failed', 'crash-loop', 'deaths-recurring', 'poison']);

export const freshEvidence: Guard = {
  number: 7,
  name: 'fresh-evidence',
  rule: 'no healing on stale or missing data; a death is a fact and does not age',
  source: 'Argo Rollouts #1905: no data must pause',
  thresholds: ['fresh-evidence.ageMsMax', 'fresh-evidence.assetAgeMsMax'],
  at: 'planning',
  helps: 'time',
  review({ situation, policy, fleet, now }) {
    const { evidence } = situation.diagnosis;
    if (evidence.length === 0) return deny('there is no evidence', 'wait for the next reading');
    const ageMsMax = threshold(policy, 'fresh-evidence.ageMsMax');
    if (now - fleet.at > ageMsMax) return deny('the picture of the fleet is old', 'wait for the next one');
    const assetAgeMsMax = threshold(policy, 'fresh-evidence.assetAgeMsMax');
    const ageMaxOf = (name: SymptomName) => {
      const fact = factOf(name);
      // As long as its value counts for the control that it violates.
      if (fact !== undefined) return FACT_KINDS[fact].freshMs;
      return name.startsWith('asset-') ? assetAgeMsMax : ageMsMax;
    };
    const isFresh = evidence.some(({ name, at }) => FACTS.has(name) || now - at <= ageMaxOf(name));
    if (isFresh) return undefined;
    return deny(`the newest evidence is older than ${ageMsMax / 1000} s`, 'wait for the next reading');
  },
};

export const vantageQuorum: Guard = {
  number: 8,
  name: 'vantage-quorum',
  rule: 'what runs is taken away only while enough vantages look, one of them apart from what is taken away',
  source: 'Cloudflare 2020: a switch that failed in part showed each side another world; Medik8s SNR asks peers',
  thresholds: ['vantage-quorum.vantagesMin', 'vantage-quorum.silenceMsMax'],
  at: 'every step',
  helps: 'time',
  review(review) {
    const { situation, fleet, policy, now, plan } = review;
    const taken = runningTouched(review);
    const takes = taken.length > 0 && plan.steps.some((step) => MOVE_TRAITS[step.move].takesAway);
    const { evidence } = situation.diagnosis;
    if (!takes || evidence.some(({ name }) => FACTS.has(name)) || situation.vantages.length === 0) return undefined;
    const silenceMsMax = threshold(policy, 'vantage-quorum.silenceMsMax');
    const live = situation.vantages.filter(({ lastHeardAt }) => now - lastHeardAt <= silenceMsMax);
    const needed = threshold(policy, 'vantage-quorum.vantagesMin');
    if (live.length < needed) return deny(`${live.length} vantages look, ${needed} have to`, 'bring them back');
    const hosts = new Set(
      fleet.workloads.flatMap(({ instances }) =>
        instances.filter(({ id }) => taken.includes(id)).map(({ host }) => host),
      ),
    );
    const isShared = live.every(({ host }) => hosts.has(host));
    const hasElsewhere = situation.vantages.some(({ host }) => !hosts.has(host));
    if (!isShared || !hasElsewhere) return undefined;
    return deny('all who look stand on the host that is in doubt', 'wait for a vantage on another host');
  },
};

/** Causes of one instance. The others name what most of a fleet can have in common, and their repair is what is needed. */
const SINGLE: ReadonlySet<Cause> = new Set([
  'instance-died',
  'instance-hung',
  'instance-degraded',
  'resource',
  'observer',
  'overload',
  'dependency',
  'unknown',
]);

/** Whether most of the fleet looks down, so that the observer or something shared is to be suspected. */
export function looksDown(
  fleet: FleetView,
  policy: Policy,
): { readonly down: number; readonly of: number } | undefined {
  const instances = fleet.workloads.flatMap((each) => each.instances).filter((each) => each.role === 'occupant');
  const down = instances.filter((each) => !each.ready).length;
  if (instances.length < threshold(policy, 'panic.instancesMin')) return undefined;
  return down < threshold(policy, 'panic.shareMin') * instances.length ? undefined : { down, of: instances.length };
}

export const panic: Guard = {
  number: 6,
  name: 'panic',
  rule: 'when most of the fleet looks down, and for a while after, no single instance that still runs is taken away; what all have in common may be repaired',
  source: 'Facebook 2021: sites that saw only their own side withdrew; Envoy panic threshold',
  thresholds: ['panic.shareMin', 'panic.instancesMin', 'panic.coolDownMs'],
  at: 'every step',
  helps: 'person',
  review(review) {
    const { plan, fleet, situation, policy, now } = review;
    if (!SINGLE.has(plan.cause) || runningTouched(review).length === 0) return undefined;
    const panicking = looksDown(fleet, policy);
    if (panicking) {
      const reason = `${panicking.down} of ${panicking.of} instances look down`;
      return deny(reason, 'find the shared cause; it is lifted when fewer do');
    }
    const since = now - (situation.panickedAt ?? Number.NEGATIVE_INFINITY);
    if (since >= threshold(policy, 'panic.coolDownMs')) return undefined;
    return deny(`most of the fleet looked down ${Math.round(since / 1000)} s ago`, 'wait for the cool-down');
  },
};

export const flapDamping: Guard = {
  number: 9,
  name: 'flap-damping',
  rule: 'what comes back again and again is left alone for a while that doubles; limits on requests are not held back',
  source: 'AWS October 2025: health checks that flapped moved capacity to and fro; Envoy and HAProxy',
  thresholds: ['flap-damping.free', 'flap-damping.holdMs', 'flap-damping.holdMsMax'],
  at: 'planning',
  helps: 'time',
  review({ plan, situation, policy, now }) {
    const { count, lastOverAt } = situation.relapses;
    const extra = count - threshold(policy, 'flap-damping.free');
    const isCalm = deedsOf(plan).every((step) => MOVE_TRAITS[step.move].limits);
    if (isCalm || extra <= 0 || lastOverAt === null) return undefined;
    const doubled = threshold(policy, 'flap-damping.holdMs') * 2 ** Math.min(extra - 1, 30);
    const holdMs = Math.min(doubled, threshold(policy, 'flap-damping.holdMsMax'));
    if (now - lastOverAt >= holdMs) return undefined;
    return deny(`it came back ${count} times; it is held for ${holdMs / 1000} s`, 'wait for the end of the hold');
  },
};

export const causeNotVictim: Guard = {
  number: 19,
  name: 'cause-not-victim',
  rule: 'no instance that runs is taken away while something that it needs is sick: that is healed first',
  source: 'Azure 2012: healing moved the cause along with the victim; kubernaut cascading failure',
  thresholds: [],
  at: 'every step',
  helps: 'time',
  review(review) {
    const { plan, fleet, situation } = review;
    const name = plan.workload;
    if (name === null || !SINGLE.has(plan.cause) || runningTouched(review).length === 0) return undefined;
    const needs = dependenciesOf(name, fleet);
    const gone = needs.find((each) => isDown(each, fleet));
    if (gone !== undefined) return deny(`${name} needs ${gone}, which is down`, `heal ${gone} first`);
    const assets = fleet.assets.filter(({ workloads }) => workloads.includes(name)).map(({ id }) => id);
    const other = (situation.others ?? []).find(
      (each) => each.key !== situation.diagnosis.key && isAbout(each, needs, assets),
    );
    return other && deny(`${name} needs ${other.subject.name}: ${other.summary}`, 'heal that first');
  },
};

function isAbout(
  { subject, workload }: { readonly subject: { kind: string; name: string }; readonly workload: string | null },
  needs: readonly string[],
  assets: readonly string[],
): boolean {
  return (workload !== null && needs.includes(workload)) || (subject.kind === 'asset' && assets.includes(subject.name));
}

function isDown(name: string, fleet: FleetView): boolean {
  const instances = workloadOf(fleet, name)?.instances.filter((each) => each.role === 'occupant') ?? [];
  return instances.length > 0 && instances.every((each) => !each.ready);
}

/** Everything that a workload needs, directly or not. */
function dependenciesOf(name: string, fleet: FleetView): readonly string[] {
  const found = new Set<string>();
  const visit = (each: string): void => {
    for (const next of workloadOf(fleet, each)?.dependsOn ?? []) {
      if (found.has(next)) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(name);
  return [...found];
}

export const overload: Guard = {
  number: 22,
  name: 'overload',
  rule: 'an overload is no crash: limits and room help, and no instance that runs is taken away',
  source: 'AWS DynamoDB 2015 and OSDI 2022 on metastable failures; SRE: shed first',
  thresholds: [],
  at: 'every step',
  helps: 'time',
  review(review) {
    const { plan, situation } = review;
    if (runningTouched(review).length === 0 || !plan.steps.some((step) => MOVE_TRAITS[step.move].takesAway)) {
      return undefined;
    }
    if (!SINGLE.has(plan.cause) && plan.cause !== 'infrastructure') return undefined;
    const isOverloaded =
      plan.cause === 'overload' ||
      situation.diagnosis.evidence.some(({ name }) => name === 'overloaded') ||
      (situation.others ?? []).some((each) => each.cause === 'overload' && each.workload === plan.workload);
    return isOverloaded
      ? deny(`${plan.workload ?? plan.target} is overloaded`, 'shed or add instances first; it is lifted with the load')
      : undefined;
  },
};

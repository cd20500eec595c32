/** Guards that ask who gave leave: people, their policy and the law. */
import { gate, type Ruling } from '../../comply/gate.ts';
import { type FleetView, settingOf, workloadOf } from '../../diagnose/fleet-view.ts';
import type { MoveName, Playbook } from '../../resources/playbook.ts';
import { MOVE_TRAITS } from '../move-traits.ts';
import type { Step } from '../plan.ts';
import { levelOf } from '../trust.ts';
import { footprintOf } from './footprint.ts';
import { ask, deedsOf, deny, type Guard, type Review, threshold } from './guard.ts';

export const stop: Guard = {
  number: 1,
  name: 'stop',
  rule: 'nothing is healed while the stop is on',
  source: 'Reddit 2016 and AWS DynamoDB 2025: automation that was stopped by hand and turned back on by another',
  thresholds: [],
  at: 'every step',
  helps: 'time',
  review({ policy, now }) {
    const standing = policy.stops.find((each) => each.scope === 'global' && isActive(each.expiresAt, now));
    return standing && deny(`stopped by ${standing.by}: ${standing.reason}`, '`kintsugi resume` lifts the stop');
  },
};

export const pause: Guard = {
  number: 2,
  name: 'pause',
  rule: 'nothing is healed in a scope that a person paused',
  source: 'Medik8s NHC pauseRequests',
  thresholds: [],
  at: 'every step',
  helps: 'time',
  review({ plan, fleet, policy, now }) {
    const touched = new Set(plan.steps.flatMap((step) => step.touch.instances));
    const others = fleet.workloads.filter((each) => each.instances.some(({ id }) => touched.has(id)));
    const scopes = new Set([
      `workload ${plan.workload}`,
      ...others.map(({ name }) => `workload ${name}`),
      ...plan.steps.flatMap((step) => [`move ${step.move}`, ...step.touch.tenants.map((name) => `tenant ${name}`)]),
    ]);
    const standing = policy.stops.find((each) => scopes.has(each.scope) && isActive(each.expiresAt, now));
    return (
      standing &&
      deny(`${standing.scope} is paused by ${standing.by}: ${standing.reason}`, `\`kintsugi resume ${standing.scope}\``)
    );
  },
};

export const freeze: Guard = {
  number: 3,
  name: 'freeze',
  rule: 'in a declared window only the moves that it allows are made; a rollout that is under way counts as one',
  source: 'AWS ARC blocked windows; Medik8s NHC stops while the cluster upgrades',
  thresholds: ['freeze.deployMsMax'],
  at: 'every step',
  helps: 'time',
  review(review) {
    const { plan, policy, now } = review;
    const window = policy.freezes.find(
      (each) =>
        each.from <= now &&
        now < each.until &&
        (each.workloads.length === 0 || (plan.workload !== null && each.workloads.includes(plan.workload))) &&
        plan.steps.some((step) => !each.allow.includes(step.move)),
    );
    if (window) return deny(`freeze ${window.name}: ${window.reason}`, 'wait for its end, or allow the move in it');
    return duringRollout(review);
  },
};

/** A rollout takes instances away one by one: nothing takes away others at the same time, unless it ends the rollout. */
function duringRollout({ plan, fleet, policy, now }: Review) {
  const workload = plan.workload === null ? undefined : workloadOf(fleet, plan.workload);
  if (workload?.phase !== 'rolling') return undefined;
  if (now - workload.phaseSince > threshold(policy, 'freeze.deployMsMax')) return undefined;
  const takes = plan.steps.some((step) => step.touch.servingTakenAtOnce > 0);
  if (!takes || plan.steps.some((step) => MOVE_TRAITS[step.move].restores)) return undefined;
  return deny(`a rollout of ${workload.name} is under way`, 'wait until it has ended or run out of time, or roll back');
}

export const autonomy: Guard = {
  number: 26,
  name: 'autonomy',
  rule: 'a playbook goes as far without a person as it was given leave to and has earned; a call for a person needs no leave',
  source: 'kubernaut and RunLore: dry run first, then approval, then alone',
  thresholds: [],
  at: 'planning',
  helps: 'time',
  review({ plan, policy, situation }) {
    const { level, reason } = levelOf(playbookOf(plan.playbook, policy.playbooks), situation.trust, policy);
    if (level === 'auto') return undefined;
    if (level === 'observe') return deny(reason, 'raise `spec.autonomy` of the Playbook or of the Policy');
    if (deedsOf(plan).length === 0) return undefined;
    if (level === 'propose') return deny(reason, 'raise `spec.autonomy` of the Playbook or of the Policy');
    return ask(reason, '`kintsugi approve`');
  },
};

export const drilled: Guard = {
  number: 28,
  name: 'drilled',
  rule: 'where the policy asks for drills, a repair runs unattended only while its drill has passed lately',
  source: 'GoCardless 2017: a path that nobody had walked for long; AWS ARC drills weekly',
  thresholds: [],
  at: 'planning',
  helps: 'time',
  review({ plan, policy, situation, now }) {
    const { drillAgeMaxMs } = policy;
    if (drillAgeMaxMs === null || deedsOf(plan).length === 0) return undefined;
    const drilledAt = situation.trust[plan.playbook]?.drilledAt ?? null;
    if (drilledAt !== null && now - drilledAt <= drillAgeMaxMs) return undefined;
    const days = Math.round(drillAgeMaxMs / 86_400_000);
    return ask(`the drill of ${plan.playbook} did not pass in the last ${days} days`, '`kintsugi drill`, or approve');
  },
};

export const regulation: Guard = {
  number: 24,
  name: 'regulation',
  rule: 'each step is lawful for each tenant that it touches; unknown is a no',
  source: 'the profiles of the tenants',
  thresholds: [],
  at: 'every step',
  helps: 'person',
  review({ plan, fleet, policy }) {
    const rulings = plan.steps
      .map((step) => gate(footprintOf(step, fleet), fleet.tenants, policy.rules))
      .filter((ruling) => ruling.kind !== 'permit');
    const denied = rulings.find((ruling) => ruling.kind === 'deny');
    if (denied)
      return { ...deny(`${denied.clause}: ${denied.reason}`, lawfulInstead(denied)), tenants: deniedFor(denied) };
    const asks = rulings[0];
    return asks && ask(`${asks.clause}: ${asks.reason}`, '`kintsugi approve`');
  },
};

/** Of very many only some are named: it is on record, and an entry has a limited size. */
const DENIED_MAX = 50;

function deniedFor({ tenants }: Ruling): readonly string[] {
  return tenants.flatMap(({ kind, tenant }) => (kind === 'deny' ? [tenant] : [])).slice(0, DENIED_MAX);
}

/** Those who are permitted may still move, if the move can be made for them alone. */
function lawfulInstead({ permitted, held }: Ruling): string {
  return permitted.length === 0
    ? 'choose a lawful place or move'
    : `choose a lawful place or move; for ${permitted.join(', ')} without ${held.join(', ')} it is lawful`;
}

export const consent: Guard = {
  number: 18,
  name: 'consent',
  rule: 'what cannot be taken back and loses data or reaches outside is asked for; each step says its inverse',
  source: 'Google GCVE 2024 and the Kiro agent 2025: deletions that nobody had agreed to',
  thresholds: [],
  at: 'planning',
  helps: 'person',
  review({ plan }) {
    const final = plan.steps.find(isFinal);
    return final && ask(`${final.move} cannot be taken back: ${final.effect}`, 'two people approve exactly this plan');
  },
};

export const approval: Guard = {
  number: 26,
  name: 'approval',
  rule: 'an approval is for one plan, runs out, and is of two people where nothing can be taken back',
  source: 'RunLore and kubernaut RemediationApprovalRequest',
  thresholds: [],
  at: 'every step',
  helps: 'person',
  review({ plan, policy, situation, before }) {
    const longest = playbookOf(plan.playbook, policy.playbooks)?.spec.limits.approvalMs ?? 0;
    if (plan.needsApproval && plan.expiresAt - plan.madeAt > longest) {
      return deny(`the plan may be approved for longer than ${longest / 1000} s`, 'a new one is made');
    }
    if (before === undefined || !plan.needsApproval) return undefined;
    const needed = plan.steps.some((step) => !step.touch.reversible) ? 2 : 1;
    const people = new Set(situation.approvals).size;
    if (people >= needed) return undefined;
    return deny(`${people} of ${needed} people approved it`, '`kintsugi approve` by somebody else');
  },
};

export const leastPrivilege: Guard = {
  number: 27,
  name: 'least-privilege',
  rule: 'only moves that the playbook lists are made, and what destroys only when the policy allows it',
  source: 'the Kiro agent 2025: inherited rights; Robusta read-only mode',
  thresholds: [],
  at: 'every step',
  helps: 'person',
  review({ plan, fleet, policy }) {
    const playbook = playbookOf(plan.playbook, policy.playbooks);
    const listed = playbook && movesOf(playbook);
    const strange = deedsOf(plan).find(
      (step) => !listed?.has(step.move) && !(listed && isImplied(step, listed, fleet)),
    );
    if (strange) return deny(`playbook ${plan.playbook} does not list ${strange.move}`, 'add it to its ladder');
    const destroys = plan.steps.find((step) => isFinal(step) && !policy.destructive.includes(step.move));
    return destroys && deny(`${destroys.move} destroys`, 'list it in `spec.destructive` of the Policy');
  },
};

/** Nothing brings back what it loses. */
function isFinal(step: Step): boolean {
  return !step.touch.reversible && MOVE_TRAITS[step.move].loses === 'data';
}

function movesOf(playbook: Playbook): ReadonlySet<MoveName> {
  const named = playbook.spec.ladder.flatMap((rung) => [rung.move, ...rung.also.map((each) => each.move)]);
  return new Set(named.flatMap((move) => [move, MOVE_TRAITS[move].twin ?? move]));
}

/** A setting that processes read only at their start is not written before they start anew: leave for one is for both. */
function isImplied({ move, input }: Step, listed: ReadonlySet<MoveName>, fleet: FleetView): boolean {
  if (move !== 'restart' && move !== 'replace') return false;
  const { rereads } = input;
  return (
    typeof rereads === 'string' &&
    settingOf(fleet, rereads)?.needsRestart === true &&
    WRITING.some((each) => listed.has(each))
  );
}

const WRITING: readonly MoveName[] = ['revert', 'recreate', 'reenable', 'resize', 'reroute'];

function playbookOf(name: string, playbooks: readonly Playbook[]): Playbook | undefined {
  return playbooks.find((each) => each.metadata.name === name);
}

function isActive(expiresAt: number | null, now: number): boolean {
  return expiresAt === null || now < expiresAt;
}

/** Guards that ask how far a plan reaches, and whether there is room for it. */
import { assetOf, type FleetView, type InstanceView, settingOf, workloadOf } from '../../diagnose/fleet-view.ts';
import { MOVE_TRAITS } from '../move-traits.ts';
import type { Step } from '../plan.ts';
import { deedsOf, deny, type Guard, type Review, threshold } from './guard.ts';
import { overlaps } from './target.ts';

export const blastRadius: Guard = {
  number: 4,
  name: 'blast-radius',
  rule: 'at most a third of a workload, a region, a host and the tenants (never less than one), and a bounded number in all, is away at once: other repairs and what does not serve included; a leak is contained all the same',
  source: 'AWS S3 2017, EBS 2011; Envoy 10 %, ASG 90 % minimum healthy, Config 10 %',
  thresholds: ['blast-radius.shareMax', 'blast-radius.instancesMax'],
  at: 'every step',
  helps: 'time',
  review(review) {
    return instancesAway(review) ?? tenantsAway(review);
  },
};

function instancesAway({ plan, situation, fleet, policy }: Review) {
  const occupants = fleet.workloads.flatMap((each) => each.instances).filter((each) => each.role === 'occupant');
  const busy = new Set(situation.repairs.filter((each) => each.endedAt === null).flatMap((each) => each.instances));
  const isAway = ({ id, ready }: InstanceView) => busy.has(id) || !ready;
  const shareMax = threshold(policy, 'blast-radius.shareMax');
  for (const step of plan.steps) {
    const own = step.touch.servingTakenAtOnce;
    const touched = occupants.filter((each) => step.touch.instances.includes(each.id));
    if (own === 0) continue;
    for (const { name, members, empty } of domainsOf(fleet, occupants, touched)) {
      const others = empty + members.filter((each) => isAway(each) && !touched.includes(each)).length;
      const inside = members.filter((each) => touched.includes(each)).length;
      const away = (inside === touched.length ? own : Math.min(own, inside)) + others;
      const size = members.length + empty;
      const max = Math.max(1, Math.floor(size * shareMax));
      if (away <= max) continue;
      return deny(`${away} of ${size} instances of ${name} would be away, ${max} may be`, 'bring others back first');
    }
    const all = own + occupants.filter((each) => busy.has(each.id) && !touched.includes(each)).length;
    const allMax = threshold(policy, 'blast-radius.instancesMax');
    if (all > allMax)
      return deny(`${all} instances would be away at once, ${allMax} may be`, 'wait for the other repairs');
  }
  return undefined;
}

/**
 * What fails together: the workloads, regions and hosts of what is touched, each with all that is in it, and how many
 * slots of the workload nobody has: those that a repair or a death left empty serve nobody either.
 */
function domainsOf(fleet: FleetView, occupants: readonly InstanceView[], touched: readonly InstanceView[]) {
  const kinds = ['workload', 'region', 'host'] as const;
  return kinds.flatMap((kind) =>
    [...new Set(touched.map((each) => each[kind]))].map((value) => {
      const members = occupants.filter((each) => each[kind] === value);
      const empty = kind === 'workload' ? emptySlots(fleet, value) : 0;
      return { name: kind === 'workload' ? value : `${kind} ${value}`, members, empty };
    }),
  );
}

function emptySlots(fleet: FleetView, name: string): number {
  const workload = workloadOf(fleet, name);
  return Object.entries(workload?.wanted ?? {}).reduce((sum, [region, count]) => {
    const taken = workload?.instances.filter((each) => each.role === 'occupant' && each.region === region).length ?? 0;
    return sum + Math.max(0, count - taken);
  }, 0);
}

/** Tenants that are kept out at once, whole or in part: a share of everybody counts as that share of the tenants. */
function tenantsAway({ plan, situation, fleet, policy }: Review) {
  if (plan.cause === 'isolation') return undefined;
  // New rows that a store refuses keep nobody out.
  const isLimit = ({ move, input }: Step) =>
    (move === 'quarantine' || move === 'throttle' || move === 'shed') && typeof input['store'] !== 'string';
  const steps = plan.steps.filter(isLimit);
  if (steps.length === 0) return undefined;
  const whole = steps.filter(({ input }) => typeof input['share'] !== 'number').flatMap(({ touch }) => touch.tenants);
  // What is beyond the capacity in an overload is not answered anyhow, and a part of one route keeps nobody out.
  const isHarmless = ({ input }: Step) => plan.cause === 'overload' || typeof input['route'] === 'string';
  const parts = steps.map((step) =>
    typeof step.input['share'] === 'number' && !isHarmless(step) ? step.input['share'] * step.touch.tenants.length : 0,
  );
  const busy = situation.repairs
    .filter((each) => each.endedAt === null && each.moves.some((move) => move === 'quarantine' || move === 'throttle'))
    .flatMap((each) => each.tenants);
  const away = new Set([...whole, ...busy]).size + Math.max(0, ...parts);
  const max = Math.max(1, fleet.tenants.length * threshold(policy, 'blast-radius.shareMax'));
  if (away <= max) return undefined;
  return deny(
    `${Math.ceil(away)} of ${fleet.tenants.length} tenants would be kept out`,
    'narrow it, or wait for the other repairs',
  );
}

export const minimumHealthy: Guard = {
  number: 4,
  name: 'minimum-healthy',
  rule: 'the last instance of a region that serves is never taken away before its successor is ready',
  source: 'OTP, ASG instance refresh',
  thresholds: [],
  at: 'every step',
  helps: 'person',
  review({ plan, fleet }) {
    for (const step of plan.steps) {
      if (!MOVE_TRAITS[step.move].takesAway && !MOVE_TRAITS[step.move].restores) continue;
      for (const workload of fleet.workloads) {
        if (workload.replacement === 'parallel') continue;
        const serving = workload.instances.filter((each) => each.role === 'occupant' && each.ready);
        const touched = serving.filter((each) => step.touch.instances.includes(each.id));
        for (const region of new Set(touched.map((each) => each.region))) {
          const here = serving.filter((each) => each.region === region).length;
          const taken = touched.filter((each) => each.region === region).length;
          if (here > Math.min(taken, Math.max(1, step.touch.servingTakenAtOnce))) continue;
          return deny(`${workload.name} would have no instance left in ${region}`, 'add an instance there first');
        }
      }
    }
    return undefined;
  },
};

export const selection: Guard = {
  number: 13,
  name: 'selection',
  rule: 'an empty selection is nothing; what is selected is in the inventory, and not more than the step says; room is added, and only what was added is taken away',
  source: 'Google Diskerase: empty meant everything; AWS S3 2017; TravisCI 2016',
  thresholds: [],
  at: 'planning',
  helps: 'person',
  review({ plan, fleet }) {
    const known = {
      instances: new Set(fleet.workloads.flatMap((each) => each.instances.map(({ id }) => id))),
      tenants: new Set(fleet.tenants.map(({ name }) => name)),
      settings: new Set(fleet.settings.map(({ id }) => id)),
      assets: new Set(fleet.assets.map(({ id }) => id)),
      actors: new Set(fleet.actors.map(({ name }) => name)),
    };
    for (const step of deedsOf(plan)) {
      if (isEmpty(step)) return deny(`${step.move} selects nothing`, 'a new plan is made when there is something');
      for (const kind of Object.keys(known) as (keyof typeof known)[]) {
        const strange = step.touch[kind].find((each) => !known[kind].has(each));
        if (strange !== undefined && kind !== 'tenants') {
          return deny(`${step.move} selects ${strange}, which is not in the inventory`, 'look again');
        }
      }
      const { slots, by } = step.input;
      if (step.move === 'scale' && !(Number.isInteger(by) && Number(by) > 0)) {
        return deny(`scale says ${String(by)} more instances`, 'correct the playbook: a repair only adds some');
      }
      if (step.move === 'scale-in' && !isSpare(step, fleet)) {
        return deny('scale-in selects an instance that no repair added', 'declare fewer, if fewer are wanted');
      }
      if (Array.isArray(slots) && slots.length !== step.touch.instances.length) {
        return deny(
          `${step.move} says ${step.touch.instances.length} instances and selects ${slots.length}`,
          'look again',
        );
      }
    }
    return undefined;
  },
};

/** What people declared stays, and so does the last one of a region. */
function isSpare({ input }: Step, fleet: FleetView): boolean {
  const region = String(input['region']);
  const workload = workloadOf(fleet, String(input['workload']));
  return (workload?.added?.[region] ?? 0) >= 1 && (workload?.wanted[region] ?? 0) >= 2;
}

function isEmpty({ input, touch }: Step): boolean {
  const { slots, workload } = input;
  if (Array.isArray(slots))
    return slots.length === 0 && touch.instances.length === 0 && typeof input['to'] !== 'number';
  const named = [touch.instances, touch.settings, touch.assets, touch.actors, touch.tenants];
  return named.every((each) => each.length === 0) && typeof workload !== 'string' && typeof input['actor'] !== 'string';
}

export const progressive: Guard = {
  number: 17,
  name: 'progressive',
  rule: 'one first, then twice as many: what was never tried is not done everywhere at once',
  source: 'Google Compute 2016, Datadog 2023: one change, everywhere; AWS SSM ramps',
  thresholds: ['progressive.firstMax'],
  at: 'planning',
  helps: 'person',
  review({ plan, fleet, policy }) {
    let max = threshold(policy, 'progressive.firstMax');
    for (const step of plan.steps) {
      const { servingTakenAtOnce, settings, instances } = step.touch;
      if (servingTakenAtOnce > max) {
        return deny(`${servingTakenAtOnce} at once, and ${max} may be tried first`, 'split the step');
      }
      if (servingTakenAtOnce > 0) max *= 2;
      const isAsked = settings.some((id) => settingOf(fleet, id)?.floor !== undefined);
      const isNew = (step.move === 'resize' && !isAsked) || step.move === 'reroute' || step.move === 'run';
      const everybody = settings.find((id) => settingOf(fleet, id)?.workloads.length === 0);
      const governsAll = everybody !== undefined && settingOf(fleet, everybody)?.tenant === null;
      if (isNew && governsAll && instances.length === 0 && fleet.workloads.length > 1) {
        return deny(`${everybody} governs every workload, and its new value was never tried`, 'try it on one workload');
      }
    }
    return undefined;
  },
};

export const capacity: Guard = {
  number: 20,
  name: 'capacity',
  rule: 'there is room, and a place where somebody may be served, for a successor before anything is taken away; unknown room is not enough for that; while what is started does not come up, nothing that serves is stopped for a successor of its kind',
  source: 'AWS EBS 2011, Slack 2021; Azure, 29 February 2012: service healing took down what still ran',
  thresholds: [],
  at: 'start',
  helps: 'person',
  review(review) {
    const { plan, fleet, situation } = review;
    const others = situation.repairs.filter((each) => each.endedAt === null && each.moves.some(starts)).length;
    for (const step of plan.steps) {
      const vain = startsInVain(step, review);
      if (vain !== undefined)
        return deny(`${vain} did not come up when it was started last`, 'mend what it starts with');
      for (const [region, count] of Object.entries(startsOf(step))) {
        const room = fleet.room[region];
        const takes = step.input['inPlace'] === true;
        if (room === undefined && takes) return deny(`nobody knows what room there is in ${region}`, 'ask the driver');
        if (room !== undefined && room < count + others) {
          return deny(`${region} has room for ${room} instances, ${count + others} are needed`, 'make room first');
        }
        if (fleet.tenants.length > 0 && !fleet.tenants.some((tenant) => tenant.regions.includes(region))) {
          return deny(`no tenant may be served in ${region}`, 'choose a lawful place');
        }
      }
    }
    return undefined;
  },
};

/** How long a repair that is stuck says that what is started does not come up, if nothing has since. */
const STUCK_MS = 600_000;

/**
 * The workload of which the last start failed, when a step stops what serves for an equal successor, and its rung changes
 * nothing that could make this start another.
 */
function startsInVain({ move, rung, input, touch }: Step, { plan, fleet, situation, now }: Review): string | undefined {
  const name = input['workload'];
  const isEqual = input['version'] === input['oldVersion'];
  if (typeof name !== 'string' || !isEqual || touch.servingTakenAtOnce === 0) return undefined;
  if (plan.steps.some((each) => each.rung === rung && each.move !== move)) return undefined;
  const failed = [situation.diagnosis, ...(situation.others ?? [])].flatMap(({ evidence }) =>
    evidence.flatMap(({ name: what, subject, at }) =>
      what === 'start-failed' && 'workload' in subject && subject.workload === name ? [at] : [],
    ),
  );
  const stuck = situation.repairs.flatMap(({ outcome, endedAt, moves, target }) =>
    outcome === 'stuck' && moves.includes(move) && overlaps(`workload ${name}`, target) ? [endedAt ?? now] : [],
  );
  const last = Math.max(...failed, ...stuck);
  const isUp = workloadOf(fleet, name)?.instances.some((each) => each.ready && each.startedAt > last) === true;
  return now - last > STUCK_MS || isUp ? undefined : name;
}

const starts = (move: Step['move']) => move === 'replace' || move === 'scale' || move === 'rollback';

/** Instances that a step needs room for at one time, by region. Whoever starts in the old one's place needs none. */
function startsOf({ move, input, touch }: Step): Readonly<Record<string, number>> {
  if (move === 'scale') {
    return Object.fromEntries(touch.regions.map((region) => [region, Math.max(0, Number(input['by'] ?? 0))]));
  }
  if (Array.isArray(input['slots'])) {
    const { slots, inPlace } = input as unknown as { slots: readonly { region: string }[]; inPlace: boolean };
    const regions = inPlace ? [] : slots.map(({ region }) => region);
    return Object.fromEntries(regions.map((each) => [each, Math.min(2, regions.filter((one) => one === each).length)]));
  }
  const isElsewhere = Array.isArray(input['avoidHosts']);
  if (typeof input['newInstance'] !== 'string' || (input['inPlace'] === true && !isElsewhere)) return {};
  return { [String(input['region'])]: 1 };
}

export const warmReturn: Guard = {
  number: 21,
  name: 'warm-return',
  rule: 'a limit that ends lets traffic back little by little',
  source: 'Reddit 2016: cold caches; Discord: everybody reconnects at once',
  thresholds: ['warm-return.rampShareMin'],
  at: 'planning',
  helps: 'person',
  review({ plan, policy }) {
    const shareMin = threshold(policy, 'warm-return.rampShareMin');
    const abrupt = plan.steps.find(({ input }) => {
      if (typeof input['minutes'] !== 'number') return false;
      return Number(input['rampMinutes'] ?? 0) < shareMin * input['minutes'];
    });
    return abrupt && deny(`the ${abrupt.move} ends all at once`, 'give it a `rampMinutes`');
  },
};

export const independence: Guard = {
  number: 25,
  name: 'independence',
  rule: 'nothing that the healer itself stands on is healed by it',
  source: 'Roblox 2021, Facebook 2021: the tools fell with what they were to repair',
  thresholds: [],
  at: 'every step',
  helps: 'person',
  review({ plan, fleet, situation }) {
    const own = new Set(situation.healer.standsOn);
    if (own.size === 0) return undefined;
    const touched = deedsOf(plan).flatMap(({ touch, input }) => [
      ...touch.settings,
      ...touch.assets,
      ...touch.instances.flatMap((id) =>
        fleet.workloads.filter((each) => each.instances.some((one) => one.id === id)).map(({ name }) => name),
      ),
      ...(typeof input['workload'] === 'string' ? [input['workload']] : []),
      ...touch.settings.flatMap((id) => settingOf(fleet, id)?.workloads ?? []),
      ...touch.assets.flatMap((id) => assetOf(fleet, id)?.partOf ?? []),
    ]);
    const shared = touched.find((each) => own.has(each));
    return shared === undefined ? undefined : deny(`the healer stands on ${shared}`, 'a person has to do it');
  },
};

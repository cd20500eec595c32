import type { Clock } from '../base/clock.ts';
import { factKeyOf } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import { type FleetView, instanceOf, workloadOf } from '../diagnose/fleet-view.ts';
import type { FactSignal } from '../observe/fact-signal.ts';
import type { Felt, UserSignal } from '../observe/user-signal.ts';
import { keepsOut, MOVE_TRAITS } from './move-traits.ts';
import type { Plan, Step } from './plan.ts';
import type { Reading } from './verification.ts';

/** Over this span what clients felt is summed; long enough for the gateways' reports, short enough to see a relapse. */
const WINDOW_MS = 1_000;
const FAILED_SHARE_MAX = 0.02;

export interface SignalOptions {
  readonly plan: Plan;
  /** The steps of the rung that is verified. */
  readonly steps: readonly Step[];
  readonly since: number;
  readonly view: () => FleetView;
  readonly userSignal: UserSignal;
  /** What was measured of facts, by `factKey`, and how they are measured again. */
  readonly facts: Pick<FactSignal, 'read'> & { measureAgain(keys: readonly string[]): void };
  readonly symptoms: () => Symptoms;
  /** Vantages that are under suspicion at this moment: what they alone say is no verification. */
  readonly doubted: () => readonly string[];
  readonly clock: Clock;
}

/**
 * The signal by which a repair is verified: what the tenants' own requests felt since the move, that nothing speaks
 * against what was put in place, and that it is there. Without traffic the readiness of the successors stands in for it:
 * a synthetic request of the tenants' kind. `none` only when not even that can be asked.
 *
 * A fact that violated a control has to be measured again first: only a measurement that began after the move, and that
 * satisfies every control, lets anything else count.
 *
 * A vantage under suspicion neither speaks against a repair nor for want of its word keeps one from being good: what the
 * tenants feel is the better witness, wherever there is one.
 */
export function signalFor(options: SignalOptions): () => Reading {
  const { plan, steps, since, view, userSignal, symptoms, doubted, clock } = options;
  // Whoever is limited fails by intention; what the others feel is what counts.
  const limited = steps.flatMap(({ move, input }) => (keepsOut(move) ? [String(input['tenant'] ?? '')] : []));
  const exceptTenants = limited.length === 0 ? undefined : limited;
  const successors = steps.flatMap(successorsOf);
  const violated = plan.answers.flatMap((key) => factKeyOf(key) ?? []);
  // Those whom the law holds where they are go on failing: whoever was moved is who can tell.
  const moved = steps.flatMap(({ move, touch }) => (move === 'reroute' ? touch.tenants : []));
  return () => {
    const fleet = view();
    if (successors.some((id) => instanceOf(fleet, id)?.running !== true)) return 'hopeless';
    const proof = proofOf(violated, since, options);
    if (proof !== undefined) return proof;
    const from = Math.max(since, clock.now() - WINDOW_MS);
    const routed = plan.workload !== null && workloadOf(fleet, plan.workload)?.routed === true;
    const reach =
      routed && plan.workload !== null ? [plan.workload] : reachOf(causedAt(plan, limited[0], userSignal), fleet);
    const felt = userSignal.felt(from, {
      ...(reach.length === 0 ? {} : { workloads: reach }),
      ...(exceptTenants === undefined ? {} : { exceptTenants }),
      ...(moved.length === 0 ? {} : { onlyTenants: moved }),
    });
    const failing = felt.requests > 0 && felt.failed > FAILED_SHARE_MAX * felt.requests;
    const liars = doubted();
    if (failing || speaksAgainst(plan, since, symptoms(), liars)) return 'bad';
    if (felt.requests === 0 && isContained(plan, steps, limited, userSignal.felt(from, {}), symptoms())) return 'good';
    // Where nobody asks for anything, that what was wrong is measured to be right is what there is to know.
    const isProven = violated.length > 0 && exceptTenants === undefined;
    if (plan.workload === null || exceptTenants !== undefined) return felt.requests > 0 || isProven ? 'good' : 'none';
    // What the tenants feel is what counts. Where nothing was put in place, readiness speaks only for want of requests.
    if (successors.length === 0 && (routed || liars.length > 0) && felt.requests > 0) return 'good';
    return isServed(plan.workload, successors, fleet) ? 'good' : 'bad';
  };
}

/** What stands against the repair by the facts that it answers; undefined when each was measured since, and is good. */
function proofOf(keys: readonly string[], since: number, { facts }: SignalOptions): Reading | undefined {
  const words = keys.map((key) => ({ key, word: facts.read(key) }));
  const stale = words.filter(({ word }) => word === undefined || word.at <= since).map(({ key }) => key);
  if (words.some(({ key, word }) => !stale.includes(key) && word?.isBad === true)) return 'bad';
  if (stale.length === 0) return undefined;
  facts.measureAgain(stale);
  return 'none';
}

/**
 * A leak is cut off so far that no request is left to tell by: nobody gets an answer with another's data then. Good only
 * when what leaks goes back in the same rung, or is no longer seen to: a limit alone ends, and the leak would be there.
 */
function isContained(plan: Plan, steps: readonly Step[], limited: readonly string[], felt: Felt, standing: Symptoms) {
  if (plan.cause !== 'isolation' || limited.length === 0 || felt.requests > 0) return false;
  const isSeen = [...standing.values()].some(({ name, over }) => name === 'asset-leaking' && over !== true);
  return !isSeen || steps.some(({ move }) => MOVE_TRAITS[move].restores);
}

/** The workloads in which what is repaired makes its trouble: where a limited tenant sends, or the one that is sick. */
function causedAt(plan: Plan, limited: string | undefined, userSignal: UserSignal): readonly string[] {
  if (limited !== undefined && limited !== '') return userSignal.workloadsOf(limited);
  return plan.workload === null ? [] : [plan.workload];
}

/**
 * The routed workloads that trouble in these can reach: they stand on each other or on something that both need. Requests
 * that fail elsewhere fail of something else, and do not speak against a repair. Empty when that is not known.
 */
function reachOf(sources: readonly string[], fleet: FleetView): readonly string[] {
  const troubled = new Set(sources.flatMap((each) => groundOf(each, fleet)));
  return fleet.workloads
    .filter(({ name, routed }) => routed && groundOf(name, fleet).some((each) => troubled.has(each)))
    .map(({ name }) => name);
}

/** A workload with everything that it needs: workloads, directly or not, and the assets of all of them. */
function groundOf(name: string, fleet: FleetView): readonly string[] {
  const ground = new Set([name]);
  // A set that grows while it is gone through is gone through to its end.
  for (const each of ground) for (const next of workloadOf(fleet, each)?.dependsOn ?? []) ground.add(next);
  const assets = fleet.assets.filter(({ workloads }) => workloads.some((each) => ground.has(each)));
  return [...ground, ...assets.map(({ id }) => id)];
}

/** A claim that the plan answers, or one about its workload, that was seen again since the move by who is believed. */
function speaksAgainst(plan: Plan, since: number, standing: Symptoms, liars: readonly string[]): boolean {
  return [...standing].some(([key, { name, subject, at, vantages }]) => {
    // A budget is of the past, and who only stands out for a moment is not sick.
    if (at <= since || name === 'objective-burning' || name === 'instance-outlier') return false;
    if (vantages.length > 0 && vantages.every((each) => liars.includes(each))) return false;
    if (plan.answers.includes(key)) return true;
    return plan.cause !== 'tenant' && 'workload' in subject && subject.workload === plan.workload;
  });
}

/** What the step put in place. */
function successorsOf(step: Step): readonly string[] {
  const orders = (step.input['slots'] ?? [step.input]) as unknown as readonly { newInstance?: string }[];
  return orders.flatMap((order) => order.newInstance ?? []);
}

/** What the step put in place serves; every wanted instance does, when it put nothing in place. */
function isServed(workload: string, successors: readonly string[], fleet: FleetView): boolean {
  if (successors.length > 0) return successors.every((id) => instanceOf(fleet, id)?.ready === true);
  const view = workloadOf(fleet, workload);
  const occupants = view?.instances.filter((each) => each.role === 'occupant') ?? [];
  const wanted = Object.values(view?.wanted ?? {}).reduce((sum, count) => sum + count, 0);
  return occupants.length > 0 && occupants.length >= wanted && occupants.every((each) => each.ready);
}

/**
 * The healer: the stages of the loop from symptoms on, over ports. Control runs it on PostgreSQL and real processes, the
 * simulation on memory and a simulated fleet, in virtual time; neither has a second copy of anything in here.
 */
import type { Clock } from './base/clock.ts';
import { describeError } from './base/errors.ts';
import { newId } from './base/ids.ts';
import type { Log } from './base/log.ts';
import type { Random } from './base/random.ts';
import type { Account } from './detect/account.ts';
import { type CallReadings, NO_READINGS } from './detect/call-graph.ts';
import { isOwnProcess } from './detect/own-process.ts';
import type { RunningDetector } from './detect/detector.ts';
import { applyChanges, type Symptoms, withoutStale } from './detect/symptoms.ts';
import type { Diagnosis, Ranking } from './diagnose/diagnosis.ts';
import { type FleetView, instanceOf } from './diagnose/fleet-view.ts';
import { rankingOf } from './diagnose/ranking.ts';
import { Additions } from './diagnose/additions.ts';
import { SettingChanges } from './diagnose/setting-changes.ts';
import { isRunningOut, spentContainments } from './heal/containment.ts';
import { createExecutor } from './heal/executor.ts';
import { Experience } from './heal/experience.ts';
import { approversOf } from './heal/journal.ts';
import type { Fleet } from './heal/fleet.ts';
import type { Guard } from './heal/guards/guard.ts';
import { looksDown } from './heal/guards/evidence.ts';
import { reviewBefore } from './heal/guards/review.ts';
import { GUARDS } from './heal/guards/table.ts';
import { budgetScopes, scopesOf } from './heal/guards/target.ts';
import { HarmMeter } from './heal/harm-meter.ts';
import { IncidentTracker } from './heal/incident-tracker.ts';
import type { Incident, Memory } from './heal/memory.ts';
import type { Move } from './heal/move.ts';
import type { Plan, Refusal, Verdict } from './heal/plan.ts';
import { RepairDesk } from './heal/repair-desk.ts';
import type { Policy, Situation } from './heal/situation.ts';
import { trustFrom } from './heal/trust.ts';
import { signalFor } from './heal/user-level-signal.ts';
import type { Stages } from './loop.ts';
import { isBelievable } from './observe/believable.ts';
import { FactSignal } from './observe/fact-signal.ts';
import type { Sample } from './observe/sample.ts';
import type { UserSignal } from './observe/user-signal.ts';
import type { MoveName } from './resources/playbook.ts';

/** After a refusal the same incident is decided again at this rhythm: what stood against it may have gone. */
const DECIDE_AGAIN_MS = 500;
/** An incident for which a person was called is not planned for again, unless what holds it is about to end. */
const CALLED = new Set(['escalated', 'stuck']);

/** How long it may take to lift a limit. */
const LIFT_MS = 10_000;

/** What a decision looks at besides the fault, the fleet and the past. */
export type Surroundings = Pick<Situation, 'vantages' | 'healer'>;

export interface HealerOptions {
  readonly memory: Memory;
  readonly fleet: Fleet;
  readonly moves: ReadonlyMap<MoveName, Move>;
  /** Left out: all of them. The judge takes some out to show what they prevent. */
  readonly guards?: readonly Guard[];
  readonly detectors: readonly RunningDetector[];
  readonly userSignal: UserSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Takes the readings that came in since it was asked last. */
  readonly takeSamples: () => readonly Sample[];
  readonly woken: (signal: AbortSignal) => Promise<void>;
  /** Something may have changed: the loop is to look again. */
  wake(): void;
  /** The epoch under which this replica leads. */
  readonly epoch: () => number | undefined;
  /** Aborts when this replica no longer leads. */
  leadership(): AbortSignal;
  /** The fleet as last read; what only this process knows of it is of this moment. */
  readonly view: () => FleetView;
  /** Reads it again: a move is judged on what is so, not on what was. Rejects when state cannot be read. */
  lookAgain(): Promise<FleetView>;
  /** Resolves once there is something to look at. */
  look(): Promise<FleetView>;
  policy(): Policy;
  surroundings(): Promise<Surroundings>;
  /** A repair waits for facts, named by `factKey`: they are measured again soon, and the loop hears of it. */
  measureAgain(facts: readonly string[]): void;
  /** Whether a step of a rollout of this workload is under way: it is left alone for so long. */
  isBusy(workload: string): boolean;
  converge(epoch: number, signal: AbortSignal): void;
}

export interface Healer {
  readonly stages: Stages;
  readonly desk: RepairDesk;
  readonly tracker: IncidentTracker;
  /** The claims that stand. */
  symptoms(): Symptoms;
  /** What detectors know, for people. */
  accounts(): readonly Account[];
  /** Who adds the harm that is felt just now; undefined when none is. */
  ranking(): Ranking | undefined;
}

export function createHealer(options: HealerOptions): Healer {
  const { memory, clock, fleet, moves, random, log } = options;
  const tracker = new IncidentTracker({ memory, clock, slotOf: (id) => slotIn(options.view(), id) });
  const heard = { facts: new FactSignal(), changes: new SettingChanges(), additions: new Additions() };
  let symptoms: Symptoms = new Map();
  let panickedAt: number | null = null;
  /** Verifications under way: whatever wakes the loop may have changed what they look at. */
  const watching = new Set<() => void>();
  const onChange = () => {
    tracker.invalidate();
    options.wake();
  };
  const executor = createExecutor({
    moves,
    fleet,
    store: memory,
    clock,
    signalOf: (plan, steps, since) => ({
      read: signalFor({
        plan,
        steps,
        since,
        view: options.view,
        userSignal: options.userSignal,
        facts: { read: (key) => heard.facts.read(key), measureAgain: (keys) => options.measureAgain(keys) },
        symptoms: () => symptoms,
        doubted: () =>
          tracker.open.flatMap(({ body }) =>
            body.diagnosis.cause === 'observer' ? [body.diagnosis.subject.name] : [],
          ),
        clock,
      }),
      onChange: (run) => {
        watching.add(run);
        return () => void watching.delete(run);
      },
    }),
    rejudge: (plan, moveIndex) => rejudge(options, { tracker, experience, panickedAt }, plan, moveIndex),
  });
  const harm = new HarmMeter(options.userSignal);
  const experience = new Experience(memory, clock);
  const desk = new RepairDesk({
    memory,
    executor,
    clock,
    random,
    log,
    onChange,
    onBegin: (repair, plan) => harm.begin(repair, plan, options.view()),
    async onEnd(repair) {
      const measured = harm.end(repair, options.view());
      if (measured)
        await memory.noteHarm(repair, measured).catch((error: unknown) => tellUnmeasured(log, repair, error));
      experience.forget();
    },
  });
  const refusals = new Refusals(options, tracker);
  const { readings, ranking } = graphOf(options, () => symptoms);
  /** Of a storm's many diagnoses too it is asked once. */
  const ranked = (diagnoses: readonly Diagnosis[]): readonly Diagnosis[] => {
    const isKnown = ({ key }: Diagnosis) => tracker.open.some((each) => each.key === key);
    const found = diagnoses.every(isKnown) ? undefined : ranking();
    return found ? diagnoses.map((each) => (isKnown(each) ? each : { ...each, ranking: found })) : diagnoses;
  };

  const stages: Stages = {
    woken: options.woken,
    observe: options.takeSamples,
    detect(given) {
      const now = clock.now();
      const samples = believed([...heard.changes.take(), ...heard.additions.take(), ...given], now, log);
      for (const listener of [harm, heard.facts]) for (const sample of samples) listener.take(sample);
      const changes = samples.flatMap((sample) => options.detectors.flatMap((detector) => detector.feed(sample)));
      symptoms = withoutStale(applyChanges(symptoms, changes), now);
      for (const run of watching) run();
      return symptoms;
    },
    readings,
    leading: options.epoch,
    async look() {
      const view = await options.look();
      if (looksDown(view, options.policy())) panickedAt = view.at;
      heard.changes.look(view);
      heard.additions.look(view);
      return view;
    },
    async track(diagnoses) {
      await desk.expire();
      const incidents = await tracker.track(ranked(diagnoses), (incident) => desk.isRepairing(incident));
      await letIn(options, tracker);
      return incidents;
    },
    async situate(incident) {
      // A repair of it may have ended since it was read: the next turn knows how.
      if (tracker.isStale || desk.isRepairing(incident.id)) return undefined;
      if (CALLED.has(incident.outcome ?? '') && !isRunningOut(incident, options.view())) return undefined;
      if (refusals.isRecent(incident)) return undefined;
      const { workload, subject } = incident.body.diagnosis;
      // The keeper starts it again by itself, and nobody else may: there is nothing to decide.
      if (isOwnProcess(subject.name)) return undefined;
      if (workload !== null && options.isBusy(workload)) return undefined;
      const given = await situationOf(options, experience, incident);
      return { ...given, situation: { ...given.situation, others: othersThan(tracker, incident.id), panickedAt } };
    },
    guards: options.guards ?? GUARDS,
    repair: (plan) => desk.begin(plan, options.leadership()),
    refuse: (incident, refusal) => refusals.take(incident, refusal),
    converge() {
      const epoch = options.epoch();
      if (epoch !== undefined) options.converge(epoch, options.leadership());
    },
  };
  return { stages, desk, tracker, symptoms: () => symptoms, accounts: () => accountsOf(options), ranking };
}

/** Who was kept out is let in once what they were kept out of is over. What cannot be lifted is tried again, and ends by itself. */
async function letIn(options: HealerOptions, tracker: IncidentTracker): Promise<void> {
  const { fleet, clock, log } = options;
  const epoch = options.epoch();
  if (tracker.isStale || epoch === undefined) return;
  for (const { id, incident, hasEnded } of spentContainments(options.view(), tracker.open)) {
    const signal = clock.deadline(LIFT_MS, options.leadership());
    await fleet
      .liftMitigation(id, { key: `${incident}:${hasEnded === true ? 'ended' : 'let-in'}`, epoch, signal, fleet })
      .catch((error: unknown) => log.warn({ id, incident, reason: describeError(error) }, 'a limit was not lifted'));
  }
}

function accountsOf({ detectors, clock }: HealerOptions): readonly Account[] {
  return detectors.flatMap((detector) => [...detector.tell(clock.now())]);
}

/** The call graph as it was seen, and who adds the harm by it. While nothing is claimed nobody asks. */
function graphOf({ detectors, clock, view }: HealerOptions, symptoms: () => Symptoms) {
  const readings = (): CallReadings => {
    const now = clock.now();
    return symptoms().size === 0 ? NO_READINGS : (first(detectors, (each) => each.readings(now)) ?? NO_READINGS);
  };
  return { readings, ranking: () => rankingOf(symptoms(), view(), readings()) };
}

/** The slot that an instance is in. */
function slotIn(view: FleetView, id: string): string | undefined {
  const instance = instanceOf(view, id);
  return instance && `${instance.workload}/${instance.region}/${instance.ordinal}`;
}

function first<Item, Found>(items: readonly Item[], find: (item: Item) => Found | undefined): Found | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function believed(given: readonly Sample[], now: number, log: Log): readonly Sample[] {
  const samples = given.filter((sample) => isBelievable(sample, now));
  const left = given.length - samples.length;
  if (left > 0) log.debug({ left }, 'readings that cannot be were left out');
  return samples;
}

/** Harm that could not be noted is lost, and the repair has ended all the same. */
function tellUnmeasured(log: Log, repair: string, error: unknown): void {
  log.warn({ repair, reason: describeError(error) }, 'the harm of a repair could not be noted');
}

async function situationOf(options: HealerOptions, experience: Experience, incident: Incident) {
  const { memory, random } = options;
  const { diagnosis } = incident.body;
  const policy = options.policy();
  const [repairs, relapses, budgets, surroundings, { record, learned }] = await Promise.all([
    memory.readPastRepairs(),
    memory.readRelapses(incident.key),
    memory.readBudgets(scopesOf(diagnosis)),
    options.surroundings(),
    experience.read(),
  ]);
  const trust = trustFrom(record, policy, options.clock.now());
  const planId = newId('pln', random);
  const past = { repairs, relapses, trust, learned, approvals: [] };
  const situation = { ...surroundings, incident: incident.id, diagnosis, planId, ...past };
  return { situation, budgets, policy };
}

/** Refusals as they are told: once for the same reasons, and not decided again at once. */
class Refusals {
  readonly #options: HealerOptions;
  readonly #tracker: IncidentTracker;
  readonly #last = new Map<string, { readonly at: number; readonly reasons: string }>();

  constructor(options: HealerOptions, tracker: IncidentTracker) {
    this.#options = options;
    this.#tracker = tracker;
  }

  isRecent(incident: Incident): boolean {
    return this.#options.clock.now() - (this.#last.get(incident.id)?.at ?? 0) < DECIDE_AGAIN_MS;
  }

  async take(incident: Incident, refusal: Refusal): Promise<void> {
    const denied = refusal.verdicts.filter((verdict) => verdict.kind === 'deny');
    const reasons = denied.map(({ guard }) => guard).join(' ');
    const isSame = this.#last.get(incident.id)?.reasons === reasons;
    this.#last.set(incident.id, { at: this.#options.clock.now(), reasons });
    const open = new Set(this.#tracker.open.map(({ id }) => id));
    for (const id of this.#last.keys()) if (!open.has(id)) this.#last.delete(id);
    if (isSame) return;
    const guards = denied.map(({ guard, reason, remedy, tenants }) => {
      return { guard, reason, remedy, ...(tenants ? { tenants } : {}) };
    });
    const tenants = [...new Set(denied.flatMap((each) => each.tenants ?? []))];
    const proposal =
      refusal.proposal?.steps.map(({ move, rung, effect, undo }) => ({ move, rung, effect, undo })) ?? [];
    await this.#options.memory.refuseIncident(incident, { target: refusal.target, tenants, guards, proposal });
    this.#tracker.invalidate();
  }
}

/**
 * Judges the rung of a step again right before the step, on the world as it is now; see `Guard.at` for who is asked when.
 * What the repair itself holds does not stand against it.
 */
async function rejudge(
  options: HealerOptions,
  known: { readonly tracker: IncidentTracker; readonly experience: Experience; readonly panickedAt: number | null },
  plan: Plan,
  moveIndex: number,
): Promise<readonly Verdict[]> {
  const { tracker, experience, panickedAt } = known;
  const { memory } = options;
  const fleet = await options.lookAgain();
  const incident = tracker.open.find((each) => each.id === plan.incident);
  const policy = options.policy();
  const [surroundings, repairs, relapses, budgets, open, { record }] = await Promise.all([
    options.surroundings(),
    memory.readPastRepairs(),
    memory.readRelapses(incident?.key ?? ''),
    memory.readBudgets(budgetScopes(plan)),
    memory.readOpenRepairs(),
    experience.read(),
  ]);
  const own = open.find((each) => each.plan.id === plan.id);
  const situation: Situation = {
    ...surroundings,
    incident: plan.incident,
    planId: plan.id,
    repairs: repairs.filter((each) => each.id !== own?.id),
    relapses,
    trust: trustFrom(record, policy, options.clock.now()),
    approvals: own ? approversOf(await memory.read(own.id)) : [],
    diagnosis: incident?.body.diagnosis ?? { ...NO_DIAGNOSIS, cause: plan.cause },
    others: othersThan(tracker, plan.incident),
    panickedAt,
  };
  const review = { plan, situation, fleet, budgets, policy, now: fleet.at };
  return reviewBefore(moveIndex, review, options.guards ?? GUARDS);
}

function othersThan(tracker: IncidentTracker, incident: string): readonly Diagnosis[] {
  return tracker.open.flatMap((each) => (each.id === incident ? [] : [each.body.diagnosis]));
}

const NO_DIAGNOSIS = {
  key: '',
  subject: { kind: 'workload', name: '' },
  workload: null,
  summary: '',
  evidence: [],
  explains: [],
  suspects: [],
} as const;

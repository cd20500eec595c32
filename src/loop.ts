/**
 * The main path of Kintsugi on one screen: observe, detect, diagnose, decide (where comply has its say), repair.
 *
 * Everything that happens in the world only wakes the loop; the loop then looks at the world again and acts on what it
 * sees, never on the event. A lost event, a repeated one and a crash are therefore the same case. What is below this
 * screen: the stages in the folders of the same names, and `api/control.ts`, which connects them to real processes.
 */
import { diagnose } from './diagnose/diagnose.ts';
import type { Diagnosis } from './diagnose/diagnosis.ts';
import type { FleetView } from './diagnose/fleet-view.ts';
import type { CallReadings } from './detect/call-graph.ts';
import type { Symptoms } from './detect/symptoms.ts';
import { decide } from './heal/decide.ts';
import type { Guard } from './heal/guards/guard.ts';
import type { Incident } from './heal/memory.ts';
import type { Plan, Refusal } from './heal/plan.ts';
import type { Budgets, Policy, Situation } from './heal/situation.ts';
import type { Sample } from './observe/sample.ts';

export interface Stages {
  /** Resolves when something may have changed, and at the latest after a beat. */
  woken(signal: AbortSignal): Promise<void>;
  /** The readings that came in since the last turn. */
  observe(): readonly Sample[];
  /** Folds them into the claims that stand. */
  detect(samples: readonly Sample[]): Symptoms;
  /** How the calls between workloads went, as far as that is seen. */
  readings(): CallReadings;
  /** The epoch under which this replica leads; undefined for a replica that only watches. */
  leading(): number | undefined;
  /** The fleet as it is now. Rejects when state cannot be read: then nothing is decided, and what runs goes on. */
  look(): Promise<FleetView>;
  /** Opens an incident for each new diagnosis, closes those whose symptoms are gone; resolves with those that are open. */
  track(diagnoses: readonly Diagnosis[], fleet: FleetView): Promise<readonly Incident[]>;
  /** What a decision about this incident is made from. Undefined while a repair of it is under way. */
  situate(incident: Incident): Promise<{ situation: Situation; budgets: Budgets; policy: Policy } | undefined>;
  /** What every plan is held against. */
  readonly guards: readonly Guard[];
  /** Starts the repair (or its wait for approval) and returns; it is journaled before it acts. */
  repair(plan: Plan): Promise<void>;
  refuse(incident: Incident, refusal: Refusal): Promise<void>;
  /** Makes declared things so where nothing is wrong: fills slots, rolls out versions. */
  converge(): void;
}

/** Turns until `signal` aborts. `onFault` hears of turns that could not be finished; the next turn tries again. */
export async function loop(stages: Stages, signal: AbortSignal, onFault: (error: unknown) => void): Promise<void> {
  while (!signal.aborted) {
    await stages.woken(signal);
    try {
      const symptoms = stages.detect(stages.observe());
      if (stages.leading() !== undefined) await turn(stages, symptoms);
    } catch (error) {
      onFault(error);
    }
  }
}

async function turn(stages: Stages, symptoms: Symptoms): Promise<void> {
  const fleet = await stages.look();
  const incidents = await stages.track(diagnose(symptoms, fleet, stages.readings()), fleet);
  for (const incident of incidents) {
    const given = await stages.situate(incident);
    if (!given) continue;
    const decision = decide(given.situation, fleet, given.budgets, given.policy, fleet.at, stages.guards);
    if (decision.kind === 'plan') await stages.repair(decision);
    else await stages.refuse(incident, decision);
  }
  stages.converge();
}

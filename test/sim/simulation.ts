import { seededRandom } from '../../src/base/random.ts';
import { type Scenario, scenarioSchema } from '../scenarios/scenario.ts';
import { randomFaults } from './random-faults.ts';
import { randomFleet, type Size } from './random-fleet.ts';
import { Noise } from './world/noise.ts';
import { runTrial } from './world/run.ts';
import type { HealerName, Trial, Violation } from './world/trial.ts';

export interface SimulationOptions extends Size {
  readonly seed: number;
  readonly hours: number;
  /** Mean time from one fault to the next. */
  readonly gapMs: number;
  readonly healer: HealerName;
}

/** What came of a simulation, for people and machines. */
export interface Scoreboard {
  readonly seed: number;
  readonly hours: number;
  readonly instances: number;
  readonly tenants: number;
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  readonly incidents: number;
  /** Repairs by how they ended. */
  readonly repairs: Readonly<Record<string, number>>;
  readonly pages: number;
  readonly acts: number;
  readonly violations: readonly Violation[];
  /** Faults of the healer itself that it caught. */
  readonly healerFaults: readonly string[];
}

const HOUR_MS = 3_600_000;

/** A random fleet with random faults, all from one seed. */
export function randomScenario(options: SimulationOptions): { scenario: Scenario; taken: readonly string[] } {
  const noise = new Noise(seededRandom(options.seed));
  const fleet = randomFleet(options, noise);
  const lengthMs = options.hours * HOUR_MS;
  const { events, taken } = randomFaults(fleet, { lengthMs, gapMs: options.gapMs }, noise);
  const scenario = scenarioSchema.parse({
    scenario: `seed-${options.seed}`,
    pack: 'sim',
    title: 'A random fleet with random faults',
    runs: `${lengthMs}ms`,
    fleet: fleet.fleet,
    profiles: fleet.profiles,
    effects: fleet.effects,
    events,
    people: [{ name: 'anna', approves: ['any'], after: '60s' }],
    expect: {},
  });
  return { scenario, taken };
}

/** Lets it live, and counts. */
export async function simulate(options: SimulationOptions): Promise<Scoreboard> {
  const { scenario, taken } = randomScenario(options);
  const trial = await runTrial(scenario, { seed: options.seed, healer: options.healer, keepFelt: false });
  return {
    seed: options.seed,
    hours: options.hours,
    instances: options.instances,
    tenants: options.tenants,
    faults: taken.length,
    faultsByKind: countBy(taken),
    incidents: trial.incidents.length,
    repairs: countBy(trial.repairs.map((each) => each.outcome ?? 'open')),
    pages: trial.pages.length,
    acts: trial.acts.length,
    violations: trial.violations,
    healerFaults: faultsOf(trial),
  };
}

function faultsOf(trial: Trial): readonly string[] {
  return [...new Set(trial.faults.map((each) => each.what))];
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

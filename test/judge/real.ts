import type { DrillResult } from '../../src/cli/drill-fault.ts';
import { ClinicLoad, UNHARMED } from '../e2e/clinic-load.ts';
import { Stack } from '../e2e/stack.ts';
import type { ScenarioFile } from '../scenarios/load.ts';

/** How a scenario went on real processes. */
export interface RealDrill {
  readonly scenario: string;
  readonly isGood: boolean;
  /** What the drill and the clients of the example say. */
  readonly text: string;
  readonly result: DrillResult | null;
  readonly harm: Readonly<Record<string, number>>;
}

/**
 * Drills the faults of all scenarios that name one, each on a fresh example stack of this machine under the light load of
 * the example's clients. A drill is good when it ended as healed and no request that may be repeated failed.
 */
export async function drillAll(
  files: readonly ScenarioFile[],
  progress: (line: string) => void,
): Promise<readonly RealDrill[]> {
  const drills: RealDrill[] = [];
  for (const { scenario } of files) {
    if (!scenario.real) continue;
    progress(`${scenario.pack}/${scenario.scenario}: ${scenario.real.fault} on ${scenario.real.target}`);
    drills.push(await drillOne(scenario.scenario, scenario.real));
  }
  return drills;
}

type Real = NonNullable<ScenarioFile['scenario']['real']>;

async function drillOne(scenario: string, { fault, target, args }: Real): Promise<RealDrill> {
  const stack = await Stack.create();
  try {
    await stack.up();
    const load = await ClinicLoad.start(stack);
    const { code, out, err } = await stack.cli('drill', fault, target, '--json', ...args);
    const { total } = await load.stop();
    const result = out.startsWith('{') ? (JSON.parse(out) as DrillResult) : null;
    const seen = total as unknown as Readonly<Record<string, number>>;
    const harm = Object.fromEntries(Object.keys(UNHARMED).map((name) => [name, seen[name] ?? 0]));
    const isUnharmed = Object.values(harm).every((count) => count === 0);
    const hurt = Object.entries(harm).flatMap(([name, count]) => (count === 0 ? [] : [`${name} ${count}`]));
    const said = result ? `${result.outcome} after ${result.closedMs ?? '?'} ms` : err.trim();
    return { scenario, isGood: code === 0 && isUnharmed, text: [said, ...hurt].join(', '), result, harm };
  } finally {
    await stack.close();
  }
}

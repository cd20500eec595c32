import type { ScenarioFile } from '../scenarios/load.ts';
import type { HealerName, Trial } from '../sim/world/trial.ts';
import { runTrial } from '../sim/world/run.ts';
import { score } from './score.ts';
import { isHarmful, type Judgement } from './scoreboard.ts';

export interface JudgeOptions {
  readonly seed: number;
  readonly healer: HealerName;
  /** Also run the healer that restarts whatever is unhealthy. */
  readonly baseline: boolean;
}

/** Runs one scenario with all healers that it is to be judged with. Equal options give an equal judgement. */
export async function judge({ file, scenario }: ScenarioFile, options: JudgeOptions): Promise<Judgement> {
  const { seed, healer } = options;
  const guarded = score(scenario, await runTrial(scenario, { seed, healer }));
  const without = healer === 'kintsugi' && scenario.withoutGuards.length > 0;
  const unguarded = without
    ? score(scenario, await runTrial(scenario, { seed, healer, withoutGuards: scenario.withoutGuards }))
    : undefined;
  const baseline = options.baseline ? score(scenario, await runTrial(scenario, { seed, healer: 'baseline' })) : null;
  return {
    scenario: scenario.scenario,
    pack: scenario.pack,
    title: scenario.title,
    file,
    healer,
    score: guarded,
    unguarded: unguarded ? { isHarmful: isHarmful(scenario, unguarded, guarded), reasons: unguarded.reasons } : null,
    baseline,
  };
}

/** One trial, for its story; without the guards that the scenario takes out, if that is asked for. */
export function trialOf(
  { scenario }: ScenarioFile,
  options: JudgeOptions & { readonly unguarded: boolean },
): Promise<Trial> {
  const { seed, healer, unguarded } = options;
  return runTrial(scenario, { seed, healer, withoutGuards: unguarded ? scenario.withoutGuards : [] });
}

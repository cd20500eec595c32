import { describeError } from '../../src/base/errors.ts';
import type { ScenarioFile } from '../scenarios/load.ts';
import type { HealerName, Trial, TrialOptions } from '../sim/world/trial.ts';
import { runTrial } from '../sim/world/run.ts';
import { brokenOff, type Score, score } from './score.ts';
import { isHarmful, type Judgement } from './scoreboard.ts';

export interface JudgeOptions {
  readonly seed: number;
  readonly healer: HealerName;
  /** Also run the healer that restarts whatever is unhealthy. */
  readonly baseline: boolean;
}

/** Runs one scenario with all healers that it is to be judged with. Equal options give an equal judgement. Never rejects. */
export async function judge({ file, scenario }: ScenarioFile, options: JudgeOptions): Promise<Judgement> {
  const { seed, healer } = options;
  const scored = async (trial: TrialOptions): Promise<Score> => {
    try {
      return score(scenario, await runTrial(scenario, trial));
    } catch (error) {
      return brokenOff(describeError(error));
    }
  };
  const guarded = await scored({ seed, healer });
  const { withoutGuards } = scenario;
  const hasGuards = healer === 'kintsugi' && withoutGuards.length > 0;
  const unguarded = hasGuards ? await scored({ seed, healer, withoutGuards }) : undefined;
  const baseline = options.baseline ? await scored({ seed, healer: 'baseline' }) : null;
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

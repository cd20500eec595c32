import { parseArgs } from 'node:util';
import { toIso } from '../../src/base/clock.ts';
import { KinError } from '../../src/base/errors.ts';
import { seededRandom } from '../../src/base/random.ts';
import type { Bench } from '../bench.ts';
import { runLeaks } from './leaks.ts';
import { runLoads } from './loads.ts';
import { readM4 } from './m4.ts';
import { renderForecast } from './report.ts';

const WORLDS_MAX = 1_000;

export const forecastBench: Bench = {
  name: 'forecast',
  synopsis: '[--dataset DIR] [--worlds N] [--seed N]',
  help: `  leaks and load, foreseen beside simple estimators
  --dataset  the folder of the M4 competition with Hourly-train.csv and Hourly-test.csv below it
             (github.com/Mcompetitions/M4-methods: Dataset); without it only leaks are foreseen
  --worlds   so many synthetic leaks of each kind (default 40)
  --seed     of the leaks (default 1)
`,
  async run(args, { progress }) {
    const options = { dataset: { type: 'string' }, worlds: { type: 'string' }, seed: { type: 'string' } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const worlds = readCount('--worlds', values.worlds ?? '40', 1, WORLDS_MAX);
    const seed = readCount('--seed', values.seed ?? '1', 0, 2 ** 32 - 1);
    const series = values.dataset === undefined ? undefined : readM4(values.dataset);
    progress(`seed ${seed}; ${worlds} leaks of each kind; ${series?.length ?? 0} series`);
    const leaks = runLeaks(worlds, seededRandom(seed));
    const loads = series === undefined ? null : { series: series.length, results: runLoads(series) };
    const report = { bench: 'forecast', date: toIso(Date.now()), seed, leaks, loads } as const;
    return { report, text: renderForecast(report) };
  },
};

function readCount(option: string, text: string, least: number, most: number): number {
  const count = Number(text);
  if (text.trim() === '' || !Number.isInteger(count) || count < least || count > most) {
    throw new KinError('usage.invalid', `${option} must be a whole number from ${least} to ${most}, not ${text}`);
  }
  return count;
}

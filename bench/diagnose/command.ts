import { parseArgs } from 'node:util';
import { toIso } from '../../src/base/clock.ts';
import { KinError } from '../../src/base/errors.ts';
import type { Bench } from '../bench.ts';
import { runDiagnose } from './diagnose.ts';
import { readPetShop } from './petshop.ts';
import { renderDiagnose } from './report.ts';

const PLANTED_MAX = 10_000;

export const diagnoseBench: Bench = {
  name: 'diagnose',
  synopsis: '--dataset DIR [--planted N] [--seed N]',
  help: `  ranking of causes on a call graph beside the traversal baseline and n-sigma
  --dataset  PetShop (github.com/amazon-science/petshop-root-cause-analysis): its folder \`dataset\`
  --planted  also so many faults planted in the normal operation of each scenario, and as many quiet windows
             (default 100, 0 for none)
  --seed     of what is planted (default 1)
`,
  async run(args, { progress }) {
    const options = { dataset: { type: 'string' }, planted: { type: 'string' }, seed: { type: 'string' } } as const;
    const { values } = parseArgs({ args: [...args], options });
    if (values.dataset === undefined) throw new KinError('usage.invalid', 'name the data set with --dataset DIR');
    const planted = readCount('--planted', values.planted ?? '100', PLANTED_MAX);
    const seed = readCount('--seed', values.seed ?? '1', 2 ** 32 - 1);
    const scenarios = readPetShop(values.dataset);
    progress(`seed ${seed}; ${scenarios.reduce((sum, { issues }) => sum + issues.length, 0)} issues`);
    const report = { bench: 'diagnose', date: toIso(Date.now()), ...runDiagnose(scenarios, planted, seed) } as const;
    return { report, text: renderDiagnose(report) };
  },
};

function readCount(option: string, text: string, most: number): number {
  const count = Number(text);
  if (text.trim() === '' || !Number.isInteger(count) || count < 0 || count > most) {
    throw new KinError('usage.invalid', `${option} must be a whole number from 0 to ${most}, not ${text}`);
  }
  return count;
}

import { parseArgs } from 'node:util';
import { KinError } from '../../src/base/errors.ts';
import type { Bench } from '../bench.ts';
import { renderStorms } from './report.ts';
import { runStorms } from './storm.ts';

const SYMPTOMS = 10_000;
const SYMPTOMS_MAX = 100_000;

export const stormBench: Bench = {
  name: 'storm',
  synopsis: '[--symptoms N]',
  help: `  what one look at an alert storm costs, and how many incidents come of it
  --symptoms how many symptoms stand at once (${SYMPTOMS} when left out)
`,
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { symptoms: { type: 'string' } } });
    const symptoms = Number(values.symptoms ?? SYMPTOMS);
    if (!Number.isInteger(symptoms) || symptoms < 100 || symptoms > SYMPTOMS_MAX) {
      throw new KinError('usage.invalid', `--symptoms must be a whole number from 100 to ${SYMPTOMS_MAX}`);
    }
    const report = runStorms(symptoms);
    return { report, text: renderStorms(report) };
  },
};

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KinError } from '../../src/base/errors.ts';
import type { Bench } from '../bench.ts';
import { runDetect } from './detect.ts';
import { renderDetect } from './report.ts';

/** Where the corpora lie when nothing else is said. */
const CORPORA = ['../shared/data/nab', '../shared/data/microsoft-cloud-monitoring'];
const SEED = 1;

export const detectBench: Bench = {
  name: 'detect',
  synopsis: '[--corpus DIR]... [--results DIR]',
  help: `  the streaming anomaly detector beside simple ones, scored as the Numenta Anomaly Benchmark (NAB) scores
  --corpus   a folder in NAB's layout (github.com/numenta/NAB: data/ and labels/combined_windows.json), or with
             labels in a third column (github.com/microsoft/cloud-monitoring-dataset); may be repeated
  --results  result files in NAB's layout, of one detector or of several: scores them against the first corpus
`,
  async run(args, { progress }) {
    const options = { corpus: { type: 'string', multiple: true }, results: { type: 'string' } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const corpora = values.corpus ?? CORPORA.filter((path) => existsSync(path));
    if (corpora.length === 0) throw new KinError('usage.invalid', 'name a corpus with --corpus DIR');
    const report = runDetect({ corpora, results: values.results, seed: SEED, progress });
    return { report, text: renderDetect(report) };
  },
};

import { parseArgs } from 'node:util';
import { KinError } from '../../src/base/errors.ts';
import type { Bench } from '../bench.ts';
import { runObserve } from './observe.ts';
import { renderObserve } from './report.ts';

const DEFAULTS = { series: 100_000, looks: 4, every: 10 };
/** A bench that is started by mistake ends by itself. */
const MOST = { series: 200_000, looks: 30, every: 60 };

export const observeBench: Bench = {
  name: 'observe',
  synopsis: '[--series N] [--looks N] [--every SECONDS]',
  help: `  what detection costs in processor time and memory, beside Prometheus with rules on the same series
  --series   how many (default ${DEFAULTS.series})
  --looks    how many looks are measured (default ${DEFAULTS.looks})
  --every    seconds between two looks (default ${DEFAULTS.every})
`,
  async run(args, { signal, progress }) {
    const options = { series: { type: 'string' }, looks: { type: 'string' }, every: { type: 'string' } } as const;
    const { values } = parseArgs({ args: [...args], options });
    const read = (name: keyof typeof DEFAULTS) => {
      const value = Number(values[name] ?? DEFAULTS[name]);
      if (Number.isInteger(value) && value >= 1 && value <= MOST[name]) return value;
      throw new KinError('usage.invalid', `--${name} must be a whole number from 1 to ${MOST[name]}`);
    };
    const [series, looks, everySeconds] = [read('series'), read('looks'), read('every')];
    const report = await runObserve({ series, looks, everySeconds, signal, progress });
    return { report, text: renderObserve(report) };
  },
};

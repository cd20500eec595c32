import { parseArgs } from 'node:util';
import { KinError } from '../../src/base/errors.ts';
import type { Bench } from '../bench.ts';
import { runRecovery } from './recovery.ts';
import { renderReport } from './report.ts';

const ROUNDS_MAX = 100;

export const recoveryBench: Bench = {
  name: 'recovery',
  synopsis: '[--rounds N]',
  help: `  the same faults and load against Kintsugi and against HAProxy with a supervisor
  --rounds   how often each contestant is broken (default 3)
`,
  async run(args, { signal, progress }) {
    const report = await runRecovery({ rounds: roundsOf(args), signal, progress });
    return { report, text: renderReport(report) };
  },
};

function roundsOf(args: readonly string[]): number {
  const options = { rounds: { type: 'string', default: '3' } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new KinError(
      'usage.invalid',
      `--rounds must be a whole number from 1 to ${ROUNDS_MAX}, not ${values.rounds}`,
    );
  }
  return rounds;
}

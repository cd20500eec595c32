/** `npm run bench -- NAME [options]`: comparisons with other people's tools, each side in the same run. */
import { parseArgs } from 'node:util';
import { describeError, KinError } from '../src/base/errors.ts';
import { renderReport, type RecoveryReport } from './recovery/report.ts';
import { runRecovery } from './recovery/recovery.ts';

const ROUNDS_MAX = 100;
const EXIT_USAGE = 64;
const EXIT_FAULT = 1;
const USAGE = `usage: npm run bench -- recovery [--rounds N] [--json]

  recovery   the same faults and load against Kintsugi and against HAProxy with a supervisor
  --rounds   how often each contestant is broken (default 3)
  --json     one JSON document instead of the table
`;

interface BenchCommand {
  readonly rounds: number;
  readonly json: boolean;
}

/** Throws `usage.invalid`, with what can be said instead. */
function readCommand(args: readonly string[]): BenchCommand {
  const { values, positionals } = parsed(args);
  const [name, ...rest] = positionals;
  if (name !== 'recovery') throw misuse(name === undefined ? 'name a bench' : `there is no bench ${name}`);
  if (rest.length > 0) throw misuse(`recovery takes no argument ${rest[0]}`);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw misuse(`--rounds must be a whole number from 1 to ${ROUNDS_MAX}, not ${values.rounds}`);
  }
  return { rounds, json: values.json };
}

function parsed(args: readonly string[]) {
  const options = { rounds: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw misuse((error as Error).message);
  }
}

function misuse(message: string): KinError {
  return new KinError('usage.invalid', message);
}

/** Ctrl-C ends what was started before it ends the bench. */
function interruption(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
  }
  return stopping.signal;
}

async function main(): Promise<void> {
  const { rounds, json } = readCommand(process.argv.slice(2));
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  const report: RecoveryReport = await runRecovery({ rounds, signal: interruption(), progress });
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof KinError && error.code === 'usage.invalid';
  process.stderr.write(isUsage ? `${error.message}\n\n${USAGE}` : `${describeError(error)}\n`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAULT;
}

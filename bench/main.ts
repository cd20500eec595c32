/** `npm run bench -- NAME [options]`: comparisons with other people's tools, each side in the same run. */
import { describeError, KinError } from '../src/base/errors.ts';
import type { Bench } from './bench.ts';
import { detectBench } from './detect/command.ts';
import { complyBench } from './comply/command.ts';
import { DataFault } from './detect/data-fault.ts';
import { diagnoseBench } from './diagnose/command.ts';
import { forecastBench } from './forecast/command.ts';
import { ledgerBench } from './ledger/command.ts';
import { observeBench } from './observe/command.ts';
import { recoveryBench } from './recovery/command.ts';
import { stormBench } from './storm/command.ts';

const BENCHES: readonly Bench[] = [
  recoveryBench,
  detectBench,
  diagnoseBench,
  forecastBench,
  ledgerBench,
  stormBench,
  complyBench,
  observeBench,
];

const EXIT_USAGE = 64;
const EXIT_DATA = 2;
const EXIT_FAULT = 1;

function usage(): string {
  const of = ({ name, synopsis, help }: Bench) => `npm run bench -- ${name} ${synopsis} [--json]\n\n${help}`;
  return `usage:\n\n${BENCHES.map(of).join('\n')}\n  --json     one JSON document instead of the tables\n`;
}

/** Ctrl-C ends what was started before it ends the bench. */
function interruption(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
  }
  return stopping.signal;
}

async function main([name, ...args]: readonly string[]): Promise<void> {
  const bench = BENCHES.find((each) => each.name === name);
  if (bench === undefined) {
    throw new KinError('usage.invalid', name === undefined ? 'name a bench' : `there is no bench ${name}`);
  }
  const own = args.filter((arg) => arg !== '--json');
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  const { report, text } = await bench.run(own, { signal: interruption(), progress });
  process.stdout.write(own.length < args.length ? `${JSON.stringify(report, null, 2)}\n` : text);
}

/** `parseArgs` throws type errors with a code of its own for options that it does not know. */
function isMisuse(error: unknown): error is Error {
  if (error instanceof KinError) return error.code === 'usage.invalid';
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (isMisuse(error)) process.stderr.write(`${error.message}\n\n${usage()}`);
  else process.stderr.write(error instanceof DataFault ? `${error.message}\n` : `${describeError(error)}\n`);
  process.exitCode = isMisuse(error) ? EXIT_USAGE : error instanceof DataFault ? EXIT_DATA : EXIT_FAULT;
}

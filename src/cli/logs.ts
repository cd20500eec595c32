import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { untilInterrupted } from './interruption.ts';
import type { Binder, Invocation } from './invocation.ts';
import { wholeNumber } from './number-option.ts';

interface LogsOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

export function declareLogs(program: Command, binder: Binder): void {
  const command = program
    .command('logs')
    .description('what a process wrote: an instance, all of a workload, or control, gateway-1, ledger, postgres')
    .argument('<name>', 'id of an instance or process, or name of a workload')
    .option('-n, --lines <number>', 'newest lines of each', wholeNumber(0, 10_000), 100)
    .option('-f, --follow', 'go on with each new line until Ctrl-C');
  binder.bind<LogsOptions>(command, (invocation, options, name = '') => runLogs(invocation, options, name));
}

async function runLogs(invocation: Invocation, options: LogsOptions, name: string): Promise<void> {
  if (options.follow && invocation.json) {
    throw new KinError('usage.invalid', '--follow prints lines as they come; with --json there is one document');
  }
  invocation.requireKeeper();
  const ids = await childrenOf(invocation, name);
  if (options.follow) return await untilInterrupted((signal) => follow(invocation, options, ids, signal));
  const logs = await Promise.all(ids.map(async (id) => ({ id, lines: await tailOf(invocation, options, id) })));
  invocation.print({ logs }, () => logs.flatMap(({ lines }) => lines.map((line) => `${line}\n`)).join(''));
}

/** A workload stands for those of its instances that run, or for all that are known when none does. */
async function childrenOf({ keeper, context }: Invocation, name: string): Promise<readonly string[]> {
  const children = await keeper.list(context.clock.deadline(5_000));
  if (children.some(({ id }) => id === name)) return [name];
  const instances = children.filter(({ workload }) => workload === name);
  const alive = instances.filter(({ state }) => state !== 'exited' && state !== 'failed');
  const chosen = alive.length > 0 ? alive : instances;
  // An instance that the keeper has forgotten may still have a log.
  return chosen.length > 0 ? chosen.map(({ id }) => id) : [name];
}

async function tailOf({ keeper }: Invocation, { lines }: LogsOptions, id: string): Promise<string[]> {
  const tail: string[] = [];
  const logs = keeper.logs(id, { lines, follow: false }, new AbortController().signal);
  for await (const line of linesOf(logs)) tail.push(line);
  return tail;
}

async function follow(
  { keeper, context }: Invocation,
  options: LogsOptions,
  ids: readonly string[],
  signal: AbortSignal,
) {
  const followOne = async (id: string) => {
    const lines = keeper.logs(id, { lines: options.lines, follow: true }, signal);
    for await (const line of linesOf(lines)) context.stdout.write(`${line}\n`);
  };
  await Promise.all(ids.map(followOne));
}

async function* linesOf(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) if (line !== '') yield line;
}

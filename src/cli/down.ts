import type { Command } from 'commander';
import { isFault, KinError } from '../base/errors.ts';
import type { Binder, Invocation } from './invocation.ts';
import { printDuration } from '../base/duration.ts';
import { wholeNumber } from './number-option.ts';

const LOOK_MS = 100;
const ANSWER_MS = 2_000;

export function declareDown(program: Command, binder: Binder): void {
  const command = program
    .command('down')
    .description('end everything in order: traffic first, then what it needs; data stay')
    .option('--timeout <seconds>', 'how long to wait until all is gone', wholeNumber(1, 3_600), 120);
  binder.bind<{ timeout: number }>(command, runDown);
}

async function runDown(invocation: Invocation, { timeout }: { timeout: number }): Promise<void> {
  invocation.requireKeeper();
  const { clock } = invocation.context;
  const startedMs = clock.monotonicMs();
  await invocation.keeper.down(clock.deadline(ANSWER_MS));
  await invocation.waiting('the end of all processes', waitUntilGone(invocation, startedMs + timeout * 1_000));
  const tookMs = Math.round(clock.monotonicMs() - startedMs);
  invocation.print({ down: true, tookMs }, () => `all processes are gone after ${printDuration(tookMs)}\n`);
}

/** The keeper's socket goes when everything else has gone. */
async function waitUntilGone({ keeper, context, state }: Invocation, untilMs: number): Promise<void> {
  const { clock } = context;
  while (clock.monotonicMs() < untilMs) {
    try {
      await keeper.list(clock.deadline(ANSWER_MS));
    } catch (error) {
      if (isFault(error, 'keeper.unreachable')) return;
      throw error;
    }
    await clock.sleep(LOOK_MS);
  }
  throw new KinError('keeper.refused', `the keeper on ${state.root} is still there`, { details: { path: state.root } });
}

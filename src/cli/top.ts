import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import type { Status } from './answers.ts';
import { untilInterrupted } from './interruption.ts';
import type { Binder, Invocation } from './invocation.ts';
import { readStatus, renderHeadline } from './status.ts';
import { type Board, renderIncidents, renderInstances, renderTenants } from './status-tables.ts';

const REDRAW_MS = 1_000;
const HOME_AND_ERASE = '\x1b[H\x1b[J';
const OTHER_SCREEN = '\x1b[?1049h\x1b[?25l';
const FIRST_SCREEN = '\x1b[?25h\x1b[?1049l';

export function declareTop(program: Command, binder: Binder): void {
  const command = program
    .command('top')
    .description('tenants, instances and open incidents, redrawn each second until Ctrl-C')
    .option('--once', 'print one frame and end, as it does without a terminal');
  binder.bind<{ once?: boolean }>(command, async (invocation, { once }) => {
    if (once || invocation.json || !invocation.context.isTty) return printFrame(invocation);
    await untilInterrupted((signal) => redraw(invocation, signal));
  });
}

async function printFrame(invocation: Invocation): Promise<void> {
  const status = await readStatus(invocation);
  const { tenants, workloads, incidents } = status;
  invocation.print({ tenants, workloads, incidents }, () => renderTop(status, boardOf(invocation)));
}

async function redraw(invocation: Invocation, signal: AbortSignal): Promise<void> {
  const { stdout, clock } = invocation.context;
  const first = await readStatus(invocation);
  stdout.write(OTHER_SCREEN);
  try {
    let frame = renderTop(first, boardOf(invocation));
    while (!signal.aborted) {
      stdout.write(`${HOME_AND_ERASE}${frame}`);
      await clock.sleep(REDRAW_MS, signal).catch(() => {});
      frame = await nextFrame(invocation);
    }
  } finally {
    stdout.write(FIRST_SCREEN);
  }
}

/** What cannot be asked now is said on the frame; the next one asks again. */
async function nextFrame(invocation: Invocation): Promise<string> {
  try {
    return renderTop(await readStatus(invocation), boardOf(invocation));
  } catch (error) {
    if (!(error instanceof KinError)) throw error;
    return `${invocation.paint('yellow', error.entry.title)}; asking again each second\n`;
  }
}

function boardOf({ paint, time, context }: Invocation): Board {
  return { paint, time, now: context.clock.now() };
}

/** One frame. */
export function renderTop(status: Status, board: Board): string {
  const { paint, time, now } = board;
  const open = status.incidents.length;
  const heading = open === 0 ? paint('green', 'no open incident') : paint('yellow', `${open} open`);
  return [
    `${paint('dim', time(now))}  ${renderHeadline(status, board)}`,
    renderTenants(status, board),
    renderInstances(status, board),
    `${heading}\n${open > 0 ? renderIncidents(status.incidents, board) : ''}`,
  ].join('\n');
}

import { CommanderError } from 'commander';
import { describeError, KinError } from '../base/errors.ts';
import { toProblem } from '../base/problem.ts';
import type { Paint } from './paint.ts';

/** Exit code of a bug in Kintsugi (EX_SOFTWARE of sysexits.h). */
const EXIT_BUG = 70;

/** What ended a command, as a fault of the catalogue where it is one. Undefined for a help text: that is no fault. */
export function faultOf(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0) return undefined;
  const asked = error.code === 'commander.help' ? 'no command was given' : error.message.replace(/^error: /, '');
  return new KinError('usage.invalid', asked);
}

/** Exit code for a fault: the catalogue's, or that of a bug. */
export function exitOf(error: unknown): number {
  return error instanceof KinError ? error.entry.exit : EXIT_BUG;
}

/** The fault for people: what happened, on what, and what to do next. */
export function renderFault(error: unknown, paint: Paint): string {
  if (!(error instanceof KinError)) {
    return `${paint('red', 'internal error')}: ${describeError(error)}\n  This is a bug in Kintsugi; please report it.\n`;
  }
  const { title, remedy } = error.entry;
  const lines = describeError(error).split('\n');
  const indented = lines.map((line) => `  ${line}\n`).join('');
  return `${paint('red', 'error')}: ${title} (${error.code})\n${indented}  ${paint('dim', '->')} ${remedy}\n`;
}

/** The fault for programs: one problem document (RFC 9457). */
export function renderProblem(error: unknown): string {
  return `${JSON.stringify({ ...toProblem(error).body, exit: exitOf(error) })}\n`;
}

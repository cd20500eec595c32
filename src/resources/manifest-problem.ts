import { KinError } from '../base/errors.ts';
import { type FieldPath, formatPath } from './field-path.ts';

/** One thing that is wrong with a manifest, or doubtful, and where. Lines and columns count from 1. */
export interface ManifestProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: FieldPath;
  readonly message: string;
  /** The source line, where it is sure to hold no secret. */
  readonly frame?: string;
}

const PROBLEMS_SHOWN_MAX = 50;
const FRAMES_SHOWN_MAX = 5;

/** `file:line:column: path: message` */
export function formatProblem(problem: ManifestProblem): string {
  const path = formatPath(problem.path);
  return `${problem.file}:${problem.line}:${problem.column}: ${path === '' ? '' : `${path}: `}${problem.message}`;
}

/** All problems as one fault for people (the message) and machines (`details.problems`). */
export function manifestFault(problems: readonly ManifestProblem[]): KinError {
  const sorted = [...problems].sort(byPlace);
  const shown = sorted.slice(0, PROBLEMS_SHOWN_MAX);
  const lines = shown.map(
    (problem, index) => formatProblem(problem) + (index < FRAMES_SHOWN_MAX ? frameOf(problem) : ''),
  );
  const files = new Set(problems.map((problem) => problem.file)).size;
  const hidden = sorted.length - shown.length;
  const message = [
    `${count(sorted.length, 'problem')} in ${count(files, 'manifest')}`,
    ...lines,
    ...(hidden > 0 ? [`and ${hidden} more`] : []),
  ].join('\n');
  return new KinError('manifest.invalid', message, { details: { problems: shown.map(formatProblem) } });
}

function byPlace(a: ManifestProblem, b: ManifestProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function frameOf(problem: ManifestProblem): string {
  if (problem.frame === undefined) return '';
  const number = String(problem.line).padStart(5);
  return `\n${number} | ${problem.frame}\n      | ${' '.repeat(problem.column - 1)}^`;
}

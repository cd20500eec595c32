import { KinError } from '../../src/base/errors.ts';
import { formatProblem, type ManifestProblem } from '../../src/resources/manifest-problem.ts';

/** All that is wrong with scenario files as one fault: for each problem its file, line, column, place and remedy. */
export function scenarioFault(problems: readonly ManifestProblem[]): KinError {
  const sorted = [...problems].sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
  const files = new Set(sorted.map(({ file }) => file)).size;
  const lines = sorted.map((problem) => formatProblem(problem) + frameOf(problem));
  const head = `${sorted.length} problem${sorted.length === 1 ? '' : 's'} in ${files} scenario file${files === 1 ? '' : 's'}`;
  return new KinError('manifest.invalid', [head, ...lines].join('\n'), {
    details: { problems: sorted.map(formatProblem) },
  });
}

function frameOf({ frame, line, column }: ManifestProblem): string {
  if (frame === undefined) return '';
  return `\n${String(line).padStart(5)} | ${frame}\n      | ${' '.repeat(column - 1)}^`;
}

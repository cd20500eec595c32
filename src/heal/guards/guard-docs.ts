import { THRESHOLDS, type ThresholdName } from '../../resources/threshold.ts';
import type { Guard } from './guard.ts';

/** The whole of docs/guards.md, from the table. The same table, the same text. */
export function renderGuardDocs(guards: readonly Guard[]): string {
  const byNumber = guards.toSorted((a, b) => a.number - b.number);
  const names = byNumber.flatMap(({ thresholds }) => thresholds);
  return `${[
    '# Guards',
    '',
    'Every plan is judged by every guard, on plain data and by pure functions: `src/heal/guards/table.ts`. A deny overrules',
    'an ask, and an ask an allow; a guard that fails denies, and so does a fact that is missing. More facts never loosen a',
    'deny. Each refusal names the guard, the reason and what would change it.',
    '',
    '*Asked*: `planning` only while a plan is made; `start` also right before its first step; `every step` right before each.',
    '*Helps*: after a deny, time, or a person, who is called.',
    '',
    '| # | Guard | Rule | Asked | Helps | Why it exists, or who else has it |',
    '|---|---|---|---|---|---|',
    ...byNumber.map(
      ({ number, name, rule, at, helps, source }) =>
        `| ${number} | \`${name}\` | ${rule} | ${at} | ${helps} | ${source} |`,
    ),
    '',
    '## Numbers',
    '',
    'A `Policy` named `default` may set others: `spec.thresholds`.',
    '',
    '| Name | Default | From | To | What | Where the default comes from |',
    '|---|---|---|---|---|---|',
    ...names.map(rowOf),
  ].join('\n')}\n`;
}

function rowOf(name: ThresholdName): string {
  const { default: standard, min, max, what, source } = THRESHOLDS[name];
  return `| \`${name}\` | ${Math.round(standard * 1000) / 1000} | ${min} | ${max} | ${what} | ${source} |`;
}

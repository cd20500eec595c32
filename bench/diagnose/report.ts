import { renderTable } from '../recovery/report.ts';
import type { DiagnoseReport } from './diagnose.ts';

/** The report as Markdown that can be read as it is. */
export function renderDiagnose(report: DiagnoseReport): string {
  const { groups, verdicts, msPerDiagnosis, issues, seed, date } = report;
  const methods = groups[0]?.scores.map(({ method }) => method) ?? [];
  const rows = groups.map(({ group, scores }) => [
    `${group} (${scores[0]?.issues ?? 0})`,
    ...scores.map(({ top1, top3 }) => `${top1.toFixed(3)} / ${top3.toFixed(3)}`),
  ]);
  const times = ['ms per diagnosis, median (most)', ...msPerDiagnosis.map((each) => renderTimes(each))];
  const missed = issues.filter(({ place }) => place !== 1);
  const lines = missed.map(({ issue, metric, cause, first, place }) => {
    return `- ${issue}, ${metric}: ${first ?? 'nothing'} instead of ${cause}, which is ${place === null ? 'not ranked' : `number ${place}`}\n`;
  });
  return `# diagnose

- ${date.slice(0, 16)}Z, Node ${process.version}, seed ${seed}
- share of the issues whose cause is first / among the first three

${renderTable([['', ...methods], ...rows, times])}
Does it say when it cannot tell?

${renderVerdicts(verdicts)}
${missed.length === 0 ? 'Every cause of the data set is first.\n' : `Causes that are not first:\n\n${lines.join('')}`}`;
}

function renderTimes({ median, max }: { readonly median: number; readonly max: number }): string {
  return `${median.toFixed(1)} (${max.toFixed(1)})`;
}

function renderVerdicts(verdicts: DiagnoseReport['verdicts']): string {
  const titles = { issues: 'issues', planted: 'planted faults', quiet: 'quiet windows, no cause' } as const;
  const rows = (Object.keys(titles) as (keyof typeof titles)[]).map((key) => {
    const { issues, told, right } = verdicts[key];
    return [titles[key], String(issues), String(told), key === 'quiet' ? '-' : String(right)];
  });
  return renderTable([['', 'asked', 'named a cause', 'the right one'], ...rows]);
}

import { renderTable } from '../recovery/report.ts';
import type { StormReport } from './storm.ts';

/** The report as Markdown that can be read as it is. */
export function renderStorms({ date, cpu, node, load, storms }: StormReport): string {
  const head = ['', 'symptoms', 'instances', 'incidents', 'ms a look, median', 'worst'];
  const rows = storms.map(({ name, symptoms, instances, incidents, msMedian, msMax }) => [
    name,
    ...[symptoms, instances, incidents].map(String),
    msMedian.toFixed(0),
    msMax.toFixed(0),
  ]);
  return `# storm

- ${date.slice(0, 16)}Z; ${cpu}, Node ${node}, load ${load.toFixed(1)}

${renderTable([head, ...rows])}`;
}

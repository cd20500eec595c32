import { renderTable } from '../recovery/report.ts';
import type { Observed, ObserveReport } from './observe.ts';

/** The report as Markdown that can be read as it is. */
export function renderObserve(report: ObserveReport): string {
  const { date, cpu, node, load, prometheus, series, everySeconds, looks, planted, sides } = report;
  const head = [
    '',
    'ms a look',
    'of one core',
    'ns a point',
    'MiB',
    'bytes a series',
    'out of bounds',
    'locally unusual',
    'and of others',
  ];
  return `# observe

- ${date.slice(0, 16)}Z; ${cpu}, load ${load.toFixed(1)}; Node ${node}, Prometheus ${prometheus ?? 'not installed'}
- ${series} series every ${everySeconds} s, ${looks} looks; at the end ${planted} of them jump
${sides.map(({ name, does, skipped }) => `- ${name}: ${does}${skipped ? `; skipped: ${skipped}` : ''}\n`).join('')}
${renderTable([head, ...sides.filter(({ skipped }) => skipped === undefined).map(rowOf)])}`;
}

function rowOf(side: Observed): string[] {
  const {
    name,
    cpuMsPerLook,
    corePercent,
    nsPerPoint,
    residentMiB,
    bytesPerSeries,
    foundBound,
    foundLocal,
    othersLocal,
  } = side;
  const figures = [nsPerPoint, residentMiB, bytesPerSeries, foundBound, foundLocal, othersLocal].map((each) =>
    String(each ?? '-'),
  );
  return [name, String(cpuMsPerLook ?? '-'), `${corePercent ?? '-'} %`, ...figures];
}

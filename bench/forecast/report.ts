import { renderTable } from '../recovery/report.ts';
import type { LeakResult } from './leaks.ts';
import type { LoadResult } from './loads.ts';

/** Everything that one run found, as `--json` prints it. */
export interface ForecastReport {
  readonly bench: 'forecast';
  readonly date: string;
  readonly seed: number;
  readonly leaks: readonly LeakResult[];
  /** Null without a data set. */
  readonly loads: { readonly series: number; readonly results: readonly LoadResult[] } | null;
}

/** The report as Markdown that can be read as it is. */
export function renderForecast({ date, seed, leaks, loads }: ForecastReport): string {
  return `# forecast

- ${date.slice(0, 16)}Z, Node ${process.version}, seed ${seed}, ${leaks[0]?.worlds ?? 0} leaks of each kind

## Leaks at half of the time to exhaustion

Error of the slope in per cent, median / 90th percentile:

${renderSlopes(leaks)}
Time to exhaustion, ours: error relative to the time that is left, how many of the told ranges hold the true time, and
how many worlds without a leak were given a time all the same.

${renderTimes(leaks)}${loads === null ? '' : renderLoads(loads)}`;
}

function renderSlopes(leaks: readonly LeakResult[]): string {
  const head = ['', ...(leaks[0]?.slopeErrors.map(({ estimator }) => estimator) ?? [])];
  const rows = leaks.map(({ kind, slopeErrors }) => [
    kind,
    ...slopeErrors.map(({ median, p90 }) => `${median.toFixed(1)} / ${p90.toFixed(1)}`),
  ]);
  return renderTable([head, ...rows]);
}

function renderTimes(leaks: readonly LeakResult[]): string {
  const rows = leaks.map(({ kind, worlds, exhaustion: { told, errors, held }, falseAlarms }) => [
    kind,
    `${told} of ${worlds}`,
    `${errors.median.toFixed(1)} / ${errors.p90.toFixed(1)} %`,
    `${Math.round(100 * held)} %`,
    `${falseAlarms} of ${worlds}`,
  ]);
  return renderTable([['', 'told', 'error', 'range holds', 'false alarms'], ...rows]);
}

function renderLoads({ series, results }: NonNullable<ForecastReport['loads']>): string {
  const rows = results.map(({ forecaster, smape, mase, owa, msPerSeries }) => [
    forecaster,
    ...[smape, mase, owa].map((score) => score.toFixed(3)),
    msPerSeries.toFixed(2),
  ]);
  return `
## M4 hourly, ${series} series

${renderTable([['', 'sMAPE', 'MASE', 'OWA', 'ms per series'], ...rows])}`;
}

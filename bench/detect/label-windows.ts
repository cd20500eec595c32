/** First and last timestamp of a window, in milliseconds, both inclusive. */
export type Span = readonly [fromMs: number, toMs: number];

const WINDOW_SHARE = 0.1;
const PROBATION_SHARE = 0.15;
const PROBATION_BASE_ROWS = 5_000;

/** The rows at the start of a series that NAB never scores. */
export function probationRows(rows: number): number {
  return Math.min(Math.floor(PROBATION_SHARE * rows), PROBATION_SHARE * PROBATION_BASE_ROWS);
}

/**
 * Labels on points, brought into NAB's form: each run of labelled rows is widened to a tenth of the series divided by the
 * number of runs (never narrowed), centred; windows that overlap become one; windows that begin in probation are dropped.
 */
export function pointWindows(times: Float64Array, labels: Float64Array): Span[] {
  const rows = times.length;
  const runs = runsOf(labels);
  const width = Math.floor((WINDOW_SHARE * rows) / Math.max(1, runs.length));
  const merged: { first: number; last: number }[] = [];
  for (const [first, last] of runs) {
    const margin = Math.max(0, (width - (last - first + 1)) / 2);
    const wide = { first: Math.max(0, Math.ceil(first - margin)), last: Math.min(rows - 1, Math.floor(last + margin)) };
    const before = merged.at(-1);
    if (before !== undefined && wide.first <= before.last) before.last = Math.max(before.last, wide.last);
    else merged.push(wide);
  }
  return merged
    .filter(({ first }) => first >= probationRows(rows))
    .map(({ first, last }) => [times[first]!, times[last]!]);
}

function runsOf(labels: Float64Array): (readonly [number, number])[] {
  const starts = [...labels.keys()].filter((row) => labels[row] === 1 && labels[row - 1] !== 1);
  return starts.map((first) => {
    const end = labels.indexOf(0, first);
    return [first, (end < 0 ? labels.length : end) - 1] as const;
  });
}

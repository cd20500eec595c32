import { meetIncidents, startIncidents } from '../../src/detect/stream/incidents.ts';
import type { LabelledSeries } from './corpus.ts';
import type { Trace } from './trace.ts';

/** How eagerly the two channels speak; 0 is silence. */
export interface Setting {
  readonly novel: number;
  readonly local: number;
}

/** The rows of a series that open an incident under one setting, in order: the detector's own grouping and habituation. */
export function alertRows(series: LabelledSeries, trace: Trace, { novel, local }: Setting): number[] {
  const incidents = startIncidents();
  const rows: number[] = [];
  for (let row = 0; row < trace.novel.length; row++) {
    if (trace.ignored[row] === 1) continue;
    const calls = { novel: trace.novel[row]! * novel, local: trace.local[row]! * local };
    const at = series.times[row]!;
    if (meetIncidents(incidents, at, trace.intervalMs[row]!, calls.novel, calls.local) > 0) rows.push(row);
  }
  return rows;
}

/** Numbers from `from` to `to`, each the same share larger than the one before. */
export function ladder(from: number, to: number, steps: number): readonly number[] {
  return Array.from({ length: steps }, (_, step) => from * (to / from) ** (step / (steps - 1)));
}

/** Every pair of the two. */
export function settings(novel: readonly number[], local: readonly number[]): readonly Setting[] {
  return novel.flatMap((one) => local.map((other) => ({ novel: one, local: other })));
}

import { createStreamDetector } from '../../src/detect/stream/stream-detector.ts';
import type { Baseline } from './baseline.ts';
import type { LabelledSeries } from './corpus.ts';

/** What a contestant said of each row of a series, before any threshold. */
export interface Trace {
  readonly novel: Float64Array;
  readonly local: Float64Array;
  readonly intervalMs: Float64Array;
  /** Rows that were not looked at: late, repeated or without a value. They can carry no alert. */
  readonly ignored: Uint8Array;
}

export function traceStream(series: LabelledSeries): Trace {
  const { times, values } = series;
  const detector = createStreamDetector();
  const state = detector.start();
  const trace = emptyTrace(values.length);
  for (let row = 0; row < values.length; row++) {
    const reading = detector.step(state, times[row]!, values[row]!);
    trace.novel[row] = reading.novel;
    trace.local[row] = reading.local;
    trace.intervalMs[row] = state.intervalMs;
    trace.ignored[row] = reading.ignored === undefined ? 0 : 1;
  }
  return trace;
}

/** A baseline sees every reading that is a number. Its score stands in both channels: it may be grouped like either. */
export function traceBaseline(baseline: Baseline, series: LabelledSeries): Trace {
  const { times, values } = series;
  const step = baseline.start();
  const trace = emptyTrace(values.length);
  for (let row = 0; row < values.length; row++) {
    const isMissing = Number.isNaN(values[row]!);
    trace.ignored[row] = isMissing ? 1 : 0;
    if (!isMissing) trace.novel[row] = step(times[row]!, values[row]!);
    trace.local[row] = trace.novel[row]!;
    trace.intervalMs[row] = row === 0 ? 0 : Math.max(0, times[row]! - times[row - 1]!);
  }
  return trace;
}

function emptyTrace(rows: number): Trace {
  return {
    novel: new Float64Array(rows),
    local: new Float64Array(rows),
    intervalMs: new Float64Array(rows),
    ignored: new Uint8Array(rows),
  };
}

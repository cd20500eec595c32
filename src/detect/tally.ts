import { EMPTY_SKETCH, type LatencySketch, mergeSketches } from '../base/latency-sketch.ts';

/** Counts of one short span. */
export interface Span {
  readonly at: number;
  readonly ok: number;
  readonly failed: number;
  readonly latency: LatencySketch;
  readonly vantage: string;
}

/** Spans of the recent past, oldest first; JSON-safe and bounded by the window that is kept. */
export type Tally = readonly Span[];

export function addSpan(tally: Tally, span: Span, keepMs: number): Tally {
  return [...tally, span].filter((each) => each.at > span.at - keepMs);
}

export interface Total {
  readonly count: number;
  readonly failed: number;
  readonly failedShare: number;
  readonly latency: LatencySketch;
  readonly vantages: readonly string[];
}

/** Sum of the spans since `from` (and up to `until`). */
export function totalOf(tally: Tally, from: number, until = Number.POSITIVE_INFINITY): Total {
  const spans = tally.filter((span) => span.at > from && span.at <= until);
  const ok = spans.reduce((sum, span) => sum + span.ok, 0);
  const failed = spans.reduce((sum, span) => sum + span.failed, 0);
  const count = ok + failed;
  return {
    count,
    failed,
    failedShare: count === 0 ? 0 : failed / count,
    latency: spans.length === 0 ? EMPTY_SKETCH : mergeSketches(spans.map((span) => span.latency)),
    vantages: [...new Set(spans.map((span) => span.vantage))],
  };
}

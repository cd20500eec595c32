import type { LatencySketch } from '../base/latency-sketch.ts';
import { addSketch, countOf, emptyHistogram, type Histogram, quantileMsOf } from './histogram.ts';

/** Requests or calls of one grain of time. Plain JSON. */
export interface Counts {
  ok: number;
  failed: number;
  readonly latency: Histogram;
}

/** A value of one measure. */
export interface Measured {
  readonly measure: string;
  readonly unit: string;
  readonly value: number;
}

/** Fewer requests have no tail. */
const LATENCIES_MIN = 5;
const TAIL_MIN = 50;

export function noCounts(): Counts {
  return { ok: 0, failed: 0, latency: emptyHistogram() };
}

export function addCounts(
  counts: Counts,
  seen: { readonly ok: number; readonly failed: number; readonly latency: LatencySketch },
): void {
  counts.ok += seen.ok;
  counts.failed += seen.failed;
  if (seen.latency.count > 0) addSketch(counts.latency, seen.latency);
}

/** What can be said of them: a rate always, shares and quantiles only of what was there. */
export function measuresOf({ ok, failed, latency }: Counts, spanMs: number): readonly Measured[] {
  const count = ok + failed;
  const found: Measured[] = [{ measure: 'rate', unit: '/s', value: count / (spanMs / 1_000) }];
  if (count > 0) found.push({ measure: 'failed', unit: 'share', value: failed / count });
  const answered = countOf(latency);
  if (answered >= LATENCIES_MIN) found.push({ measure: 'p50', unit: 'ms', value: quantileMsOf(latency, 0.5)! });
  if (answered >= TAIL_MIN) found.push({ measure: 'p99', unit: 'ms', value: quantileMsOf(latency, 0.99)! });
  return found;
}

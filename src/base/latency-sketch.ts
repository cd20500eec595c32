/**
 * Latencies as counts in geometric buckets (the layout of DDSketch, Masson et al., VLDB 2019): every quantile is within
 * 5 % of the true value, sketches of many gateways add up, and a sketch is plain JSON.
 */
export type LatencySketch = { readonly count: number; readonly buckets: Readonly<Record<string, number>> };

const GAMMA = 1.1;
const LOG_GAMMA = Math.log(GAMMA);

/** Bucket of a latency in milliseconds; everything below 0.1 ms is one bucket. */
export function bucketOf(ms: number): number {
  return Math.ceil(Math.log(Math.max(ms, 0.1)) / LOG_GAMMA);
}

/** A sketch that is still counted into. */
export interface OpenSketch {
  count: number;
  readonly buckets: Record<string, number>;
}

export function openSketch(): OpenSketch {
  return { count: 0, buckets: {} };
}

/** Changes `into`. */
export function addLatency(into: OpenSketch, ms: number): void {
  const bucket = bucketOf(ms);
  into.count += 1;
  into.buckets[bucket] = (into.buckets[bucket] ?? 0) + 1;
}

export const EMPTY_SKETCH: LatencySketch = { count: 0, buckets: {} };

export function mergeSketches(sketches: readonly LatencySketch[]): LatencySketch {
  const buckets: Record<string, number> = {};
  let count = 0;
  for (const sketch of sketches) {
    count += sketch.count;
    for (const [bucket, n] of Object.entries(sketch.buckets)) buckets[bucket] = (buckets[bucket] ?? 0) + n;
  }
  return { count, buckets };
}

/** The latency below which the share `q` lies, or undefined for an empty sketch: no data is not zero. */
export function quantileMs(sketch: LatencySketch, q: number): number | undefined {
  if (sketch.count === 0) return undefined;
  const ordered = Object.entries(sketch.buckets)
    .map(([bucket, n]) => [Number(bucket), n] as const)
    .sort((a, b) => a[0] - b[0]);
  let left = q * (sketch.count - 1);
  for (const [bucket, n] of ordered) {
    left -= n;
    if (left < 0) return (2 * GAMMA ** bucket) / (GAMMA + 1);
  }
  return undefined;
}

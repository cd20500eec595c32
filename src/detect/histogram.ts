import type { LatencySketch } from '../base/latency-sketch.ts';

/**
 * Latencies as counts in slots of 21 %, in place and of one length: what detectors add up many times a second. Two
 * buckets of a sketch make one slot, so a quantile is within 10 % of the true one; what they compare differs by more.
 */
export type Histogram = number[];

/** From below 0.1 ms, the lowest bucket of a sketch, to 90 s. */
const LOWEST_BUCKET = -24;
const SLOTS = 73;
const GAMMA = 1.1;
const SLOT_MS: readonly number[] = Array.from({ length: SLOTS }, (_, slot) => GAMMA ** (2 * slot + LOWEST_BUCKET));

const NO_COUNTS: readonly number[] = SLOT_MS.map(() => 0);

export function emptyHistogram(): Histogram {
  return Array.from(NO_COUNTS);
}

/** The latency that a slot stands for. */
export function slotMs(slot: number): number {
  return SLOT_MS[slot]!;
}

/** Changes `into`. */
export function addSketch(into: Histogram, sketch: LatencySketch): void {
  const { buckets } = sketch;
  for (const bucket in buckets) {
    into[slotOf(bucket)]! += buckets[bucket]!;
  }
}

/** Sum of the latencies of a sketch. */
export function sumMsOf({ buckets }: LatencySketch): number {
  let sum = 0;
  for (const bucket in buckets) sum += buckets[bucket]! * SLOT_MS[slotOf(bucket)]!;
  return sum;
}

function slotOf(bucket: string): number {
  return Math.min(SLOTS - 1, Math.max(0, (Number(bucket) - LOWEST_BUCKET) >> 1));
}

/** Changes `into`: adds `weight` times what is in `other`. */
export function addHistogram(into: Histogram, other: Histogram, weight: number): void {
  for (let slot = 0; slot < SLOTS; slot++) into[slot]! += weight * other[slot]!;
}

/** Changes `histogram`: what was counted long ago counts less. */
export function fade(histogram: Histogram, factor: number): void {
  for (let slot = 0; slot < SLOTS; slot++) histogram[slot]! *= factor;
}

export function countOf(histogram: Histogram): number {
  let count = 0;
  for (let slot = 0; slot < SLOTS; slot++) count += histogram[slot]!;
  return count;
}

/** The latency below which the share `q` lies, or undefined when there is none: no data is not zero. */
export function quantileMsOf(histogram: Histogram, q: number): number | undefined {
  const count = countOf(histogram);
  if (count <= 0) return undefined;
  let left = q * count;
  for (let slot = 0; slot < SLOTS; slot++) {
    left -= histogram[slot]!;
    if (left < 0) return SLOT_MS[slot];
  }
  return SLOT_MS[histogram.findLastIndex((each) => each > 0)];
}

/** Undefined when there is none. */
export function meanMsOf(histogram: Histogram): number | undefined {
  const count = countOf(histogram);
  if (count <= 0) return undefined;
  let sum = 0;
  for (let slot = 0; slot < SLOTS; slot++) sum += histogram[slot]! * SLOT_MS[slot]!;
  return sum / count;
}

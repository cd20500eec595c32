import type { LatencySketch } from '../base/latency-sketch.ts';
import type { ErrorCounts } from '../observe/condition.ts';
import { addHistogram, addSketch, emptyHistogram, type Histogram } from './histogram.ts';

/** What a sample says about a span of time that ends at `at`. */
export interface Span {
  readonly at: number;
  readonly spanMs: number;
  readonly vantage: string;
  readonly ok: number;
  readonly failed: number;
  readonly latency?: LatencySketch;
  readonly errors?: ErrorCounts;
}

interface Bucket {
  from: number;
  to: number;
  ok: number;
  failed: number;
  latency: Histogram | null;
  errors: Record<string, number> | null;
}

/**
 * Counts of the recent past in a few buckets, oldest first. Changed in place; plain JSON; bounded in length whatever
 * comes in. A short span is added to the bucket of its time and a long one gets its own, so that reports of every 250 ms
 * and of every minute lead to the same rates and shares.
 */
export interface Tally {
  readonly buckets: Bucket[];
  /** Who reported, and when last. */
  readonly seen: Record<string, number>;
}

/** How fine and how far back a tally counts. */
export interface Grain {
  readonly bucketMs: number;
  readonly keepMs: number;
}

/** More buckets than any grain keeps: what comes in out of order cannot make a tally grow. */
const BUCKETS_MAX = 64;

export function emptyTally(): Tally {
  return { buckets: [], seen: {} };
}

/**
 * Adds a span and forgets what is older than is kept; what was reported with the span before this one is always kept.
 * `forgotten` is called with each bucket that goes.
 */
export function addSpan(tally: Tally, grain: Grain, span: Span, forgotten?: (bucket: Bucket) => void): void {
  const { buckets, seen } = tally;
  seen[span.vantage] = span.at;
  fill(bucketFor(buckets, grain, span), span);
  const oldest = span.at - span.spanMs - grain.keepMs;
  while (buckets[0]!.to <= oldest || buckets.length > BUCKETS_MAX) {
    const gone = buckets.shift()!;
    forgotten?.(gone);
    if (buckets.length === 0) break;
  }
}

function bucketFor(buckets: Bucket[], grain: Grain, span: Span): Bucket {
  const from = span.at - Math.max(1, span.spanMs);
  const last = buckets.at(-1);
  const fits =
    last !== undefined &&
    span.at - last.from <= Math.max(grain.bucketMs, span.spanMs) &&
    from >= last.from - grain.bucketMs;
  if (fits) {
    last.from = Math.min(last.from, from);
    last.to = Math.max(last.to, span.at);
    return last;
  }
  const bucket: Bucket = { from, to: span.at, ok: 0, failed: 0, latency: null, errors: null };
  buckets.push(bucket);
  return bucket;
}

function fill(bucket: Bucket, { ok, failed, latency, errors }: Span): void {
  bucket.ok += ok;
  bucket.failed += failed;
  if (latency !== undefined && latency.count > 0) {
    bucket.latency ??= emptyHistogram();
    addSketch(bucket.latency, latency);
  }
  if (failed > 0 && errors !== undefined) {
    bucket.errors ??= {};
    for (const [name, count] of Object.entries(errors)) bucket.errors[name] = (bucket.errors[name] ?? 0) + count;
  }
}

export interface Total {
  readonly from: number;
  readonly count: number;
  readonly failed: number;
  /** 0 when nothing was counted. */
  readonly failedShare: number;
}

/** What was counted between two times; of a bucket that is only partly in between, the part. For rates. */
export function totalOf(tally: Tally, from: number, until: number): Total {
  let ok = 0;
  let failed = 0;
  for (const bucket of tally.buckets) {
    const part = overlap(bucket, from, until);
    if (part <= 0) continue;
    ok += part * bucket.ok;
    failed += part * bucket.failed;
  }
  return toTotal(from, ok, failed);
}

function overlap(bucket: Bucket, from: number, until: number): number {
  return (Math.min(bucket.to, until) - Math.max(bucket.from, from)) / (bucket.to - bucket.from);
}

function toTotal(from: number, ok: number, failed: number): Total {
  const count = ok + failed;
  return { from, count, failed, failedShare: count === 0 ? 0 : failed / count };
}

/**
 * The latest that was counted, in whole buckets: as far back as it takes to have `count` and to cover `ms`. Undefined when
 * there is too little to say anything. For shares. To compare with others, of whom the last report may not have come in
 * yet, only what began before `until` is looked at.
 */
export function latestOf(
  tally: Tally,
  at: number,
  least: { readonly ms: number; readonly count: number },
  until = Number.POSITIVE_INFINITY,
): Total | undefined {
  let ok = 0;
  let failed = 0;
  for (let i = tally.buckets.length - 1; i >= 0; i--) {
    const bucket = tally.buckets[i]!;
    if (bucket.from >= until) continue;
    ok += bucket.ok;
    failed += bucket.failed;
    const isEnough = ok + failed >= least.count && (at - bucket.from >= least.ms || i === 0);
    if (isEnough) return toTotal(bucket.from, ok, failed);
  }
  return undefined;
}

/** Latencies of all buckets that reach behind `from`; undefined when there are none. */
export function latencyOf(tally: Tally, from: number): Histogram | undefined {
  let sum: Histogram | undefined;
  for (const bucket of tally.buckets) {
    if (bucket.to <= from || bucket.latency === null) continue;
    sum ??= emptyHistogram();
    addHistogram(sum, bucket.latency, 1);
  }
  return sum;
}

/** Failures by class since `from`. */
export function errorsOf(tally: Tally, from: number): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const bucket of tally.buckets) {
    if (bucket.to <= from || bucket.errors === null) continue;
    for (const [name, count] of Object.entries(bucket.errors)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

/**
 * When the failures that last until now began, at the latest: the end of the first bucket in a row of which this share
 * failed. What was changed after that is no cause of them.
 */
export function onsetOf(tally: Tally, share: number, at: number): number {
  let onset = at;
  for (let i = tally.buckets.length - 1; i >= 0; i--) {
    const bucket = tally.buckets[i]!;
    const count = bucket.ok + bucket.failed;
    if (count > 0 && bucket.failed < share * count) break;
    if (bucket.failed > 0) onset = Math.min(at, bucket.to);
  }
  return onset;
}

/** Who reported since `from`. */
export function vantagesOf(tally: Tally, from: number): readonly string[] {
  return Object.keys(tally.seen).filter((vantage) => tally.seen[vantage]! > from);
}

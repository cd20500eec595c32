import { addHistogram, countOf, emptyHistogram, fade, type Histogram, quantileMsOf } from './histogram.ts';
import { addSpan, emptyTally, type Grain, type Span, type Tally } from './tally.ts';

/**
 * How something usually is: counts and latencies of its past, of which the older part counts less and less. Changed in
 * place; plain JSON; of one size.
 */
interface Usual {
  /** Time that was learnt from, faded like the counts: their quotient is a rate. */
  ms: number;
  ok: number;
  failed: number;
  readonly latency: Histogram;
  /** Up to when it was learnt. */
  until: number | null;
}

/** The recent past in detail, and how it was before that. */
export interface Track {
  readonly recent: Tally;
  readonly usual: Usual;
}

const HALF_LIFE_MS = 120_000;

export function startTrack(): Track {
  return { recent: emptyTally(), usual: { ms: 0, ok: 0, failed: 0, latency: emptyHistogram(), until: null } };
}

/**
 * Adds a span. What leaves the recent past is learnt as usual, unless `isOdd`: while something is claimed to be wrong,
 * nothing is learnt, or a fault that lasts would become what is usual.
 */
export function followSpan(track: Track, grain: Grain, span: Span, isOdd: boolean): void {
  const { recent, usual } = track;
  addSpan(recent, grain, span, (bucket) => {
    const sinceMs = bucket.to - (usual.until ?? bucket.from);
    usual.until = Math.max(usual.until ?? bucket.to, bucket.to);
    if (isOdd) return;
    const passedMs = Math.max(0, sinceMs);
    const factor = 0.5 ** (passedMs / HALF_LIFE_MS);
    usual.ms = usual.ms * factor + passedMs;
    usual.ok = usual.ok * factor + bucket.ok;
    usual.failed = usual.failed * factor + bucket.failed;
    fade(usual.latency, factor);
    if (bucket.latency !== null) addHistogram(usual.latency, bucket.latency, 1);
  });
}

/** Requests per second, or undefined when less than `leastMs` is known. */
export function usualPerSecond({ usual }: Track, leastMs: number): number | undefined {
  return usual.ms < leastMs ? undefined : (usual.ok + usual.failed) / (usual.ms / 1_000);
}

/** 0 when nothing is known: nothing usually fails. */
export function usualFailedShare({ usual }: Track): number {
  const count = usual.ok + usual.failed;
  return count < 1 ? 0 : usual.failed / count;
}

/** Undefined while fewer than `count` are known. */
export function usualQuantileMs({ usual }: Track, q: number, count: number): number | undefined {
  return countOf(usual.latency) < count ? undefined : quantileMsOf(usual.latency, q);
}

import type { DetectionNumbers } from '../resources/detection-number.ts';
import { quantileMsOf } from './histogram.ts';
import { latencyOf, latestOf, type Total } from './tally.ts';
import { type Track, usualFailedShare, usualQuantileMs } from './usual.ts';

/** Many failures show within seconds; few need more requests to be told from chance. */
const SOON = { ms: 5_000, count: 20 };
/** As much of the share, and so many times what is asked for of few. */
const MANY = { ms: 30_000, count: 200, ofShare: 0.4, ofTimes: 5 / 3 };
/** Fewer failures than this are chance, whatever share of few requests they are. */
const FAILED_MIN = 3;
/** The latest requests, of which so many would have failed if it went on: where none did, it has ended. */
const LATEST = { ms: 1_500, count: 20, failed: 4 };
/** A standing claim goes when so much of the share that raises it is left. */
const CLEAR_AT = 1 / 3;

/** Of what fails; `ended` when the latest of it is well, and only the window still holds failures of before. */
export interface Level extends Total {
  readonly ended: boolean;
}

/**
 * How many fail, when that is far more than is usual; `usual` when it is not; undefined when there is too little to say.
 * A claim that stands (`isClaimed`) goes later than it comes.
 */
export function errorsLevel(
  track: Track,
  at: number,
  isClaimed: boolean,
  numbers: DetectionNumbers,
): Level | 'usual' | undefined {
  const usual = usualFailedShare(track);
  const { 'workload.failedShareMin': share, 'workload.timesWorse': times } = numbers;
  const soon = { ...SOON, share, times };
  const many = { ...MANY, share: MANY.ofShare * share, times: MANY.ofTimes * times };
  let known = false;
  for (const { ms, count, ...far } of [soon, many]) {
    const recent = latestOf(track.recent, at, { ms, count });
    if (recent === undefined) continue;
    known = true;
    const least = Math.min(0.9, Math.max(far.share, far.times * usual));
    // While a claim stands only the short window counts: the long one would hold on to what is over.
    const isFar = recent.failedShare >= (isClaimed ? CLEAR_AT * least : least);
    if (isFar && (isClaimed || recent.failed >= FAILED_MIN)) {
      const ended = hasEnded(track, at, recent, CLEAR_AT * least);
      return ended && !isClaimed ? 'usual' : { ...recent, ended };
    }
    // Few of many, long ago, are over; and a long window would hold on to them.
    if (isClaimed || recent.failedShare < CLEAR_AT * Math.max(many.share, many.times * usual)) return 'usual';
  }
  return known ? 'usual' : undefined;
}

/** There are too many well requests since the last failure for that to be chance. */
function hasEnded({ recent }: Track, at: number, { from, failedShare }: Total, least: number): boolean {
  const count = Math.max(LATEST.count, LATEST.failed / failedShare);
  const latest = latestOf(recent, at, { ms: LATEST.ms, count });
  return latest !== undefined && latest.from > from && latest.failedShare < least;
}

const SLOW = [
  { quantile: 0.5, where: 'median', ofMs: 1 },
  { quantile: 0.9, where: 'slowest tenth', ofMs: 2 },
] as const;
const RECENT_MS = 4_000;
const REQUESTS_MIN = 20;
/** A standing claim goes when it is less than this much slower than usual. */
const TIMES_NORMAL = 1.5;
/** Below this part of what raises it, it only explains what is left of it. */
const OVER_AT = 0.8;

export interface Slowness {
  /** It has been worse, and would be no claim by itself any more. */
  readonly isOver: boolean;
  readonly ms: number;
  readonly usualMs: number;
  readonly where: 'median' | 'slowest tenth';
}

/** How much slower the latest requests are than usual; undefined when they are not, or when it cannot be told. */
export function slownessOf(
  track: Track,
  at: number,
  isClaimed: boolean,
  numbers: DetectionNumbers,
): Slowness | undefined {
  const { 'workload.timesSlower': times, 'workload.slowerMinMs': slowerMinMs } = numbers;
  const recent = latestOf(track.recent, at, { ms: RECENT_MS, count: REQUESTS_MIN });
  const latency = recent && latencyOf(track.recent, recent.from);
  if (latency === undefined) return undefined;
  for (const { quantile, where, ofMs } of SLOW) {
    const byMs = ofMs * slowerMinMs;
    const ms = quantileMsOf(latency, quantile);
    const usualMs = usualQuantileMs(track, quantile, REQUESTS_MIN);
    if (ms === undefined || usualMs === undefined) continue;
    const isSlow = isClaimed
      ? ms >= TIMES_NORMAL * usualMs && ms >= usualMs + byMs / 2
      : ms >= times * usualMs && ms >= usualMs + byMs;
    const isOver = ms < OVER_AT * times * usualMs || ms < usualMs + OVER_AT * byMs;
    if (isSlow) return { isOver, ms, usualMs, where };
  }
  return undefined;
}

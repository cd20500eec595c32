import { DAY_MS, type LevelBlocks, type LevelPoint, levelPoints } from './level-blocks.ts';
import { ordered, quantileOf } from './order-statistics.ts';
import { type Slope, slopeOf } from './slope.ts';

/** A resource that can run out. */
export interface Resource {
  /** The level at which it is gone: the memory limit, 0 for what is left of a budget or of a certificate's time. */
  readonly limit: number;
  /** `rises` towards the limit (memory, descriptors, disk, connections, a used quota) or `falls` to it (what is left). */
  readonly towards: 'rises' | 'falls';
  /** When it is renewed by itself (a quota, a budget): what would run out later does not run out. */
  readonly renewsAtMs?: number;
}

/** When a resource will be gone. Times are milliseconds since 1970. */
export type Exhaustion =
  /** Too little is known: there are few readings, or growth that cannot be told from a season or from chance. */
  | { readonly kind: 'unknown' }
  /** It does not grow, not so that it matters within a foreseeable time, or it is renewed before it is gone. */
  | { readonly kind: 'safe'; readonly slope: Slope }
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'exhausts';
      readonly atMs: number;
      /** Where the true time lies nine times in ten. */
      readonly earliestMs: number;
      readonly latestMs: number;
      /** Towards the limit. */
      readonly slope: Slope;
      /** Level of the peaks now, from which the rest is counted: what hits a limit is the tooth, not the mean. */
      readonly peak: number;
    };

/** Which part of the peaks of the last day counts as the peak; the rest are spikes that come and go. */
const PEAK_Q = 0.9;
const NEAR_MS = DAY_MS / 16;
const NEAR_Q = 0.7;
/** What is highest in a block is only seen in part: by so much of its height above the mean the next may be higher. */
const LIFT = { earliest: 1, likely: 0.2, latest: -1 };
/** What was seen says nothing about a time so many times longer. */
const FORESEEABLE = 10;
/** Growth over all that was seen must be so many times what neighbouring blocks differ by anyway. */
const GROWTH_MIN = 3;

/**
 * Forecasts when `resource` will be gone. Pure: equal states give equal answers. The range counts what is not known
 * of the slope and of the peaks, and takes for granted that the leak goes on as it is.
 */
export function exhaustionOf(state: LevelBlocks, resource: Resource, nowMs: number): Exhaustion {
  const sign = resource.towards === 'rises' ? 1 : -1;
  const points = levelPoints(state, sign);
  const slope = slopeOf(points);
  if (slope === undefined) return { kind: 'unknown' };
  const peak = peakOf(points, slope.perMs, nowMs);
  const left = sign * resource.limit - peak;
  if (left <= 0) return { kind: 'gone' };
  if (slope.low <= 0) return isFar(points, left / slope.high) ? { kind: 'safe', slope } : { kind: 'unknown' };
  if (!isMaterial(points, slope.perMs)) return { kind: 'safe', slope };
  const hit = (perMs: number, lift: number) =>
    hitOf(points, { perMs, limit: sign * resource.limit, nowMs, lift, isSeasonFree: slope.isSeasonFree });
  const atMs = hit(slope.perMs, LIFT.likely);
  if (resource.renewsAtMs !== undefined && atMs >= resource.renewsAtMs) return { kind: 'safe', slope };
  // The hour of the day's peak is only known as well as the neighbours that it was taken from.
  const blurMs = slope.isSeasonFree ? NEAR_MS : 0;
  const earliestMs = Math.max(nowMs, hit(slope.high, LIFT.earliest) - blurMs);
  const latestMs = hit(slope.low, LIFT.latest) + blurMs;
  return { kind: 'exhausts', atMs, earliestMs, latestMs, slope, peak: sign * peak };
}

/** Whether it would not be gone within a foreseeable time at the fastest that its growth may be. */
function isFar(points: readonly LevelPoint[], leftMs: number): boolean {
  return leftMs < 0 || leftMs > FORESEEABLE * (points.at(-1)!.atMs - points[0]!.atMs);
}

interface Course {
  readonly perMs: number;
  readonly limit: number;
  readonly nowMs: number;
  /** By which part of their height above the mean the peaks may yet be exceeded. */
  readonly lift: number;
  readonly isSeasonFree: boolean;
}

function hitOf(points: readonly LevelPoint[], course: Course): number {
  const { perMs, limit, nowMs, lift, isSeasonFree } = course;
  const lifted = points.map((point) => ({ ...point, high: point.high + lift * (point.high - point.middle) }));
  if (!isSeasonFree) return nowMs + Math.max(0, limit - peakOf(lifted, perMs, nowMs)) / perMs;
  // Every time of day has its own peaks, and comes near the limit day by day: when the first of them reaches it.
  const day = lastDayOf(lifted);
  const hits = day.map(({ atMs }) => {
    // Teeth and spikes come and go from block to block; the neighbours tell what this time of day is like.
    const near = day.filter((each) => Math.abs(each.atMs - atMs) <= NEAR_MS);
    const high = quantileOf(ordered(near.map((each) => each.high + perMs * (atMs - each.atMs))), NEAR_Q)!;
    const days = Math.max((limit - high) / (perMs * DAY_MS), (nowMs - atMs) / DAY_MS);
    return atMs + Math.ceil(days) * DAY_MS;
  });
  return Math.min(...hits);
}

function lastDayOf(points: readonly LevelPoint[]): readonly LevelPoint[] {
  const since = points.at(-1)!.atMs - DAY_MS;
  return points.filter(({ atMs }) => atMs > since);
}

/** The peaks of the last day (one season), carried along the slope to now. */
function peakOf(points: readonly LevelPoint[], perMs: number, nowMs: number): number {
  return quantileOf(ordered(lastDayOf(points).map(({ atMs, high }) => high + perMs * (nowMs - atMs))), PEAK_Q)!;
}

/** Whether the growth is more than what neighbouring blocks differ by anyway. */
function isMaterial(points: readonly LevelPoint[], perMs: number): boolean {
  const growth = perMs * (points.at(-1)!.atMs - points[0]!.atMs);
  const steps = points.slice(1).map(({ atMs, middle }, before) => {
    const { atMs: beforeMs, middle: beforeLevel } = points[before]!;
    return Math.abs(middle - beforeLevel - perMs * (atMs - beforeMs));
  });
  return growth >= GROWTH_MIN * quantileOf(ordered(steps), 0.5)!;
}

import { DAY_MS, type LevelPoint } from './level-blocks.ts';

/** A rate of growth per millisecond, with the range in which it probably lies. */
export interface Slope {
  readonly perMs: number;
  readonly low: number;
  readonly high: number;
  /** Whether a daily season could be told from growth: there were days to compare. */
  readonly isSeasonFree: boolean;
}

const POINTS_MIN = 8;
/** From so much past on there is a quarter of a day that can be compared with the same one a day before. */
const SEASONAL_SPAN_MS = 1.25 * DAY_MS;
/** So many points at most are compared all with all. */
const THINNED_MAX = 64;
const FRESH_MS = DAY_MS / 4;
const FRESH_MARGIN = 0.5;
/** The past is cut into so many parts, each of which gives an estimate of its own: how they differ is the range. */
const PARTS = 5;
/** Student's t for nine in ten with that many parts, doubled: parts that reach back to the same days err together. */
const ERRORS = 4.3;
/** Neighbours say more about noise than about growth: pairs are at least such a part of the past apart. */
const LAG_SHARE_MIN = 1 / 3;

interface PairSlope {
  readonly perMs: number;
  readonly weight: number;
}

/**
 * The median of the slopes between pairs of blocks (Theil and Sen), where pairs are a whole number of days apart as soon
 * as there is more than a day: no daily season, saw-tooth or spike of any size then moves it. All of the past counts as
 * long as the recent past agrees with it; where they disagree something began or ended, and the recent past counts.
 * Undefined for too few points.
 */
export function slopeOf(points: readonly LevelPoint[]): Slope | undefined {
  if (points.length < POINTS_MIN) return undefined;
  const spanMs = points.at(-1)!.atMs - points[0]!.atMs;
  if (spanMs < SEASONAL_SPAN_MS) return slopeWithinDay(points);
  let slope: Slope | undefined;
  for (let pastMs = spanMs; pastMs >= SEASONAL_SPAN_MS; pastMs /= 2) {
    slope = newerIfDifferent(slope, slopeOverDays(since(points, pastMs)));
  }
  return slope && withFreshChange(slope, points);
}

function since(points: readonly LevelPoint[], pastMs: number): readonly LevelPoint[] {
  return points.filter(({ atMs }) => atMs >= points.at(-1)!.atMs - pastMs);
}

function newerIfDifferent(older: Slope | undefined, newer: Slope | undefined): Slope | undefined {
  if (older === undefined || newer === undefined) return older ?? newer;
  return newer.low > older.high || newer.high < older.low ? newer : older;
}

function slopeWithinDay(points: readonly LevelPoint[]): Slope | undefined {
  const few = thinned(points);
  const pairs = distantPairs(few);
  if (pairs.length === 0) return undefined;
  const perMs = weightedMedian(pairs);
  return { perMs, ...rangeOfPieces(few, perMs), isSeasonFree: false };
}

function slopeOverDays(points: readonly LevelPoint[]): Slope | undefined {
  const pairs = dailyPairs(points);
  if (pairs.length < POINTS_MIN) return undefined;
  const daily = estimateOf(pairs);
  // Where there is no season all pairs say more than those of equal hours. A season spreads them: then they are not used.
  const all = estimateOf(distantPairs(thinned(points)));
  const isSafe = Math.abs(all.perMs - daily.perMs) <= daily.error && all.error < daily.error;
  const { perMs, error } = isSafe ? all : daily;
  return { perMs, low: perMs - error, high: perMs + error, isSeasonFree: true };
}

function estimateOf(pairs: readonly PairSlope[]): { perMs: number; error: number } {
  return { perMs: weightedMedian(pairs), error: errorOf(partsOf(pairs).map(weightedMedian)) };
}

/** Means of neighbours, so that pairs of all with all stay few. */
function thinned(points: readonly LevelPoint[]): readonly LevelPoint[] {
  const size = Math.ceil(points.length / THINNED_MAX);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return Array.from({ length: Math.ceil(points.length / size) }, (_, group) => {
    const members = points.slice(group * size, (group + 1) * size);
    const of = (field: keyof LevelPoint) => mean(members.map((point) => point[field]));
    return { atMs: of('atMs'), middle: of('middle'), high: of('high') };
  });
}

/**
 * What began within the last hours: the difference to yesterday has no season, and only moves when the slope changed. It
 * is believed when all pieces of it agree with a wide margin, for a few hours are soon bent by chance.
 */
function withFreshChange(slope: Slope, points: readonly LevelPoint[]): Slope {
  const byTime = new Map(points.map((point) => [point.atMs, point.middle]));
  const differences = since(points, FRESH_MS).flatMap(({ atMs, middle, high }) => {
    const yesterday = byTime.get(atMs - DAY_MS);
    return yesterday === undefined ? [] : [{ atMs, middle: middle - yesterday, high }];
  });
  const change = differences.length < POINTS_MIN ? undefined : slopeWithinDay(differences);
  if (change === undefined) return slope;
  const margin = FRESH_MARGIN * (change.high - change.low);
  const [low, high] = [change.low - margin, change.high + margin];
  if (low <= 0 && high >= 0) return slope;
  return { perMs: slope.perMs + change.perMs, low: slope.low + low, high: slope.high + high, isSeasonFree: true };
}

function partsOf<Item>(items: readonly Item[]): (readonly Item[])[] {
  const cut = (part: number) => Math.round((part * items.length) / PARTS);
  return Array.from({ length: PARTS }, (_, part) => items.slice(cut(part), cut(part + 1))).filter(
    (part) => part.length > 0,
  );
}

/** A season bends the line, growth does not: without days to compare, the slope may be that of any piece of the past. */
function rangeOfPieces(points: readonly LevelPoint[], perMs: number): { low: number; high: number } {
  const pieces = partsOf(points).flatMap((piece) => {
    const pairs = distantPairs(piece);
    return pairs.length > 0 ? [weightedMedian(pairs)] : [];
  });
  return { low: Math.min(perMs, ...pieces), high: Math.max(perMs, ...pieces) };
}

/** Half the width of the range in which the slope lies nine times in ten. */
function errorOf(estimates: readonly number[]): number {
  const mean = estimates.reduce((sum, each) => sum + each, 0) / estimates.length;
  const variance = estimates.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(1, estimates.length - 1);
  return ERRORS * Math.sqrt(variance / estimates.length);
}

function distantPairs(points: readonly LevelPoint[]): PairSlope[] {
  const pairs: PairSlope[] = [];
  const lagMsMin = LAG_SHARE_MIN * (points.at(-1)!.atMs - points[0]!.atMs);
  points.forEach((later, at) => {
    for (let before = 0; before < at; before++) {
      const lagMs = later.atMs - points[before]!.atMs;
      if (lagMs < lagMsMin || lagMs === 0) break;
      pairs.push({ perMs: (later.middle - points[before]!.middle) / lagMs, weight: lagMs });
    }
  });
  return pairs;
}

function dailyPairs(points: readonly LevelPoint[]): PairSlope[] {
  const byTime = new Map(points.map((point) => [point.atMs, point.middle]));
  const firstMs = points[0]!.atMs;
  const pairs: PairSlope[] = [];
  for (const { atMs, middle } of points) {
    for (let lagMs = DAY_MS; atMs - lagMs >= firstMs; lagMs += DAY_MS) {
      const before = byTime.get(atMs - lagMs);
      // A slope over a longer time is less disturbed by the same noise.
      if (before !== undefined) pairs.push({ perMs: (middle - before) / lagMs, weight: lagMs });
    }
  }
  return pairs;
}

function weightedMedian(pairs: readonly PairSlope[]): number {
  const sorted = [...pairs].sort((a, b) => a.perMs - b.perMs);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let passed = 0;
  for (const { perMs, weight } of sorted) {
    passed += weight;
    if (passed >= total / 2) return perMs;
  }
  return sorted.at(-1)!.perMs;
}

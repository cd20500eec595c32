import type { Outlook } from './account.ts';
import { exhaustionOf } from './forecast/exhaustion.ts';
import { addLevel, type LevelBlocks, type LevelPoint, levelPoints, startLevels } from './forecast/level-blocks.ts';
import { slopeOf } from './forecast/slope.ts';

/** Levels of the last while, oldest first, of one length. */
interface Ring {
  readonly at: number[];
  readonly mib: number[];
}

/** The memory of one process. Changed in place; plain JSON; bounded. */
export interface MemoryHistory {
  /** All of the last seconds, some of the last minutes, and blocks of all that was ever seen: a leak may be quick or slow. */
  readonly fine: Ring;
  readonly coarse: Ring;
  readonly levels: LevelBlocks;
  limitMib: number | null;
  askedAt: number;
  /** What was found when all of the past was asked last. */
  long: Growth | null;
}

/** A growth that is a leak, and when it ends. */
export interface Growth {
  readonly sinceMs: number;
  readonly mib: number;
  readonly outlook: Outlook;
  /** Over all of the past, where teeth of a saw-tooth are blocks of one height. */
  readonly isLong: boolean;
}

const POINTS_MIN = 12;
const POINTS_KEPT = 44;
const FINE_MS = 20_000;
const COARSE_MS = 10_000;
const COARSE_KEPT_MS = 240_000;
const STEADY_SHARE = 0.9;
const SHOWN_POINTS = 120;
/** Who has grown so much of what makes a leak, as steadily, is on the way to it. */
const ON_THE_WAY = 1 / 2;
/** What fills at its start grows ever less; a leak does not: its second half grows so much of what its first did. */
const STEADY_MIN = 0.7;
/** The past tells nothing about a time so many times longer: nothing is shown. */
const FORESEEABLE = 10;
/** A forecast over all of the past costs some milliseconds: it is made this often at most, and more seldom the longer it is. */
const ASK_MS = 2_000;
const ASK_SHARE = 1 / 50;
const ASK_MS_MAX = 300_000;
const HOUR_MS = 3_600_000;

export function startMemory(): MemoryHistory {
  const rings = { fine: { at: [], mib: [] }, coarse: { at: [], mib: [] } };
  return { ...rings, levels: startLevels(), limitMib: null, askedAt: 0, long: null };
}

/** Takes a reading in; false for one that is not newer than the last, which says nothing. */
export function addMemory({ fine, coarse, levels }: MemoryHistory, at: number, mib: number): boolean {
  const last = fine.at.at(-1);
  if (last !== undefined && at <= last && at > last - COARSE_KEPT_MS) return false;
  // The clock was set back: what was seen before it lies in the future now.
  if (last !== undefined && at < last) for (const ring of [fine, coarse]) ring.at.length = ring.mib.length = 0;
  push(fine, at, mib, FINE_MS);
  if (at - (coarse.at.at(-1) ?? 0) >= COARSE_MS) push(coarse, at, mib, COARSE_KEPT_MS);
  addLevel(levels, at, mib);
  return true;
}

/** Drops what is older than the window, unless too few readings would be left, and what is more than is kept. */
function push(ring: Ring, at: number, mib: number, windowMs: number): void {
  ring.at.push(at);
  ring.mib.push(mib);
  while ((ring.at[0]! <= at - windowMs && ring.at.length > POINTS_MIN) || ring.at.length > POINTS_KEPT) {
    ring.at.shift();
    ring.mib.shift();
  }
}

/** The growths that may be a leak: of the last seconds, of the last minutes, of all that was ever seen. */
export function growthsOf(memory: MemoryHistory, now: number, growthMin: number): readonly Growth[] {
  const long = longGrowth(memory, now, growthMin);
  return [...shortGrowths(memory, now, growthMin), ...(long ? [long] : [])];
}

/** How much it has grown within the last seconds. */
export function grewSince({ fine }: MemoryHistory, mib: number): number {
  return mib - fine.mib[0]!;
}

/** Whether it grows as what leaks does, not yet as far. */
export function isOnTheWay({ coarse, levels }: MemoryHistory, growthMin: number): boolean {
  const points = coarse.at.length >= POINTS_MIN ? pointsOf(coarse) : levelPoints(levels, 1);
  return points.length >= POINTS_MIN && isSteady(points, ON_THE_WAY * growthMin);
}

/** The level at which it has been for minutes, give or take `withinMib`; 0 when there is none. */
export function stayedAt({ coarse }: MemoryHistory, withinMib: number): number {
  const [first, last] = [coarse.mib[0]!, coarse.mib.at(-1)!];
  const isWatched = coarse.at.at(-1)! - coarse.at[0]! >= STEADY_SHARE * COARSE_KEPT_MS;
  return isWatched && Math.abs(last - first) < withinMib ? Math.min(first, last) : 0;
}

/** The latest levels in order of time, for people. */
export function levelsShown({ levels }: MemoryHistory): readonly LevelPoint[] {
  return levelPoints(levels, 1).slice(-SHOWN_POINTS);
}

/** Of the last seconds and of the last minutes. */
function shortGrowths({ fine, coarse, limitMib }: MemoryHistory, now: number, growthMin: number): readonly Growth[] {
  return [fine, coarse].flatMap((ring): readonly Growth[] => {
    const points = pointsOf(ring);
    if (points.length < POINTS_MIN || !isSteady(points, growthMin) || !isClearOfTeeth(points, growthMin)) return [];
    const slope = slopeOf(points);
    if (slope === undefined || slope.low <= 0) return [];
    const { atMs: sinceMs, middle } = points[0]!;
    const last = points.at(-1)!.middle;
    return [{ sinceMs, mib: last - middle, isLong: false, outlook: outlookOf(slope, last, limitMib, now) }];
  });
}

/** The lowest of its end is above the highest of its beginning: what goes up and down is not, where it is cut. */
function isClearOfTeeth(points: readonly LevelPoint[], growthMin: number): boolean {
  const third = Math.floor(points.length / 3);
  const begin = points.slice(0, third).map(({ high }) => high);
  const end = points.slice(-third).map(({ middle }) => middle);
  return Math.min(...end) - Math.max(...begin) >= growthMin / 4;
}

function pointsOf({ at, mib }: Ring): readonly LevelPoint[] {
  return at.map((atMs, i) => ({ atMs, middle: mib[i]!, high: mib[i]! }));
}

function outlookOf(
  { perMs, low, high }: { readonly perMs: number; readonly low: number; readonly high: number },
  level: number,
  limit: number | null,
  now: number,
): Outlook {
  if (limit === null) return { kind: 'unknown', limit };
  const left = limit - level;
  if (left <= 0) return { kind: 'gone', limit };
  const hit = (pace: number) => now + left / pace;
  return {
    kind: 'exhausts',
    limit,
    perHour: perMs * HOUR_MS,
    atMs: hit(perMs),
    earliestMs: hit(high),
    latestMs: hit(low),
  };
}

/** Over all that was ever seen: only where there is a limit, for a process that has grown for days may be a cache. */
function longGrowth(memory: MemoryHistory, now: number, growthMin: number): Growth | undefined {
  const { levels, limitMib } = memory;
  if (limitMib === null || levels.closed.length < POINTS_MIN) return undefined;
  const spanMs = now - levels.closed[0]!.at * levels.widthMs;
  if (Math.abs(now - memory.askedAt) >= Math.min(ASK_MS_MAX, Math.max(ASK_MS, ASK_SHARE * spanMs))) {
    memory.askedAt = now;
    memory.long = growthOver(levels, limitMib, now, growthMin);
  }
  return memory.long ?? undefined;
}

function growthOver(levels: LevelBlocks, limit: number, now: number, growthMin: number): Growth | null {
  const points = levelPoints(levels, 1);
  if (!isSteady(points, growthMin)) return null;
  const [first, last] = [points[0]!, points.at(-1)!];
  const exhaustion = exhaustionOf(levels, { limit, towards: 'rises' }, now);
  if (exhaustion.kind !== 'exhausts' || exhaustion.atMs - now > FORESEEABLE * (now - first.atMs)) return null;
  const { atMs, earliestMs, latestMs, slope } = exhaustion;
  const outlook = { kind: 'exhausts', limit, perHour: slope.perMs * HOUR_MS, atMs, earliestMs, latestMs } as const;
  return { sinceMs: first.atMs, mib: last.middle - first.middle, isLong: true, outlook };
}

/** It has grown enough, and grows on as it did. */
function isSteady(points: readonly LevelPoint[], growthMin: number): boolean {
  const [first, last] = [points[0]!, points.at(-1)!];
  const growth = last.middle - first.middle;
  if (growth < growthMin) return false;
  const half = points[points.length >> 1]!;
  const before = (half.middle - first.middle) / (half.atMs - first.atMs);
  const after = (last.middle - half.middle) / (last.atMs - half.atMs);
  return after >= STEADY_MIN * before;
}

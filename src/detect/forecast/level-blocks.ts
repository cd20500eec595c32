import { quantileOf } from './order-statistics.ts';

/** Readings of one span of time: how many, and eight levels that stand for their distribution. */
interface Block {
  /** Number of the span since 1970, in widths. */
  at: number;
  count: number;
  /** Ascending: the middle of each eighth of the readings. Fewer when there were fewer readings. */
  levels: number[];
}

/** The span that is being filled. Every `stride`-th of the `seen` readings is kept. */
interface OpenBlock {
  at: number;
  seen: number;
  stride: number;
  kept: number[];
}

/**
 * A resource's level over all of its past, in bounded room: blocks of equal width that double when there are too many.
 * Plain JSON; a copy goes on exactly as the original. Widths are binary fractions of a day, so that blocks of different
 * days lie at the same time of day.
 */
export interface LevelBlocks {
  widthMs: number;
  open: OpenBlock | null;
  closed: Block[];
  /** Readings in a row that were older than the open block. */
  late: number;
}

export const DAY_MS = 86_400_000;
const WIDTH_MS_MIN = DAY_MS / 2 ** 16;
const WIDTH_MS_MAX = DAY_MS / 2 ** 3;
const BLOCKS_MAX = 256;
const KEPT_MAX = 64;
const LEVELS = 8;
/** A source that repeats old readings sends some late; a clock that was set back sends nothing else. */
const LATE_MAX = 64;

export function startLevels(): LevelBlocks {
  return { widthMs: WIDTH_MS_MIN, open: null, closed: [], late: 0 };
}

/** Takes in one reading. What is no number, or older than the open block, is ignored. Changes `state` in place. */
export function addLevel(state: LevelBlocks, atMs: number, level: number): void {
  if (!Number.isFinite(atMs) || !Number.isFinite(level)) return;
  const at = Math.floor(atMs / state.widthMs);
  if (state.open !== null && at < state.open.at) {
    state.late++;
    if (state.late < LATE_MAX) return;
    Object.assign(state, startLevels());
    addLevel(state, atMs, level);
    return;
  }
  state.late = 0;
  if (state.open !== null && at > state.open.at) {
    closeBlock(state);
    // The width may have doubled.
    addLevel(state, atMs, level);
    return;
  }
  state.open ??= { at, seen: 0, stride: 1, kept: [] };
  keep(state.open, level);
}

function keep(open: OpenBlock, level: number): void {
  if (open.seen++ % open.stride !== 0) return;
  // JSON has no negative zero: a resumed state would differ.
  open.kept.push(level + 0);
  if (open.kept.length < KEPT_MAX) return;
  open.kept = open.kept.filter((_, at) => at % 2 === 0);
  open.stride *= 2;
}

function closeBlock(state: LevelBlocks): void {
  const { at, seen, kept } = state.open!;
  state.closed.push({ at, count: seen, levels: levelsOf(kept.sort((a, b) => a - b)) });
  state.open = null;
  while (state.closed.length > BLOCKS_MAX && state.widthMs < WIDTH_MS_MAX) widen(state);
  if (state.closed.length > BLOCKS_MAX) state.closed.shift();
}

function levelsOf(sorted: readonly number[]): number[] {
  if (sorted.length <= LEVELS) return [...sorted];
  return Array.from({ length: LEVELS }, (_, eighth) => quantileOf(sorted, (eighth + 0.5) / LEVELS)!);
}

/** Doubles the width: neighbours become one block. */
function widen(state: LevelBlocks): void {
  const wide: Block[] = [];
  for (const block of state.closed) {
    const at = Math.floor(block.at / 2);
    const last = wide.at(-1);
    if (last?.at === at) wide[wide.length - 1] = merged(last, { ...block, at });
    else wide.push({ ...block, at });
  }
  state.closed = wide;
  state.widthMs *= 2;
}

/** Each level weighs as many readings as it stands for. */
function merged(a: Block, b: Block): Block {
  const weighted = [a, b]
    .flatMap(({ levels, count }) => levels.map((level) => ({ level, weight: count / levels.length })))
    .sort((x, y) => x.level - y.level);
  const count = a.count + b.count;
  const size = Math.min(LEVELS, weighted.length);
  const levels: number[] = [];
  let passed = 0;
  for (const { level, weight } of weighted) {
    passed += weight;
    while (levels.length < size && passed >= ((levels.length + 0.5) / size) * count - 1e-9) levels.push(level);
  }
  return { at: a.at, count, levels };
}

/** The level of one block at its middle time. */
export interface LevelPoint {
  readonly atMs: number;
  /** Mean without the extremes: steadier than the median where a saw-tooth is cut in the middle of a tooth. */
  readonly middle: number;
  /** What nine of ten readings stay below: the teeth of a saw-tooth, without its spikes. */
  readonly high: number;
}

/** The past in order of time; the open block too, once it is half full. `sign` -1 turns a resource that falls upside down. */
export function levelPoints({ widthMs, open, closed }: LevelBlocks, sign: 1 | -1): readonly LevelPoint[] {
  const usual = closed.at(-1)?.count ?? 0;
  const present = open !== null && open.seen * 2 >= usual ? [toBlock(open)] : [];
  return [...closed, ...present].map(({ at, levels }) => {
    const turned = sign === 1 ? levels : levels.map((level) => -level).reverse();
    return {
      atMs: (at + 0.5) * widthMs,
      middle: turned.reduce((sum, level) => sum + level, 0) / turned.length,
      high: quantileOf(turned, 0.95)!,
    };
  });
}

function toBlock({ at, seen, kept }: OpenBlock): Block {
  return { at, count: seen, levels: levelsOf([...kept].sort((a, b) => a - b)) };
}

import { type History, past } from './history.ts';
import { zeros } from './zeros.ts';

/** Views of a point beside the points just before it: level, spread and extremes of windows counted in points. */
export const NEIGHBOURHOOD_VIEWS = [
  'mean of 4',
  'mean of 8',
  'mean of 16',
  'mean of 32',
  'mean of 64',
  'mean of 128',
  'spread of 4',
  'spread of 8',
  'spread of 16',
  'spread of 32',
  'spread of 64',
  'spread of 128',
  'lowest of 4',
  'highest of 4',
  'range of 4',
  'lowest of 12',
  'highest of 12',
  'range of 12',
  'lowest of 36',
  'highest of 36',
  'range of 36',
] as const;

const MEAN_WINDOWS = [4, 8, 16, 32, 64, 128] as const;
const SPREADS_FROM = 6;
const EXTREMES_FROM = 12;
/** Sums are built anew this often, so that rounding does not pile up. */
const REBUILD_POINTS = 128;
/** Spreads below this part of the usual spread are all the same. */
const SPREAD_FLOOR = 1e-6;

/** `sums` and `squares` are of the differences to `anchor`, which follows the level: squares of large numbers lose digits. */
export interface Neighbourhood {
  anchor: number;
  age: number;
  sums: number[];
  squares: number[];
  /** Lowest and highest of the last 4 for the last 12 points, and of the last 12 for the last 36. */
  low4: number[];
  high4: number[];
  low12: number[];
  high12: number[];
}

export function startNeighbourhood(): Neighbourhood {
  return {
    anchor: 0,
    age: 0,
    sums: zeros(6),
    squares: zeros(6),
    low4: zeros(16),
    high4: zeros(16),
    low12: zeros(32),
    high12: zeros(32),
  };
}

/** Call it when the value is in the history already. `grain` is the smallest difference that means anything. */
export function viewNeighbourhood(
  near: Neighbourhood,
  history: History,
  usualVariance: number,
  grain: number,
  out: Float64Array,
  from: number,
): void {
  near.age += 1;
  if (near.age >= REBUILD_POINTS || history.length <= 1) rebuild(near, history);
  else slide(near, history);
  const floor = SPREAD_FLOOR * usualVariance + grain * grain;
  for (let i = 0; i < MEAN_WINDOWS.length; i++) {
    const points = MEAN_WINDOWS[i]!;
    if (history.length < points) break;
    const mean = near.sums[i]! / points;
    const variance = Math.max(0, near.squares[i]! / points - mean * mean);
    out[from + i] = near.anchor + mean;
    out[from + SPREADS_FROM + i] = 0.5 * Math.log(variance + floor);
  }
  viewExtremes(near, history, out, from + EXTREMES_FROM);
}

function slide(near: Neighbourhood, history: History): void {
  const added = past(history, 1) - near.anchor;
  for (let i = 0; i < MEAN_WINDOWS.length; i++) {
    const points = MEAN_WINDOWS[i]!;
    const dropped = history.length > points ? past(history, points + 1) - near.anchor : 0;
    near.sums[i]! += added - dropped;
    near.squares[i]! += added * added - dropped * dropped;
  }
}

function rebuild(near: Neighbourhood, history: History): void {
  near.age = 0;
  near.anchor = past(history, 1);
  let sum = 0;
  let square = 0;
  let back = 1;
  for (let i = 0; i < MEAN_WINDOWS.length; i++) {
    for (const end = Math.min(MEAN_WINDOWS[i]!, history.length); back <= end; back++) {
      const difference = past(history, back) - near.anchor;
      sum += difference;
      square += difference * difference;
    }
    near.sums[i] = sum;
    near.squares[i] = square;
  }
}

/** The extremes of 12 are those of three neighbouring windows of 4, and so on: no window is searched point by point. */
function viewExtremes(near: Neighbourhood, history: History, out: Float64Array, from: number): void {
  const now = history.next;
  const { length } = history;
  if (length < 4) return;
  const a = past(history, 1);
  const b = past(history, 2);
  const c = past(history, 3);
  const d = past(history, 4);
  writeExtremes(out, from, Math.min(a, b, c, d), Math.max(a, b, c, d));
  near.low4[now & 15] = out[from]!;
  near.high4[now & 15] = out[from + 1]!;
  if (length < 12) return;
  const { low4, high4, low12, high12 } = near;
  const i4 = (now - 4) & 15;
  const j4 = (now - 8) & 15;
  writeExtremes(
    out,
    from + 3,
    Math.min(out[from]!, low4[i4]!, low4[j4]!),
    Math.max(out[from + 1]!, high4[i4]!, high4[j4]!),
  );
  near.low12[now & 31] = out[from + 3]!;
  near.high12[now & 31] = out[from + 4]!;
  if (length < 36) return;
  const i12 = (now - 12) & 31;
  const j12 = (now - 24) & 31;
  writeExtremes(
    out,
    from + 6,
    Math.min(out[from + 3]!, low12[i12]!, low12[j12]!),
    Math.max(out[from + 4]!, high12[i12]!, high12[j12]!),
  );
}

function writeExtremes(out: Float64Array, from: number, low: number, high: number): void {
  out[from] = low;
  out[from + 1] = high;
  out[from + 2] = high - low;
}

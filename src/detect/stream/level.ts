import { type History, past } from './history.ts';

/** Views of the value itself, of its change, and of its distance to slow and fast averages. */
export const LEVEL_VIEWS = [
  'value',
  'logarithm',
  'change',
  'size of change',
  'change over 6',
  'change over 24',
  'change over 96',
  'off fast average',
  'off middle average',
  'off slow average',
  'fast average off slow',
  'middle average off slow',
  'drift',
] as const;

const FAST = 0.1;
const MIDDLE = 0.03;
const SLOW = 0.01;
const SLOWEST = 0.001;
/** A drift is what exceeds half a usual spread a point; old drift is forgotten over a thousand points. */
const DRIFT_SLACK = 0.5;
const DRIFT_KEPT = 0.999;
const DRIFT_MAX = 200;
const DRIFT_STEP_MAX = 8;

export interface Level {
  fast: number;
  middle: number;
  slow: number;
  slowest: number;
  /** Variance around the slow average. */
  variance: number;
  /** The largest absolute value so far: what differs by less than a part in 10^9 of it does not differ. */
  largest: number;
  up: number;
  down: number;
}

export function startLevel(): Level {
  return { fast: 0, middle: 0, slow: 0, slowest: 0, variance: 0, largest: 0, up: 0, down: 0 };
}

/** The smallest difference that means anything in this series. */
export function grainOf(level: Level): number {
  return 1e-9 * level.largest + 1e-150;
}

/** How far a value is from the slowest average, in usual spreads. */
export function placeOf(level: Level, value: number): number {
  return (value - level.slowest) / (Math.sqrt(level.variance) + grainOf(level));
}

/** Call it before the value is in the history; it takes the value into the averages. */
export function viewLevel(level: Level, history: History, value: number, out: Float64Array, from: number): void {
  out[from] = value;
  out[from + 1] = value < 0 ? -Math.log1p(-value) : Math.log1p(value);
  if (history.length > 0) {
    const change = value - past(history, 1);
    out[from + 2] = change;
    out[from + 3] = Math.abs(change);
  }
  if (history.length >= 6) out[from + 4] = value - past(history, 6);
  if (history.length >= 24) out[from + 5] = value - past(history, 24);
  if (history.length >= 96) out[from + 6] = value - past(history, 96);
  out[from + 7] = value - level.fast;
  out[from + 8] = value - level.middle;
  out[from + 9] = value - level.slow;
  const place = Math.max(-DRIFT_STEP_MAX, Math.min(DRIFT_STEP_MAX, placeOf(level, value)));
  level.up = Math.min(DRIFT_MAX, Math.max(0, level.up * DRIFT_KEPT + place - DRIFT_SLACK));
  level.down = Math.min(DRIFT_MAX, Math.max(0, level.down * DRIFT_KEPT - place - DRIFT_SLACK));
  follow(level, value);
  out[from + 10] = level.fast - level.slow;
  out[from + 11] = level.middle - level.slow;
  out[from + 12] = level.up - level.down;
}

/** The first value of a series is where all averages begin. */
export function beginLevel(level: Level, value: number): void {
  level.fast = value;
  level.middle = value;
  level.slow = value;
  level.slowest = value;
}

function follow(level: Level, value: number): void {
  const off = value - level.slow;
  level.variance = (1 - SLOW) * (level.variance + SLOW * off * off);
  level.fast += FAST * (value - level.fast);
  level.middle += MIDDLE * (value - level.middle);
  level.slow += SLOW * off;
  level.slowest += SLOWEST * (value - level.slowest);
  const size = Math.abs(value);
  if (size > level.largest) level.largest = size;
}

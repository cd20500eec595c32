import { type History, past } from './history.ts';
import { type Level, placeOf } from './level.ts';
import { zeros } from './zeros.ts';

/** Views of how the series moves, whatever its level: its distribution, its roughness, its rhythm. */
export const SHAPE_VIEWS = [
  'distribution of the last 20',
  'distribution of the last 100',
  'rate of turns',
  'time without change',
  'roughness of 12',
  'roughness of 48',
  'likeness to the point before',
  'share of rises',
] as const;

const BINS = 8;
const BINS_PER_SPREAD = 1.5;
const SHORT = 0.05;
const MIDDLE = 0.01;
const LONG = 0.001;
const BIN_FLOOR = 0.005;
const DISTRIBUTION_AFTER = 64;
const TURN_RATE = 0.04;
const LIKENESS_RATE = 0.03;
const ROUGH_LONG = 48;
const ROUGH_SHORT = 12;

export interface Shape {
  points: number;
  short: number[];
  middle: number[];
  long: number[];
  /** Sizes of the last changes and how many there were; sums over the last 12 and 48 of them. */
  changes: number[];
  changed: number;
  sum12: number;
  sum48: number;
  direction: number;
  turns: number;
  still: number;
  product: number;
  square: number;
  rises: number;
}

export function startShape(): Shape {
  return {
    points: 0,
    short: zeros(BINS),
    middle: zeros(BINS),
    long: zeros(BINS),
    changes: zeros(ROUGH_LONG),
    changed: 0,
    sum12: 0,
    sum48: 0,
    direction: 0,
    turns: 0,
    still: 0,
    product: 0,
    square: 0,
    rises: 0.5,
  };
}

/** Call it before the value is in the history, and after it is in the averages. */
export function viewShape(
  shape: Shape,
  history: History,
  level: Level,
  grain: number,
  value: number,
  out: Float64Array,
  from: number,
): void {
  viewDistribution(shape, placeOf(level, value), out, from);
  shape.points += 1;
  if (history.length === 0) return;
  const before = past(history, 1);
  viewRhythm(shape, value - before, grain, out, from + 2);
  viewRoughness(shape, Math.abs(value - before), out, from + 4);
  const a = before - level.slow;
  const b = value - level.slow;
  shape.product += LIKENESS_RATE * (a * b - shape.product);
  shape.square += LIKENESS_RATE * (b * b - shape.square);
  out[from + 6] = shape.product / (shape.square + grain * grain);
}

/** Chi-square distance of what came lately from what came over the last thousand points. */
function viewDistribution(shape: Shape, place: number, out: Float64Array, from: number): void {
  const bin = Math.max(0, Math.min(BINS - 1, Math.floor(place * BINS_PER_SPREAD + BINS / 2)));
  const long = Math.max(LONG, 1 / (shape.points + 1));
  let lately = 0;
  let longer = 0;
  for (let i = 0; i < BINS; i++) {
    const hit = i === bin ? 1 : 0;
    shape.short[i]! += SHORT * (hit - shape.short[i]!);
    shape.middle[i]! += MIDDLE * (hit - shape.middle[i]!);
    shape.long[i]! += long * (hit - shape.long[i]!);
    const usual = shape.long[i]! + BIN_FLOOR;
    const offShort = shape.short[i]! + BIN_FLOOR - usual;
    const offMiddle = shape.middle[i]! + BIN_FLOOR - usual;
    lately += (offShort * offShort) / usual;
    longer += (offMiddle * offMiddle) / usual;
  }
  if (shape.points <= DISTRIBUTION_AFTER) return;
  out[from] = lately;
  out[from + 1] = longer;
}

function viewRhythm(shape: Shape, change: number, grain: number, out: Float64Array, from: number): void {
  const direction = change > grain ? 1 : change < -grain ? -1 : 0;
  const turned = direction !== 0 && direction === -shape.direction ? 1 : 0;
  shape.turns += TURN_RATE * (turned - shape.turns);
  shape.still = direction === 0 ? shape.still + 1 : 0;
  if (direction !== 0) shape.direction = direction;
  shape.rises += LIKENESS_RATE * ((1 + direction) / 2 - shape.rises);
  out[from] = shape.turns;
  out[from + 1] = shape.still === 0 ? 0 : Math.log1p(shape.still);
  out[from + 5] = shape.rises;
}

function viewRoughness(shape: Shape, size: number, out: Float64Array, from: number): void {
  const { changes, changed } = shape;
  const before = (back: number) => (changed >= back ? changes[(changed - back) % ROUGH_LONG]! : 0);
  shape.sum12 += size - before(ROUGH_SHORT);
  shape.sum48 += size - before(ROUGH_LONG);
  changes[changed % ROUGH_LONG] = size;
  shape.changed += 1;
  if (shape.changed % ROUGH_LONG === 0) {
    shape.sum48 = changes.reduce((sum, each) => sum + each, 0);
    shape.sum12 = changes.slice(-ROUGH_SHORT).reduce((sum, each) => sum + each, 0);
  }
  if (changed >= ROUGH_SHORT - 1) out[from] = shape.sum12 / ROUGH_SHORT;
  if (changed >= ROUGH_LONG - 1) out[from + 1] = shape.sum48 / ROUGH_LONG;
}

import type { Random } from '../../src/base/random.ts';
import { exhaustionOf } from '../../src/detect/forecast/exhaustion.ts';
import { addLevel, levelPoints, startLevels } from '../../src/detect/forecast/level-blocks.ts';
import { ordered, quantileOf } from '../../src/detect/forecast/order-statistics.ts';
import { slopeOf } from '../../src/detect/forecast/slope.ts';
import { LEAK_KINDS, type LeakKind, leaklessWorld, leakWorld } from './leak-world.ts';

/** Per minute, from readings once a minute. */
type Estimator = (levels: readonly number[]) => number | undefined;

const MINUTE_MS = 60_000;
const HALF = 0.5;

function ols(levels: readonly number[]): number {
  const mean = levels.reduce((sum, level) => sum + level, 0) / levels.length;
  const middle = (levels.length - 1) / 2;
  const products = levels.reduce((sum, level, at) => sum + (at - middle) * (level - mean), 0);
  return products / levels.reduce((sum, _, at) => sum + (at - middle) ** 2, 0);
}

/** Regression whose readings fade with a time of 12 hours; constant work and room. */
function fadingRegression(levels: readonly number[]): number {
  const keep = Math.exp(-1 / (12 * 60));
  let [weight, time, level, times, products] = [0, 0, 0, 0, 0];
  levels.forEach((value, at) => {
    [weight, time, level] = [keep * weight + 1, keep * time + at, keep * level + value];
    [times, products] = [keep * times + at * at, keep * products + at * value];
  });
  return (products - (time * level) / weight) / (times - (time * time) / weight);
}

/** The median slope between the medians of 64 blocks. */
function theilSen(levels: readonly number[]): number {
  const length = Math.floor(levels.length / 64);
  const blocks = Array.from(
    { length: 64 },
    (_, at) => quantileOf(ordered(levels.slice(at * length, (at + 1) * length)), 0.5)!,
  );
  const slopes = blocks.flatMap((later, at) =>
    blocks.slice(0, at).map((before, lag) => (later - before) / (at - lag) / length),
  );
  return quantileOf(ordered(slopes), 0.5)!;
}

/** Ours, as it runs in the product: block by block, then one question. */
function seasonalSen(levels: readonly number[]): number | undefined {
  const slope = slopeOf(levelPoints(levelsAfter(levels), 1));
  return slope && slope.perMs * MINUTE_MS;
}

function levelsAfter(levels: readonly number[]) {
  const state = startLevels();
  for (const [minute, level] of levels.entries()) addLevel(state, minute * MINUTE_MS, level);
  return state;
}

const ESTIMATORS: readonly { readonly name: string; readonly slope: Estimator }[] = [
  { name: 'kintsugi', slope: seasonalSen },
  { name: 'least squares, 6 h', slope: (levels) => ols(levels.slice(-360)) },
  { name: 'least squares, 24 h', slope: (levels) => ols(levels.slice(-1_440)) },
  { name: 'fading regression, 12 h', slope: fadingRegression },
  { name: 'Theil-Sen, 64 blocks', slope: theilSen },
];

interface Errors {
  /** Of the relative error, in per cent, over the worlds. */
  readonly median: number;
  readonly p90: number;
}

/** What was found in one kind of world at half of the time to exhaustion. */
export interface LeakResult {
  readonly kind: string;
  readonly worlds: number;
  readonly slopeErrors: readonly (Errors & { readonly estimator: string })[];
  readonly exhaustion: {
    /** How many worlds got a time; the others were `unknown`. */
    readonly told: number;
    /** Error of the time that is left, relative to it. */
    readonly errors: Errors;
    /** Share of the told ranges that hold the true time. */
    readonly held: number;
  };
  /** Of as many worlds of this kind without a leak, how many got a time. */
  readonly falseAlarms: number;
}

export function runLeaks(worlds: number, random: Random): readonly LeakResult[] {
  return LEAK_KINDS.map((kind) => resultOf(kind, worlds, random));
}

function resultOf(kind: LeakKind, count: number, random: Random): LeakResult {
  const worlds = Array.from({ length: count }, () => leakWorld(kind, random));
  const halves = worlds.map(({ levels }) => levels.slice(0, Math.floor(levels.length * HALF)));
  const slopeErrors = ESTIMATORS.map(({ name, slope }) => {
    const errors = worlds.map((world, at) => Math.abs((slope(halves[at]!) ?? 0) / world.slope - 1));
    return { estimator: name, ...errorsOf(errors) };
  });
  const told = worlds.flatMap(({ limit, levels }, at) => {
    const gone = levels.length;
    const now = halves[at]!.length;
    const found = exhaustionOf(levelsAfter(halves[at]!), { limit, towards: 'rises' }, now * MINUTE_MS);
    if (found.kind !== 'exhausts') return [];
    const minute = (atMs: number) => atMs / MINUTE_MS;
    const holds = minute(found.earliestMs) <= gone && gone <= minute(found.latestMs);
    return [{ error: Math.abs((minute(found.atMs) - gone) / (gone - now)), holds }];
  });
  const falseAlarms = Array.from({ length: count }, () => leaklessWorld(kind, random)).filter(({ levels, limit }) => {
    return (
      exhaustionOf(levelsAfter(levels), { limit, towards: 'rises' }, levels.length * MINUTE_MS).kind === 'exhausts'
    );
  }).length;
  const held = told.filter(({ holds }) => holds).length / Math.max(1, told.length);
  const exhaustion = { told: told.length, errors: errorsOf(told.map(({ error }) => error)), held };
  return { kind: kind.name, worlds: count, slopeErrors, exhaustion, falseAlarms };
}

function errorsOf(errors: readonly number[]): Errors {
  const sorted = ordered(errors);
  return { median: 100 * (quantileOf(sorted, 0.5) ?? 0), p90: 100 * (quantileOf(sorted, 0.9) ?? 0) };
}

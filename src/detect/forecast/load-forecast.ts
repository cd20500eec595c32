import type { Reading } from './order-statistics.ts';
import { MEMBERS, type Seasons } from './load-members.ts';

/** What was forecast at one origin, to be compared with what comes. */
interface Pending {
  /** Steps that have come since. */
  age: number;
  /** By member, by step ahead. */
  readonly members: readonly (readonly number[])[];
  readonly mixture: readonly number[];
}

/**
 * A load by the hour (or any step), and how well each member foresaw it lately. Plain JSON in bounded room: six weeks of
 * values and the forecasts of one horizon.
 */
export interface LoadState {
  readonly seasons: Seasons;
  /** Oldest first. A gap is filled with the value of a day ago and never scored. */
  past: number[];
  /** Steps until the next forecast is kept for scoring. */
  untilOrigin: number;
  pending: Pending[];
  /** Fading sums of absolute errors, by member and reach; and how many they are, by reach. */
  errors: number[][];
  counts: number[];
  /** Fading mean of the mixture's absolute error by step ahead; null before the first. */
  mixtureErrors: (number | null)[];
}

/** The load some steps ahead. The range holds about nine in ten; null until forecasts have been compared with what came. */
export interface LoadForecast {
  readonly mean: number;
  readonly range: { readonly low: number; readonly high: number } | null;
}

const HOURS: Seasons = { day: 24, week: 168, horizon: 48 };
const WEEKS_KEPT = 6;
/** Who is good for the next hours need not be good for the day after: errors are kept apart by reach, in days. */
const REACHES = [0.25, 1, Number.POSITIVE_INFINITY];
/** What is kept of an error after a day. */
const FADE_PER_DAY = 0.9;
/** Weights fall with this power of the error: the best members decide, none is trusted alone. */
const POWER = 4;
/** Errors of loads have longer tails than a normal one: nine in ten stay within so many mean absolute errors. */
const RANGE_ERRORS = 2.6;
const ERROR_FADE = 0.8;

export function startLoad(seasons: Seasons = HOURS): LoadState {
  return {
    seasons,
    past: [],
    untilOrigin: seasons.day,
    pending: [],
    errors: MEMBERS.map(() => REACHES.map(() => 0)),
    counts: REACHES.map(() => 0),
    mixtureErrors: Array.from({ length: seasons.horizon }, () => null),
  };
}

/** Takes in the value of the next step; null when it is missing. Changes `state` in place. */
export function addLoad(state: LoadState, value: Reading): void {
  const { day, week, horizon } = state.seasons;
  const isKnown = value !== null && Number.isFinite(value);
  for (const pending of state.pending) {
    if (isKnown) score(state, pending, value);
    pending.age++;
  }
  state.pending = state.pending.filter(({ age }) => age < horizon);
  // JSON has no negative zero: a resumed state would differ.
  const filled = isKnown ? value + 0 : (state.past.at(-day) ?? state.past.at(-1));
  if (filled === undefined) return;
  state.past.push(filled);
  if (state.past.length > WEEKS_KEPT * week) state.past.shift();
  state.untilOrigin--;
  if (state.untilOrigin <= 0) keepForecast(state);
}

function score(state: LoadState, { age, members, mixture }: Pending, value: number): void {
  const reach = reachOf(age, state.seasons);
  members.forEach((forecast, member) => {
    state.errors[member]![reach]! += Math.abs(forecast[age]! - value);
  });
  state.counts[reach]!++;
  const error = Math.abs(mixture[age]! - value);
  const before = state.mixtureErrors[age];
  state.mixtureErrors[age] = before == null ? error : ERROR_FADE * before + (1 - ERROR_FADE) * error;
}

function reachOf(ahead: number, { day }: Seasons): number {
  return REACHES.findIndex((days) => ahead < days * day);
}

function keepForecast(state: LoadState): void {
  state.untilOrigin = state.seasons.day;
  state.errors = state.errors.map((sums) => sums.map((sum) => sum * FADE_PER_DAY));
  state.counts = state.counts.map((count) => count * FADE_PER_DAY);
  const members = MEMBERS.map(({ forecast }) => forecast(state.past, state.seasons));
  state.pending.push({ age: 0, members, mixture: mixed(state, members) });
}

/** The mean of the members, each by how well it foresaw the last weeks at this reach. */
function mixed(state: LoadState, members: readonly (readonly number[])[]): readonly number[] {
  const weights = REACHES.map((_, reach) => weightsAt(state, reach));
  const isNonNegative = state.past.every((value) => value >= 0);
  return Array.from({ length: state.seasons.horizon }, (_, ahead) => {
    const shares = weights[reachOf(ahead, state.seasons)]!;
    const mean = members.reduce((sum, forecast, member) => sum + shares[member]! * forecast[ahead]!, 0);
    return isNonNegative ? Math.max(0, mean) : mean;
  });
}

function weightsAt({ errors, counts }: LoadState, reach: number): readonly number[] {
  if (counts[reach]! <= 0) return errors.map(() => 1 / errors.length);
  const sums = errors.map((byReach) => byReach[reach]!);
  const best = Math.min(...sums);
  // Two members without any error share; one with the least error is measured against itself.
  const powers = sums.map((sum) => (sum === best ? 1 : (best / sum) ** POWER));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** The load of the next steps, nearest first. Empty before the first value. Pure: may be asked at any time. */
export function forecastLoad(state: LoadState): readonly LoadForecast[] {
  if (state.past.length === 0) return [];
  const members = MEMBERS.map(({ forecast }) => forecast(state.past, state.seasons));
  return mixed(state, members).map((mean, ahead) => {
    const error = state.mixtureErrors[ahead];
    if (error == null) return { mean, range: null };
    return { mean, range: { low: mean - RANGE_ERRORS * error, high: mean + RANGE_ERRORS * error } };
  });
}

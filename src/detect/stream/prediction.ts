import { type History, past } from './history.ts';
import type { Level } from './level.ts';
import { zeros } from './zeros.ts';

/** Views of how wrong simple predictions of the point were. */
export const PREDICTION_VIEWS = ['off prediction from the last 12', 'off mixed prediction'] as const;

const LAGS = 12;
const LEARN_RATE = 0.1;
const ERROR_MAX = 5;
const ERROR_RATE = 0.02;

/** A linear predictor that learns from its errors, and the usual errors of six predictions that are mixed by them. */
export interface Prediction {
  weights: number[];
  errors: number[];
}

export function startPrediction(): Prediction {
  return { weights: zeros(LAGS), errors: zeros(6) };
}

/** Call it before the value is in the history and the averages. Unknown profiles are NaN. */
export function viewPrediction(
  prediction: Prediction,
  history: History,
  level: Level,
  seen: { readonly grain: number; readonly byDay: number; readonly byWeek: number },
  value: number,
  out: Float64Array,
  from: number,
): void {
  const { grain, byDay, byWeek } = seen;
  const newest = history.length > 0 ? past(history, 1) : level.fast;
  let linear = newest;
  if (history.length >= LAGS) {
    const off = linearError(prediction.weights, history, level, grain, value);
    out[from] = off;
    linear = value - off;
  }
  const day = Number.isNaN(byDay) ? level.fast : byDay;
  const week = Number.isNaN(byWeek) ? level.fast : byWeek;
  const mixed = mix(prediction.errors, grain, value, [newest, level.fast, level.slow, day, week, linear]);
  if (history.length >= LAGS) out[from + 1] = value - mixed;
}

/** Normalised least mean squares over the last values, as distances to the slow average in usual spreads. */
function linearError(weights: number[], history: History, level: Level, grain: number, value: number): number {
  const spread = Math.sqrt(level.variance) + grain;
  let predicted = 0;
  let energy = 1;
  for (let lag = 0; lag < LAGS; lag++) {
    const place = (past(history, lag + 1) - level.slow) / spread;
    predicted += weights[lag]! * place;
    energy += place * place;
  }
  const error = (value - level.slow) / spread - predicted;
  const step = (LEARN_RATE * Math.max(-ERROR_MAX, Math.min(ERROR_MAX, error))) / energy;
  for (let lag = 0; lag < LAGS; lag++) weights[lag]! += (step * (past(history, lag + 1) - level.slow)) / spread;
  return error * spread;
}

/** The mean of the predictions, each weighted by one over its usual error squared. */
function mix(errors: number[], grain: number, value: number, predictions: readonly number[]): number {
  let sum = 0;
  let weights = 0;
  for (let i = 0; i < predictions.length; i++) {
    const error = errors[i]! + grain;
    const weight = 1 / (error * error);
    sum += weight * predictions[i]!;
    weights += weight;
    errors[i]! += ERROR_RATE * (Math.abs(value - predictions[i]!) - errors[i]!);
  }
  return sum / weights;
}

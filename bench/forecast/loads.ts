import { addLoad, forecastLoad, startLoad } from '../../src/detect/forecast/load-forecast.ts';
import { MEMBERS } from '../../src/detect/forecast/load-members.ts';
import type { M4Series } from './m4.ts';
import { naive2 } from './naive2.ts';

type Forecaster = (train: readonly number[], horizon: number) => readonly number[];

const SEASON = 24;

function mixture(train: readonly number[], horizon: number): readonly number[] {
  const state = startLoad({ day: 24, week: 168, horizon });
  for (const value of train) addLoad(state, value);
  return forecastLoad(state).map(({ mean }) => mean);
}

function member(name: string): Forecaster {
  const { forecast } = MEMBERS.find((each) => each.name === name)!;
  return (train, horizon) => forecast(train, { day: 24, week: 168, horizon });
}

const FORECASTERS: readonly { readonly name: string; readonly forecast: Forecaster }[] = [
  { name: 'kintsugi', forecast: mixture },
  { name: 'naive', forecast: member('last value') },
  { name: 'seasonal naive', forecast: member('a day ago') },
  { name: 'Naive2', forecast: naive2 },
  { name: 'Holt-Winters', forecast: member('Holt-Winters') },
];

/** Means over all series, as the competition scores: lower is better; Naive2 has an OWA of 1. */
export interface LoadResult {
  readonly forecaster: string;
  readonly smape: number;
  readonly mase: number;
  readonly owa: number;
  readonly msPerSeries: number;
}

export function runLoads(series: readonly M4Series[]): readonly LoadResult[] {
  const results = FORECASTERS.map(({ name, forecast }) => {
    const start = performance.now();
    const forecasts = series.map(({ train, test }) => forecast(train, test.length));
    const msPerSeries = (performance.now() - start) / series.length;
    const smape = meanOf(series.map(({ test }, at) => smapeOf(forecasts[at]!, test)));
    const mase = meanOf(series.map(({ train, test }, at) => maseOf(forecasts[at]!, test, train)));
    return { forecaster: name, smape, mase, msPerSeries };
  });
  const yardstick = results.find(({ forecaster }) => forecaster === 'Naive2')!;
  return results.map((result) => ({
    ...result,
    owa: (result.smape / yardstick.smape + result.mase / yardstick.mase) / 2,
  }));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function smapeOf(forecast: readonly number[], truth: readonly number[]): number {
  return meanOf(
    truth.map((value, at) => {
      const size = Math.abs(value) + Math.abs(forecast[at]!);
      return size === 0 ? 0 : (200 * Math.abs(value - forecast[at]!)) / size;
    }),
  );
}

/** Scaled by the error that seasonal naive has within the training part; a constant series has no scale and counts 0. */
function maseOf(forecast: readonly number[], truth: readonly number[], train: readonly number[]): number {
  const lag = train.length > SEASON ? SEASON : 1;
  const scale = meanOf(train.slice(lag).map((value, at) => Math.abs(value - train[at]!)));
  return scale === 0 ? 0 : meanOf(truth.map((value, at) => Math.abs(value - forecast[at]!))) / scale;
}

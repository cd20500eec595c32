import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createStreamDetector, type StreamState } from '../../src/detect/stream/stream-detector.ts';
import type { Baseline } from './baseline.ts';
import type { LabelledSeries } from './corpus.ts';

/** What a contestant costs. Times are processor time of a warm process, the least disturbed of some rounds. */
export interface Cost {
  readonly nsPerPoint: number;
  /** Growth of the heap for each further series; only of the detector itself. */
  readonly heapBytesPerSeries?: number;
  /** Size of one state as JSON, at the end of the longest series. */
  readonly jsonBytesPerSeries?: number;
}

const ROUNDS = 7;
const POINTS_LEAST = 30_000;
const HEAP_SERIES = 200;

export function streamCost(all: readonly LabelledSeries[]): Cost {
  const detector = createStreamDetector();
  const nsPerPoint = leastNs(all, () => {
    const state = detector.start();
    return (at, value) => detector.step(state, at, value).novel;
  });
  const longest = all.toSorted((a, b) => b.times.length - a.times.length)[0]!;
  const jsonBytesPerSeries = JSON.stringify(fed(longest)).length;
  return { nsPerPoint, heapBytesPerSeries: heapBytes(longest), jsonBytesPerSeries };
}

export function baselineCost(baseline: Baseline, all: readonly LabelledSeries[]): Cost {
  return { nsPerPoint: leastNs(all, () => baseline.start()) };
}

function leastNs(all: readonly LabelledSeries[], start: () => (at: number, value: number) => number): number {
  return Math.round(Math.min(...Array.from({ length: ROUNDS }, () => roundNs(all, start))));
}

/** The series over and over, each from its start, until there were enough points to measure. */
function roundNs(all: readonly LabelledSeries[], start: () => (at: number, value: number) => number): number {
  let points = 0;
  let sum = 0;
  const began = process.cpuUsage();
  for (let next = 0; points < POINTS_LEAST; next = (next + 1) % all.length) {
    const { times, values } = all[next]!;
    const step = start();
    for (let row = 0; row < values.length; row++) sum += step(times[row]!, values[row]!);
    points += values.length;
  }
  const { user, system } = process.cpuUsage(began);
  return sum === Number.NEGATIVE_INFINITY ? 0 : ((user + system) * 1_000) / points;
}

function fed(series: LabelledSeries): StreamState {
  const detector = createStreamDetector();
  const state = detector.start();
  const { times, values } = series;
  for (let row = 0; row < values.length; row++) detector.step(state, times[row]!, values[row]!);
  return state;
}

function heapBytes(series: LabelledSeries): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const few = { ...series, times: series.times.subarray(0, 1_000), values: series.values.subarray(0, 1_000) };
  collect();
  const before = process.memoryUsage().heapUsed;
  const states = Array.from({ length: HEAP_SERIES }, () => fed(few));
  collect();
  return Math.round((process.memoryUsage().heapUsed - before) / states.length);
}

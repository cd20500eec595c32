/** A simple detector to compare with: a score for each point, higher for stranger, knowing only what came before. */
export interface Baseline {
  readonly name: string;
  readonly description: string;
  /** Begins a series. Readings that are no numbers are not given to it. */
  start(): (atMs: number, value: number) => number;
}

const DAY_MS = 86_400_000;
const DAY_BINS = 96;
const SCORE_MAX = 100;

/** The distance to an exponentially weighted average, in exponentially weighted spreads. */
function ewmaZ(rate: number): Baseline {
  return {
    name: `EWMA z, rate ${rate}`,
    description: 'distance to an exponentially weighted average in exponentially weighted spreads',
    start() {
      let mean = Number.NaN;
      let variance = 0;
      return (_at, value) => {
        if (Number.isNaN(mean)) mean = value;
        const off = value - mean;
        const score = variance > 0 ? Math.min(SCORE_MAX, Math.abs(off) / Math.sqrt(variance)) : 0;
        mean += rate * off;
        variance = (1 - rate) * (variance + rate * off * off);
        return score;
      };
    },
  };
}

const LEVEL_RATE = 0.1;
const TREND_RATE = 0.001;
const SEASON_RATE = 0.2;
const ERROR_RATE = 0.01;

/** Additive Holt-Winters with a season of one day in 96 bins of the clock; the error in usual errors. */
const holtWinters: Baseline = {
  name: 'Holt-Winters, daily',
  description: 'error of additive Holt-Winters with a daily season, in exponentially weighted usual errors',
  start() {
    let level = Number.NaN;
    let trend = 0;
    let variance = 0;
    const season = new Float64Array(DAY_BINS);
    return (at, value) => {
      if (Number.isNaN(level)) level = value;
      const bin = Math.floor(((at % DAY_MS) / DAY_MS) * DAY_BINS);
      const error = value - (level + trend + season[bin]!);
      const score = variance > 0 ? Math.min(SCORE_MAX, Math.abs(error) / Math.sqrt(variance)) : 0;
      const before = level;
      level = LEVEL_RATE * (value - season[bin]!) + (1 - LEVEL_RATE) * (level + trend);
      trend = TREND_RATE * (level - before) + (1 - TREND_RATE) * trend;
      season[bin]! += SEASON_RATE * (value - level - season[bin]!);
      variance += ERROR_RATE * (error * error - variance);
      return score;
    };
  },
};

const DRIFT_RATE = 0.02;
const CALIBRATION_POINTS = 200;
const TAIL_SHARE = 0.02;
/** A tail of fewer points is no tail. */
const PEAKS_LEAST = 4;
/** Points rarer than this do not teach the tail what is usual. */
const TEACHING_PROBABILITY = 1e-4;

/**
 * DSPOT (Siffer and others, 2017): the tail of the distance to a moving average is a generalised Pareto distribution,
 * here fitted by moments; the score is how improbable the point is, in decades.
 */
const dspot: Baseline = {
  name: 'DSPOT',
  description: 'improbability, in decades, by extreme value theory over the distance to a moving average',
  start() {
    const calibration: number[] = [];
    let mean = Number.NaN;
    let threshold = 0;
    let points = 0;
    const tail = { count: 0, mean: 0, squares: 0 };
    const teach = (excess: number) => {
      tail.count += 1;
      const off = excess - tail.mean;
      tail.mean += off / tail.count;
      tail.squares += off * (excess - tail.mean);
    };
    return (_at, value) => {
      if (Number.isNaN(mean)) mean = value;
      const distance = Math.abs(value - mean);
      mean += DRIFT_RATE * (value - mean);
      if (calibration.length < CALIBRATION_POINTS) {
        calibration.push(distance);
        if (calibration.length < CALIBRATION_POINTS) return 0;
        const sorted = calibration.toSorted((a, b) => a - b);
        threshold = sorted[Math.floor((1 - TAIL_SHARE) * CALIBRATION_POINTS)]!;
        points = CALIBRATION_POINTS;
        for (const each of sorted) if (each > threshold) teach(each - threshold);
        return 0;
      }
      points += 1;
      if (distance <= threshold) return 0;
      if (tail.count < PEAKS_LEAST) {
        teach(distance - threshold);
        return 0;
      }
      const probability = tailProbability(distance - threshold, tail) * (tail.count / points);
      if (probability > TEACHING_PROBABILITY) teach(distance - threshold);
      return Math.min(SCORE_MAX, -Math.log10(Math.max(probability, 1e-300)));
    };
  },
};

function tailProbability(excess: number, tail: { count: number; mean: number; squares: number }): number {
  const variance = tail.squares / (tail.count - 1);
  if (!(tail.mean > 0) || !(variance > 0)) return excess > 0 ? TEACHING_PROBABILITY : 1;
  const ratio = (tail.mean * tail.mean) / variance;
  // A tail with an end would call everything behind it impossible.
  const shape = Math.max(0, 0.5 * (1 - ratio));
  const scale = shape > 0 ? 0.5 * tail.mean * (ratio + 1) : tail.mean;
  if (shape < 1e-6) return Math.exp(-excess / scale);
  return Math.max(0, 1 + (shape * excess) / scale) ** (-1 / shape);
}

export const BASELINES: readonly Baseline[] = [ewmaZ(0.02), ewmaZ(0.001), holtWinters, dspot];

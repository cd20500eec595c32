/** What a queue in front of one instance does to the requests of one step. */
export interface Station {
  /** Requests that wait at the end of the step. */
  readonly backlog: number;
  /** Share of the arrivals that found the queue full and were turned away at once. */
  readonly shedShare: number;
  /** Median time from arrival to answer. */
  readonly latencyMs: number;
}

/** As much as the instance does in this time may wait; what comes on top is turned away. */
const QUEUE_S = 5;
/** Below the limit of capacity the queue alone makes nothing slower than this many times. */
const QUEUEING_TIMES_MAX = 8;

/**
 * One step of an instance that does `capacity` requests a second: M/M/1 below its capacity, a fluid queue above it. What
 * nobody waits for any more still has to be worked off: that is what makes an overload outlive its trigger.
 */
export function step(given: {
  readonly arrivals: number;
  /** Arrivals a second over the last seconds: what queueing theory speaks of, without the noise of a short step. */
  readonly perSecond: number;
  readonly backlog: number;
  readonly capacity: number;
  readonly workMs: number;
  readonly dtMs: number;
}): Station {
  const { arrivals, capacity, workMs } = given;
  const seconds = given.dtMs / 1_000;
  if (capacity <= 0) return { backlog: 0, shedShare: arrivals > 0 ? 1 : 0, latencyMs: QUEUE_S * 1_000 };
  const room = capacity * QUEUE_S;
  const waiting = Math.max(0, given.backlog + arrivals - capacity * seconds);
  const backlog = Math.min(room, waiting);
  const shedShare = arrivals > 0 ? Math.min(1, (waiting - backlog) / arrivals) : 0;
  const load = Math.min(0.999, given.perSecond / capacity);
  const queueing = Math.min(QUEUEING_TIMES_MAX, 1 + (load * load) / (2 * (1 - load)));
  const waitMs = (((given.backlog + backlog) / 2) * 1_000) / capacity;
  return { backlog, shedShare, latencyMs: workMs * queueing + waitMs };
}

/** Spread of latencies around their median: the deviation of the logarithm. */
export const SPREAD = 0.35;

/** Share of lognormal latencies with this median that are above a limit. */
export function shareAbove(limitMs: number, medianMs: number): number {
  if (limitMs <= 0) return 1;
  if (medianMs <= 0) return 0;
  return 1 - normal(Math.log(limitMs / medianMs) / SPREAD);
}

/** The normal distribution (Abramowitz and Stegun 26.2.17), to seven digits. */
function normal(x: number): number {
  if (x > 6) return 1;
  if (x < -6) return 0;
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return x >= 0 ? 1 - tail : tail;
}

/** How many tries a call makes on average when each fails with this share and `retries` follow the first. */
export function triesPerCall(failedShare: number, retries: number): number {
  if (failedShare >= 1) return retries + 1;
  return (1 - failedShare ** (retries + 1)) / (1 - failedShare);
}

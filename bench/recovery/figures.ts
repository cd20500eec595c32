import { quantile } from './statistics.ts';

/** One request as the client saw it. Times are milliseconds of one monotonic clock. */
export interface Answer {
  /** When the request was due: a client that had to wait for its turn waited too. */
  readonly dueMs: number;
  readonly endMs: number;
  /** Answered 2xx within the client's deadline. */
  readonly good: boolean;
}

/** What clients felt of one fault. */
export interface Figures {
  readonly requests: number;
  readonly failed: number;
  /** Answered, but later than the fault's threshold. */
  readonly late: number;
  /** From the fault to the last request that failed or was late, by when it was due; 0 without any, null without end. */
  readonly lastFeltMs: number | null;
  /** Longest time without any good answer. */
  readonly gapMs: number;
  /** Of the requests of the time that every fault is watched; a failed one counts as one that took the client's whole deadline. */
  readonly p99Ms: number;
}

/** Requests that are still bad in this last part of the watched time say that the fault is still felt. */
const TAIL_MS = 1_000;
/** Every fault is watched at least so long. */
export const WATCH_LEAST_MS = 6_000;

/** What was felt of a fault at `faultMs`, watched until `endMs`. Requests that were out when it came are its too. */
export function figuresOf(
  answers: readonly Answer[],
  span: { readonly faultMs: number; readonly endMs: number; readonly lateMs: number; readonly deadlineMs: number },
): Figures {
  const { faultMs, endMs, lateMs } = span;
  const own = answers.filter((answer) => answer.endMs >= faultMs && answer.dueMs < endMs);
  const isLate = (answer: Answer) => answer.good && answer.endMs - answer.dueMs > lateMs;
  const felt = own.filter((answer) => !answer.good || isLate(answer));
  const lastFelt = Math.max(faultMs, ...felt.map(({ dueMs }) => dueMs));
  const early = own.filter(({ dueMs }) => dueMs < faultMs + WATCH_LEAST_MS);
  const times = early.map(({ good, dueMs, endMs }) => (good ? endMs - dueMs : span.deadlineMs));
  return {
    requests: own.length,
    failed: own.filter(({ good }) => !good).length,
    late: own.filter(isLate).length,
    lastFeltMs: felt.length > 0 && lastFelt >= endMs - TAIL_MS ? null : Math.round(lastFelt - faultMs),
    gapMs: Math.round(longestGapMs(answers, faultMs, endMs)),
    p99Ms: round1(quantile(times, 0.99) ?? 0),
  };
}

/** Latency while nothing was broken, of what began and ended in this span. */
export function calmOf(answers: readonly Answer[], fromMs: number, toMs: number) {
  const calm = answers.filter(({ dueMs, endMs }) => dueMs >= fromMs && endMs < toMs);
  const times = calm.map(({ dueMs, endMs }) => endMs - dueMs);
  return {
    requests: calm.length,
    failed: calm.filter(({ good }) => !good).length,
    p50Ms: round1(quantile(times, 0.5) ?? 0),
    p99Ms: round1(quantile(times, 0.99) ?? 0),
  };
}

export type Calm = ReturnType<typeof calmOf>;

function longestGapMs(answers: readonly Answer[], faultMs: number, endMs: number): number {
  const good = answers.filter((answer) => answer.good && answer.endMs >= faultMs && answer.endMs < endMs);
  const marks = [faultMs, ...good.map((answer) => answer.endMs).sort((a, b) => a - b), endMs];
  return marks.reduce((longest, mark, at) => Math.max(longest, mark - (marks[at - 1] ?? mark)), 0);
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

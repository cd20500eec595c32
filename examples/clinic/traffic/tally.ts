import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** What came of one request, as the client sees it. */
export type Result = 'ok' | 'failed' | 'limited' | 'unfinished';

export interface Report {
  readonly requests: number;
  readonly succeeded: number;
  /** GET, PUT, DELETE, and POST with an Idempotency-Key: nothing excuses these. */
  readonly failedIdempotent: number;
  readonly failedOther: number;
  /** Answered 429. */
  readonly limited: number;
  /** Repeated once by the client because its connection was cut. */
  readonly retried: number;
  /** Arrivals that found too many requests of this tenant still waiting, and were not sent. */
  readonly unsent: number;
  /** Still in progress when the run was interrupted. */
  readonly unfinished: number;
  /** Data of another tenant were seen. */
  readonly leaks: number;
  /** A record that was written and acknowledged was not found. */
  readonly missing: number;
  /** A record was found with content that was not the last written. */
  readonly stale: number;
  /** From when the request was due, so that a stalled server cannot hide its queue. Successful requests. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly longestGapMs: number;
  /** Number of failures by method and status or error. */
  readonly failures: Readonly<Record<string, number>>;
}

const COUNTS = ['requests', 'succeeded', 'failedIdempotent', 'failedOther', 'limited', 'retried', 'unsent'] as const;
const FINDINGS = ['unfinished', 'leaks', 'missing', 'stale'] as const;
type Count = (typeof COUNTS)[number] | (typeof FINDINGS)[number];

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
}

/** Counts for one tenant. Its size does not depend on how long it runs. */
export class Tally {
  readonly #counts = Object.fromEntries([...COUNTS, ...FINDINGS].map((name) => [name, 0])) as Record<Count, number>;
  readonly #failures = new Map<string, number>();
  readonly #latencyUs = newHistogram();
  #lastSuccessMs: number;
  #longestGapMs = 0;

  constructor(nowMs: number) {
    this.#lastSuccessMs = nowMs;
  }

  count(name: Count): void {
    this.#counts[name] += 1;
  }

  success(dueMs: number, nowMs: number): void {
    this.count('succeeded');
    this.#latencyUs.record(Math.max(1, Math.round((nowMs - dueMs) * 1_000)));
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastSuccessMs);
    this.#lastSuccessMs = nowMs;
  }

  failure(idempotent: boolean, what: string): void {
    this.count(idempotent ? 'failedIdempotent' : 'failedOther');
    this.#failures.set(what, (this.#failures.get(what) ?? 0) + 1);
  }

  report(nowMs: number): Report {
    return {
      ...this.#counts,
      ...percentiles(this.#latencyUs),
      longestGapMs: Math.round(Math.max(this.#longestGapMs, nowMs - this.#lastSuccessMs)),
      failures: Object.fromEntries([...this.#failures].toSorted(([one], [other]) => (one < other ? -1 : 1))),
    };
  }

  /** One report over several tenants; its gap is the longest that any of them had. */
  static total(tallies: readonly Tally[], nowMs: number): Report {
    const sum = new Tally(nowMs);
    for (const tally of tallies) {
      for (const name of [...COUNTS, ...FINDINGS]) sum.#counts[name] += tally.#counts[name];
      for (const [what, number] of tally.#failures) sum.#failures.set(what, (sum.#failures.get(what) ?? 0) + number);
      sum.#latencyUs.add(tally.#latencyUs);
      sum.#longestGapMs = Math.max(sum.#longestGapMs, tally.report(nowMs).longestGapMs);
    }
    return sum.report(nowMs);
  }
}

function percentiles(histogram: RecordableHistogram) {
  const ms = (us: number) => (histogram.count === 0 ? 0 : Math.round(us / 100) / 10);
  return {
    p50Ms: ms(histogram.percentile(50)),
    p95Ms: ms(histogram.percentile(95)),
    p99Ms: ms(histogram.percentile(99)),
    maxMs: ms(histogram.max),
  };
}

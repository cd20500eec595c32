/** What went wrong with a try: its connection broke, its time ran out, or it was answered 502, 503 or 504. */
export type RepeatCause = 'broken' | 'timeout' | 'status';

const WINDOW_S = 10;
const SHARE = 0.2;
const FLOOR = 10;
/** A process that dies breaks all its connections at once, also when there were few requests before: not a storm. */
const FLOOR_BROKEN = 64;

interface Second {
  at: number;
  requests: number;
  repeats: number;
}

/**
 * Keeps retries below a fifth of the requests of the last ten seconds, so that retries never become the load that keeps
 * an overloaded workload down. A small number is always free. Tries that reached nobody are not counted at all.
 */
export class RetryBudget {
  readonly #seconds: Second[] = Array.from({ length: WINDOW_S }, () => ({ at: -1, requests: 0, repeats: 0 }));

  request(nowMs: number): void {
    this.#at(nowMs).requests += 1;
  }

  /** Takes one retry; false when the budget is spent. */
  take(cause: RepeatCause, nowMs: number): boolean {
    const second = this.#at(nowMs);
    let requests = 0;
    let repeats = 0;
    for (const entry of this.#seconds) {
      if (entry.at <= second.at - WINDOW_S) continue;
      requests += entry.requests;
      repeats += entry.repeats;
    }
    if (repeats >= Math.max(cause === 'broken' ? FLOOR_BROKEN : FLOOR, requests * SHARE)) return false;
    second.repeats += 1;
    return true;
  }

  #at(nowMs: number): Second {
    const at = Math.floor(nowMs / 1000);
    const second = this.#seconds[at % WINDOW_S] as Second;
    if (second.at !== at) Object.assign(second, { at, requests: 0, repeats: 0 });
    return second;
  }
}

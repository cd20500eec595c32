/**
 * Time as a value. Nothing outside `base/` reads `Date` or starts a timer: it is handed a `Clock`, so that the whole loop
 * can run in virtual time and an incident can be replayed before an auditor.
 */
export interface Clock {
  /** Wall time in milliseconds since 1970. May jump; never use it to measure a span. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes backwards. For spans and deadlines. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms`. The returned function cancels and may be called at any time. */
  after(ms: number, run: () => void): () => void;
  /** Calls `run` every `ms` until cancelled. A call that is still running is never overlapped: the beat is skipped. */
  every(ms: number, run: () => void | Promise<void>): () => void;
  /** A signal that aborts after `ms`, or when `parent` does. Does not keep the process alive. */
  deadline(ms: number, parent?: AbortSignal): AbortSignal;
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function every(ms: number, run: () => void | Promise<void>): () => void {
  let busy = false;
  const timer = setInterval(async () => {
    if (busy) return;
    busy = true;
    try {
      await run();
    } finally {
      busy = false;
    }
  }, ms);
  return () => clearInterval(timer);
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep,
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  every,
  deadline(ms, parent) {
    const own = AbortSignal.timeout(ms);
    return parent ? AbortSignal.any([own, parent]) : own;
  },
};

/** ISO 8601 with milliseconds in UTC, as every record of Kintsugi prints time. */
export function toIso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** The inverse of `toIso`; NaN for what is not a date. */
export function fromIso(text: string): number {
  return Date.parse(text);
}

/** The same moment as the object that some libraries ask for. */
export function dateOf(iso: string): Date {
  return new Date(fromIso(iso));
}

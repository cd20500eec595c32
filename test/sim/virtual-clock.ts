import type { Clock } from '../../src/base/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time that moves only when it is told to. Timers run in the order of their times, equal ones in the order in which they
 * were set, and whatever they resolve goes on before the next one runs.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  #orders = 0;
  #timers: readonly Timer[] = [];

  constructor(wallMs = 1_000_000_000_000) {
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#wallMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** How many timers are set: none is left behind by what has ended. */
  get pending(): number {
    return this.#timers.length;
  }

  /** The wall clock is put right by `ms`, the monotonic one is not. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + Math.max(0, ms), order: this.#orders++, run };
    this.#timers = [...this.#timers, timer].sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  every(ms: number, run: () => void | Promise<void>): () => void {
    let busy = false;
    let cancel = () => {};
    const beat = async () => {
      cancel = this.after(ms, () => void beat());
      if (busy) return;
      busy = true;
      try {
        await run();
      } finally {
        busy = false;
      }
    };
    cancel = this.after(ms, () => void beat());
    return () => cancel();
  }

  deadline(ms: number, parent?: AbortSignal): AbortSignal {
    const own = new AbortController();
    const cancel = this.after(ms, () => own.abort(new DOMException('the deadline has passed', 'TimeoutError')));
    if (!parent) return own.signal;
    const onAbort = () => {
      cancel();
      own.abort(parent.reason);
    };
    if (parent.aborted) onAbort();
    else parent.addEventListener('abort', onAbort, { once: true });
    return own.signal;
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await settled();
    while ((this.#timers[0]?.atMs ?? Number.POSITIVE_INFINITY) <= untilMs) await this.#runNext();
    this.#monotonicMs = untilMs;
    await settled();
  }

  /** Lets as much time pass as `work` needs. Rejects when it waits for what no timer will bring. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    work.then(end, end);
    for (let idle = 0; ; ) {
      await settled();
      if (over) return work;
      if (this.#timers.length > 0) await this.#runNext();
      else if (++idle > 10) throw new Error('what is driven waits for something other than time');
    }
  }

  async #runNext(): Promise<void> {
    const [next, ...rest] = this.#timers;
    this.#timers = rest;
    if (!next) return;
    this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
    next.run();
    await settled();
  }
}

/** Everything that only waits for promises has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import type { Clock } from '../../src/base/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * Time that moves only when it is told to. Timers run in the order of their times, equal ones in the order in which they
 * were set, and whatever they resolve goes on before the next one runs.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  #orders = 0;
  #pending = 0;
  /** A binary heap, the next timer first. A cancelled timer stays in it, empty, until it is due. */
  readonly #heap: Timer[] = [];

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
    return this.#pending;
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
    const timer: Timer = { atMs: this.#monotonicMs + Math.max(0, ms), order: this.#orders++, run };
    this.#push(timer);
    this.#pending++;
    return () => {
      if (timer.run === undefined) return;
      timer.run = undefined;
      this.#pending--;
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
    await breathe();
    while (this.#nextAtMs() <= untilMs) await this.#runNext();
    this.#monotonicMs = untilMs;
    await breathe();
  }

  /** Lets as much time pass as `work` needs. Rejects when it waits for what no timer will bring. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    work.then(end, end);
    for (let idle = 0; ; ) {
      await breathe();
      if (over) return work;
      if (this.#nextAtMs() < Number.POSITIVE_INFINITY) await this.#runNext();
      else if (++idle > 10) throw new Error('what is driven waits for something other than time');
    }
  }

  #nextAtMs(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) this.#pop();
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  async #runNext(): Promise<void> {
    const next = this.#pop();
    const run = next?.run;
    if (!next || !run) return;
    next.run = undefined;
    this.#pending--;
    this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
    run();
    await settled();
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, timer)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/**
 * Everything that only waits for promises has gone on: Node runs what was put off with `nextTick` only when no promise has
 * anything left to do. Now and then the rest of the process gets its turn, too.
 */
let turns = 0;
function settled(): Promise<void> {
  if (++turns % 1_000 === 0) return breathe();
  return new Promise((resolve) => process.nextTick(resolve));
}

/** As `settled`, and sockets and files that are ready have been heard as well. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

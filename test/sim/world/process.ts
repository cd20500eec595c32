import type { Clock } from '../../../src/base/clock.ts';

/** A process of the healer as the system runs it: it can be killed, stopped with SIGSTOP and sent on, or cut off. */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  #state: 'runs' | 'stands' | 'dead' = 'runs';
  #isCut = false;
  #deferred: (() => void)[] = [];
  #waiting: (() => void)[] = [];

  constructor(name: string, base: Clock) {
    this.name = name;
    this.clock = this.#clockOf(base);
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isRunning(): boolean {
    return this.#state === 'runs';
  }

  /** Cut off from the database, the fleet and whoever observes. */
  isCut(): boolean {
    return this.#isCut;
  }

  cut(isCut: boolean): void {
    this.#isCut = isCut;
  }

  /** From now on nothing that it waits for ever comes. */
  kill(): void {
    this.#state = 'dead';
    this.#deferred = [];
    this.#waiting = [];
  }

  pause(): void {
    if (this.#state === 'runs') this.#state = 'stands';
  }

  /** It goes on where it stood, with all timers that came due meanwhile, and knows nothing of what else came. */
  resume(): void {
    if (this.#state !== 'stands') return;
    this.#state = 'runs';
    for (const go of this.#waiting.splice(0)) go();
    for (const run of this.#deferred.splice(0)) run();
  }

  /** Resolves at once while it runs, at its resumption while it stands, never when it is dead. */
  goOn(): Promise<void> {
    if (this.#state === 'runs') return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#state === 'stands') this.#waiting.push(resolve);
    });
  }

  #clockOf(base: Clock): Clock {
    const when = (run: () => void) => () => {
      if (this.#state === 'runs') run();
      else if (this.#state === 'stands') this.#deferred.push(run);
    };
    const after = (ms: number, run: () => void) => base.after(ms, when(run));
    return {
      now: () => base.now(),
      monotonicMs: () => base.monotonicMs(),
      after,
      sleep: (ms, signal) => sleepBy(after, ms, signal),
      every: (ms, run) => base.every(ms, () => (this.#state === 'runs' ? run() : undefined)),
      deadline: (ms, parent) => this.#deadline(after, ms, parent),
    };
  }

  #deadline(after: Clock['after'], ms: number, parent: AbortSignal | undefined): AbortSignal {
    const own = new AbortController();
    const cancel = after(ms, () => own.abort(new DOMException('the deadline has passed', 'TimeoutError')));
    if (!parent) return own.signal;
    const onAbort = () => {
      cancel();
      own.abort(parent.reason);
    };
    if (parent.aborted) onAbort();
    else parent.addEventListener('abort', onAbort, { once: true });
    return own.signal;
  }
}

function sleepBy(after: Clock['after'], ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const onAbort = () => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

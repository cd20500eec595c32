import { KinError } from '../../src/base/errors.ts';

/** Where a replica ends: before or after the n-th thing that it does, counted from 1. */
export interface Moment {
  readonly nth: number;
  readonly when: 'before' | 'after';
  /**
   * `killed`: the process is gone at once. `deposed`: it is told that it no longer leads, and lives on. `paused`: it stands
   * still as under SIGSTOP, another takes over, and then it goes on as if nothing had been.
   */
  readonly how: 'killed' | 'deposed' | 'paused';
}

/** One replica of the healer with its end: everything that it does to the world or the journal goes through `act`. */
export class Replica {
  readonly epoch: number;
  readonly #life = new AbortController();
  readonly #end: Moment | undefined;
  readonly #paused = Promise.withResolvers<void>();
  readonly #awake = Promise.withResolvers<void>();
  #acts = 0;
  #isPaused = false;

  constructor(epoch: number, end?: Moment) {
    this.epoch = epoch;
    this.#end = end;
  }

  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** How many things it did, the one in which it ended included. */
  get acts(): number {
    return this.#acts;
  }

  /** Resolves when it stands still. */
  get paused(): Promise<void> {
    return this.#paused.promise;
  }

  /** It goes on where it stood, and knows nothing of what came meanwhile. */
  resume(): void {
    this.#isPaused = false;
    this.#awake.resolve();
  }

  async act<T>(run: () => T): Promise<T> {
    if (this.#isPaused) await this.#awake.promise;
    if (this.signal.aborted) throw lost();
    this.#acts++;
    const end = this.#acts === this.#end?.nth ? this.#end : undefined;
    if (end?.when === 'before') await this.#finish(end);
    const result = run();
    if (end?.when === 'after') await this.#finish(end);
    return result;
  }

  async #finish(end: Moment): Promise<void> {
    if (end.how === 'paused') {
      this.#isPaused = true;
      this.#paused.resolve();
      await this.#awake.promise;
      return;
    }
    if (end.how === 'killed') this.#life.abort(lost());
    throw lost();
  }
}

function lost(): KinError {
  return new KinError('lease.lost', 'this replica has ended');
}

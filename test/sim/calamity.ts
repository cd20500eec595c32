import { KinError } from '../../src/base/errors.ts';

/** Where the world ends: before or after the n-th thing that is done, counted from 1. */
export interface Moment {
  readonly nth: number;
  readonly when: 'before' | 'after';
  /** `killed`: the process is gone at once. `deposed`: it is told that it no longer leads, and lives on. */
  readonly how: 'killed' | 'deposed';
}

/** One replica of the healer with its end: everything that it does to the world or the journal goes through `act`. */
export class Replica {
  readonly epoch: number;
  readonly #life = new AbortController();
  readonly #end: Moment | undefined;
  #acts = 0;

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

  act<T>(run: () => T): T {
    if (this.signal.aborted) throw lost();
    this.#acts++;
    const ends = this.#acts === this.#end?.nth;
    if (ends && this.#end?.when === 'before') this.#finish();
    try {
      return run();
    } finally {
      if (ends) this.#finish();
    }
  }

  #finish(): never {
    if (this.#end?.how === 'killed') this.#life.abort(lost());
    throw lost();
  }
}

function lost(): KinError {
  return new KinError('lease.lost', 'this replica has ended');
}

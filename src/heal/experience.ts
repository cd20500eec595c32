import type { Clock } from '../base/clock.ts';
import type { Learned } from './learned-order.ts';
import type { Memory } from './memory.ts';
import type { TrackRecord } from './trust.ts';

/** A pardon or a drill that was held elsewhere counts after this. */
const FRESH_MS = 5_000;

/** What past repairs have shown. */
export interface Shown {
  readonly record: TrackRecord;
  readonly learned: Learned;
}

/**
 * What past repairs have shown, as decisions look at it. A year of it is read from the memory, and every open incident is
 * decided again twice a second, so one reading serves all decisions of a while; the end of a repair of ours, which may have
 * done harm, is waited for by none of them. Rejects when the memory cannot be read, and then the next call reads again.
 */
export class Experience {
  readonly #memory: Pick<Memory, 'readTrackRecord' | 'readLearned'>;
  readonly #clock: Clock;
  #reading: { readonly at: number; readonly shown: Promise<Shown> } | undefined;

  constructor(memory: Pick<Memory, 'readTrackRecord' | 'readLearned'>, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
  }

  read(): Promise<Shown> {
    const at = this.#clock.monotonicMs();
    if (this.#reading && at - this.#reading.at < FRESH_MS) return this.#reading.shown;
    const reading = { at, shown: this.#readAll() };
    this.#reading = reading;
    reading.shown.catch(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    return reading.shown;
  }

  /** A repair has ended: the next call reads again. */
  forget(): void {
    this.#reading = undefined;
  }

  async #readAll(): Promise<Shown> {
    const [record, learned] = await Promise.all([this.#memory.readTrackRecord(), this.#memory.readLearned()]);
    return { record, learned };
  }
}

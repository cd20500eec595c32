import { factKey } from './fact.ts';
import type { Sample } from './sample.ts';

/** What was measured of a fact last: whether it violated a control, and when that measurement began. */
export interface FactWord {
  readonly at: number;
  readonly isBad: boolean;
}

/** The newest word of each fact that was told to the loop: what the repair of a violation is verified by. */
export class FactSignal {
  readonly #words = new Map<string, FactWord>();

  take(sample: Sample): void {
    if (sample.kind !== 'violation') return;
    const key = factKey({ name: sample.fact, subject: sample.subject });
    if ((this.#words.get(key)?.at ?? Number.NEGATIVE_INFINITY) > sample.at) return;
    this.#words.set(key, { at: sample.at, isBad: sample.violated.length > 0 });
  }

  /** By `factKey`. Undefined when nothing was heard of it. */
  read(key: string): FactWord | undefined {
    return this.#words.get(key);
  }
}

import { join } from 'node:path';
import { readJsonFile, writeDurably } from '../base/durable-file.ts';

/**
 * Where an erasure stands: asked for; approved by another person and stopped by a hold; being done, and then it is gone on
 * with after a crash; done; or taken back.
 */
export type ErasureState = 'requested' | 'held' | 'erasing' | 'done' | 'withdrawn';

export interface Erasure {
  readonly id: string;
  readonly state: ErasureState;
  readonly tenant: string;
  /** The data key that will be destroyed. Whose it is, is not written down here. */
  readonly kid: string;
  readonly legalBasis: string;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly approvedBy?: string;
  /** The entry that says that the key was destroyed. */
  readonly entry?: number;
  /** Payloads that were overwritten. */
  readonly payloads?: number;
}

/** Nothing of this data subject may be erased as long as it stands. */
export interface Hold {
  readonly id: string;
  readonly tenant: string;
  readonly kid: string;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
}

interface Content {
  readonly erasures: readonly Erasure[];
  readonly holds: readonly Hold[];
}

/** Erasures and holds in one file, replaced as a whole. Throws `state.unwritable`, and then nothing has changed. */
export class ErasureFile {
  readonly #path: string;
  #content: Content;

  constructor(dir: string) {
    this.#path = join(dir, 'erasures.json');
    this.#content = (readJsonFile(this.#path) as Content | undefined) ?? { erasures: [], holds: [] };
  }

  get erasures(): readonly Erasure[] {
    return this.#content.erasures;
  }

  get holds(): readonly Hold[] {
    return this.#content.holds;
  }

  /** Keeps an erasure in the place of the one with its id. */
  putErasure(erasure: Erasure): Erasure {
    this.#write({ ...this.#content, erasures: [...this.erasures.filter(({ id }) => id !== erasure.id), erasure] });
    return erasure;
  }

  addHold(hold: Hold): void {
    this.#write({ ...this.#content, holds: [...this.holds, hold] });
  }

  removeHold(id: string): void {
    this.#write({ ...this.#content, holds: this.holds.filter((hold) => hold.id !== id) });
  }

  #write(content: Content): void {
    writeDurably(this.#path, JSON.stringify(content));
    this.#content = content;
  }
}

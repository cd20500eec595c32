import { KinError } from '../base/errors.ts';

/** Those who wait until a signed checkpoint covers an entry. */
export class Coverage {
  readonly #waiting = new Set<() => void>();
  #size: number;

  constructor(signedSize: number) {
    this.#size = signedSize;
  }

  /** A checkpoint of this size is signed. */
  reach(size: number): void {
    this.#size = size;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves when the entry at `index` is covered; rejects with `ledger.unreachable` on `signal`. */
  covers(index: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        const isCovered = index < this.#size;
        if (!isCovered && !signal.aborted) return;
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        if (isCovered) resolve();
        else reject(new KinError('ledger.unreachable', 'the ledger is closing'));
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
      wake();
    });
  }
}

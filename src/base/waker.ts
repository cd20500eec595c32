import type { Clock } from './clock.ts';

/** Without any hint the loop looks this often. */
const BEAT_MS = 250;

/** Hints that something may have changed. Many hints between two turns are one; a lost one costs a beat. */
export class Waker {
  #waiting: (() => void) | undefined;
  #pending = false;
  readonly #clock: Clock;
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#pending = true;
    this.#waiting?.();
  }

  async woken(signal: AbortSignal): Promise<void> {
    if (!this.#pending && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(BEAT_MS, () => resolve());
        this.#waiting = () => {
          cancel();
          resolve();
        };
      });
      this.#waiting = undefined;
    }
    this.#pending = false;
  }
}

import type { Clock } from '../base/clock.ts';

const PLACES = 1_000;

/** Requests that wait for an instance to be there. Bounded, so that a lost workload does not fill the memory. */
export class WaitingRoom {
  readonly #clock: Clock;
  readonly #wakers = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#wakers.size >= PLACES;
  }

  /** Resolves after `ms`, or earlier when something changed that may help, or when `leave` is called. */
  wait(ms: number, onEnter: (leave: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const leave = () => {
        cancel();
        this.#wakers.delete(leave);
        resolve();
      };
      const cancel = this.#clock.after(ms, leave);
      this.#wakers.add(leave);
      onEnter(leave);
    });
  }

  wakeAll(): void {
    for (const wake of this.#wakers) wake();
  }
}

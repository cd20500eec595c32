const WINDOW_MS = 1_000;
const SINGLY_MAX = 10;

interface Window<T> {
  startedMs: number;
  recorded: number;
  held: number;
  readonly sample: T;
}

/**
 * Refusals cost their sender nothing, so they must not fill the ledger: of each kind ten a second are recorded one by
 * one, and the rest as a number.
 */
export class RefusalSampler<T> {
  readonly #windows = new Map<string, Window<T>>();

  /** Whether this refusal is recorded by itself. */
  take(kind: string, sample: T, nowMs: number): boolean {
    let window = this.#windows.get(kind);
    if (!window) {
      window = { startedMs: nowMs, recorded: 0, held: 0, sample };
      this.#windows.set(kind, window);
    }
    if (window.recorded < SINGLY_MAX) {
      window.recorded += 1;
      return true;
    }
    window.held += 1;
    return false;
  }

  /** The kinds whose second is over and of which some were not recorded singly, with their number. */
  ended(nowMs: number): { sample: T; count: number }[] {
    const over: { sample: T; count: number }[] = [];
    for (const [kind, window] of this.#windows) {
      if (nowMs - window.startedMs < WINDOW_MS) continue;
      this.#windows.delete(kind);
      if (window.held > 0) over.push({ sample: window.sample, count: window.held });
    }
    return over;
  }
}

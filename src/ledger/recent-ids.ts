/** How many of the last entries are surely known by their id. */
export const RECENT_IDS = 100_000;

/**
 * Where the entries with the latest ids stand: at least the last `RECENT_IDS`, at most twice as many. Two generations
 * make forgetting free: the older one is dropped as a whole.
 */
export class RecentIds {
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  add(id: string, index: number): void {
    if (this.#young.size >= RECENT_IDS) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, index);
  }

  /** Another place for an id that is known. */
  move(id: string, index: number): void {
    (this.#young.has(id) ? this.#young : this.#old).set(id, index);
  }

  forget(id: string): void {
    if (!this.#young.delete(id)) this.#old.delete(id);
  }

  get(id: string): number | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }
}

import type { DetectionMemory, KeptDetection } from '../../src/heal/detection-memory.ts';

/** What detectors know, without a database. */
export class DetectionInMemory implements DetectionMemory {
  readonly #kept = new Map<string, { readonly part: KeptDetection; readonly round: number }>();
  #rounds = 0;

  async read(): Promise<readonly KeptDetection[]> {
    return [...this.#kept.values()].map(({ part }) => part);
  }

  async write(parts: readonly KeptDetection[]): Promise<void> {
    for (const part of parts) this.#kept.set(`${part.detector} ${part.part}`, { part, round: this.#rounds });
  }

  async beginRound(): Promise<number> {
    this.#rounds += 1;
    return this.#rounds;
  }

  async forgetBefore(round: number): Promise<void> {
    for (const [key, kept] of this.#kept) if (kept.round < round) this.#kept.delete(key);
  }
}

import type { Random } from '../../../src/base/random.ts';

/** Chance as the world needs it: whole numbers of requests, and nothing that is exactly as expected. */
export class Noise {
  readonly #random: Random;
  #spare: number | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A number in [0, 1). */
  uniform(): number {
    return this.#random.next();
  }

  chance(share: number): boolean {
    return share > 0 && (share >= 1 || this.#random.next() < share);
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random.next() * items.length)];
  }

  token(length: number): string {
    return this.#random.token(length);
  }

  /** Normal, with mean 0 and deviation 1. */
  gauss(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.#random.next()));
    const angle = 2 * Math.PI * this.#random.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** How often something happened that happens `expected` times on average (Poisson). */
  count(expected: number): number {
    if (expected <= 0) return 0;
    if (expected > 20) return Math.max(0, Math.round(expected + Math.sqrt(expected) * this.gauss()));
    const limit = Math.exp(-expected);
    let count = 0;
    for (let product = this.#random.next(); product > limit; product *= this.#random.next()) count++;
    return count;
  }

  /** How many of `count` things were of a kind that has this share (binomial). */
  of(count: number, share: number): number {
    if (count <= 0 || share <= 0) return 0;
    if (share >= 1) return count;
    if (count <= 12) {
      let hits = 0;
      for (let i = 0; i < count; i++) if (this.#random.next() < share) hits++;
      return hits;
    }
    const mean = count * share;
    if (mean < 6) return Math.min(count, this.count(mean));
    const spread = Math.sqrt(mean * (1 - share));
    return Math.min(count, Math.max(0, Math.round(mean + spread * this.gauss())));
  }
}

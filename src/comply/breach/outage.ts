/** What clients of a tenant felt in the last seconds. */
interface Felt {
  readonly tenant: string;
  readonly requests: number;
  readonly failed: number;
}

/** A tenant that gets less than this share of its answers has lost its service; one that burns its budget has not. */
const LOST_SHARE = 0.9;

/**
 * Since when each tenant has had no service. Silence changes nothing: who sends nothing is neither well nor lost. Pure but
 * for its memory.
 */
export class Outages {
  readonly #since = new Map<string, number>();
  readonly #well = new Set<string>();

  /** Takes what was felt in the last seconds, at `now`. */
  take(felt: readonly Felt[], now: number): void {
    for (const { tenant, requests, failed } of felt) {
      if (requests === 0) continue;
      const isLost = failed / requests >= LOST_SHARE;
      if (!isLost) {
        this.#since.delete(tenant);
        this.#well.add(tenant);
        continue;
      }
      this.#well.delete(tenant);
      if (!this.#since.has(tenant)) this.#since.set(tenant, now);
    }
  }

  /** Those without service for at least `lastingMs`, and since when. */
  lasting(lastingMs: number, now: number): readonly { readonly tenant: string; readonly since: number }[] {
    return [...this.#since].flatMap(([tenant, since]) => (now - since >= lastingMs ? [{ tenant, since }] : []));
  }

  /** Whether it was served when last heard of. */
  isServed(tenant: string): boolean {
    return this.#well.has(tenant);
  }
}

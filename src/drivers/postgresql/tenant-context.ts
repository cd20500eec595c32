import type { Clock } from '../../base/clock.ts';
import type { PostgresqlStore } from './store.ts';

/** Between two statements of a transaction a session shows its last one for about a millisecond. */
const LOOKS = 20;
const LOOK_EVERY_MS = 10;
/** What was seen counts for a day; after ten minutes it is looked for again. */
const COUNTS_MS = 86_400_000;
const AGAIN_MS = 600_000;

/**
 * Whether the sessions of a workload say for which tenant they act: the evidence without which forcing row-level security
 * may be an outage. Seen is the statement of a session that names the setting which the policies read, by the server's own
 * list of sessions. An application that names its tenant in another way, such as within a function, is never seen to.
 */
export class TenantContext {
  readonly #clock: Clock;
  readonly #seenAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isProven({ address }: PostgresqlStore): boolean {
    return this.#clock.now() - (this.#seenAt.get(address.id) ?? Number.NEGATIVE_INFINITY) < COUNTS_MS;
  }

  /** Looks for it a few times, unless it was seen lately. Rejects when the server cannot be asked. */
  async look(store: PostgresqlStore): Promise<void> {
    const { id } = store.address;
    if (this.#clock.now() - (this.#seenAt.get(id) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
    for (let look = 0; look < LOOKS; look += 1) {
      if (await store.namesTenant()) return void this.#seenAt.set(id, this.#clock.now());
      await this.#clock.sleep(LOOK_EVERY_MS);
    }
  }
}

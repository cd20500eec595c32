import type { LedgerClient } from '../ledger/client.ts';
import type { LedgerEvent } from '../ledger/entry.ts';

const BATCH = 1_000;
/** In one round: a ledger of a million entries is read in three quarters of an hour, beside everything else. */
const ENTRIES_PER_ROUND = 20_000;

/**
 * Which changes the ledger has on record, by short keys. Reads each entry once, from the first on, and holds only what
 * is about changes.
 */
export class ChangeScan {
  readonly #ledger: Pick<LedgerClient, 'entries'>;
  readonly #seen = new Set<string>();
  #next = 0;

  constructor(ledger: Pick<LedgerClient, 'entries'>) {
    this.#ledger = ledger;
  }

  /** Reads on. Answers with all keys once it stands at the end, and until then with the reason why it cannot. */
  async goOn(signal: AbortSignal): Promise<ReadonlySet<string> | string> {
    const until = this.#next + ENTRIES_PER_ROUND;
    while (this.#next < until) {
      signal.throwIfAborted();
      const entries = await this.#ledger.entries(this.#next, BATCH);
      const last = entries.at(-1);
      if (!last) return this.#seen;
      for (const { event } of entries) {
        const key = keyOf(event);
        if (key !== undefined) this.#seen.add(key);
      }
      this.#next = last.index + 1;
    }
    return `the ledger is still being read: ${this.#next} entries so far`;
  }
}

/** An apply of `Workload/records` that made this generation. */
export function applyKey(resource: string, generation: number): string {
  return `${resource}@${generation}`;
}

export function moveKey(repair: string, step: number): string {
  return `${repair}#${step}`;
}

export function planKey(plan: string): string {
  return `plan ${plan}`;
}

function keyOf({ type, subject, data }: LedgerEvent): string | undefined {
  if (type === 'resource.created' || type === 'resource.changed') return applyKey(subject, Number(data['generation']));
  if (type === 'repair.applied') return moveKey(subject, Number(data['step']));
  return type === 'plan.made' ? planKey(subject) : undefined;
}

import type { Clock } from '../../base/clock.ts';
import type { IndexedEvent, LedgerClient } from '../../ledger/client.ts';
import type { LedgerEvent } from '../../ledger/entry.ts';
import { Unmeasured } from './place-collector.ts';

/** A canary that has not arrived by then is missing. */
export const FOUND_MS = 20_000;
export const CHECKPOINT_MS = 2_000;

const ACCESS: ReadonlySet<string> = new Set(['request.refused', 'request.served']);

/** Looks for what a canary left in the ledger, from where the ledger stood before. */
export class LedgerSearch {
  readonly #ledger: Pick<LedgerClient, 'checkpoint' | 'tail'>;
  readonly #clock: Clock;
  #known: number | undefined;

  constructor(ledger: Pick<LedgerClient, 'checkpoint' | 'tail'>, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /** A ledger that stands still must not hide that nothing is recorded: then it is searched from where it was last. */
  async sizeNow(signal: AbortSignal): Promise<number> {
    const asked = this.#ledger.checkpoint().then(sizeOf);
    const late = rejectedBy(this.#clock.deadline(CHECKPOINT_MS, signal));
    this.#known = (await Promise.race([asked, late]).catch(() => undefined)) ?? this.#known;
    if (this.#known === undefined) throw new Unmeasured('the ledger does not answer');
    return this.#known;
  }

  /** The entry of a request that a gateway refused or carried; undefined when it does not appear within 20 s. */
  async entryOf(from: number, requestId: string, signal: AbortSignal): Promise<IndexedEvent | undefined> {
    const isOf = ({ type, data }: LedgerEvent) => ACCESS.has(type) && data['requestId'] === requestId;
    return (await this.entriesOf(from, { request: isOf }, signal)).get('request');
  }

  /** The first entry of each kind that appears within 20 s. */
  async entriesOf<K extends string>(
    from: number,
    kinds: Readonly<Record<K, (event: LedgerEvent) => boolean>>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<K, IndexedEvent>> {
    const found = new Map<K, IndexedEvent>();
    const wanted = new Set(Object.keys(kinds) as K[]);
    try {
      for await (const entry of this.#ledger.tail(from, this.#clock.deadline(FOUND_MS, signal))) {
        for (const kind of wanted) {
          if (!kinds[kind](entry.event)) continue;
          found.set(kind, entry);
          wanted.delete(kind);
        }
        if (wanted.size === 0) break;
      }
    } catch {
      // The time is over, or the ledger went away: either way the others were not seen.
    }
    return found;
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** The second line of a C2SP checkpoint. */
function sizeOf(note: string): number {
  const size = Number(note.split('\n')[1]);
  if (!Number.isSafeInteger(size)) throw new Unmeasured('the checkpoint of the ledger has no size');
  return size;
}

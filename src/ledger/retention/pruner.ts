import { type Clock, fromIso } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { LedgerEvent } from '../entry.ts';
import { entryOf } from '../event-form.ts';
import type { OpenLedger } from '../open-ledger.ts';
import type { BelievedTime } from './believed-time.ts';
import { isHeld, type LegalHold } from './legal-holds.ts';
import { pruningEvent } from './pruning-entry.ts';
import { keepMs, type RetentionPolicy, readRetention } from './retention-policy.ts';

/** Segments that one step looks at: about half a gigabyte. */
const SEGMENTS_PER_STEP = 32;
const ENTRIES_PER_READ = 1000;
/** A policy drops nothing before it has stood for so long under the eyes of this process: one that is wrong can be mended. */
const STANDS_MS = 3_600_000;

type PrunedLedger = Pick<OpenLedger, 'first' | 'prunedMs' | 'prune' | 'signed' | 'sequencer' | 'store' | 'covers'>;

type Held = Pick<LegalHold, 'tenant'>;

export interface PrunerOptions {
  readonly dir: string;
  readonly ledger: PrunedLedger;
  readonly clock: Clock;
  /** By which ages count. */
  readonly time: Pick<BelievedTime, 'look'>;
  readonly log: Log;
  /** The holds that stand. Throws when that cannot be told: then nothing is pruned. */
  readonly holds: () => readonly Held[];
  /** Aborts what waits when the ledger closes. */
  readonly signal: AbortSignal;
}

/** How long what is kept, by which time. */
interface Rule {
  readonly policy: RetentionPolicy;
  readonly nowMs: number;
}

/** What can go: all before `first`. */
interface Prunable {
  readonly first: number;
  readonly latestMs: number;
  readonly segments: number;
}

/**
 * Drops what its retention and no legal hold keeps, from the oldest on and by whole segments: one entry that is to be kept
 * keeps its segment and all behind it. It is announced by an entry under a signed checkpoint before the first byte goes.
 */
export class Pruner {
  readonly #options: PrunerOptions;
  #fault: string | undefined;
  #stands: { readonly policy: string; readonly sinceMs: number } | undefined;

  constructor(options: PrunerOptions) {
    this.#options = options;
  }

  /** Why the last step ended early, until one does not. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Prunes what can be pruned now. Never rejects; it may be cut off anywhere and called again. */
  async step(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#prune();
      this.#fault = undefined;
    } catch (error) {
      const fault = describeError(error);
      if (fault !== this.#fault) log.error({ fault }, 'cannot prune');
      this.#fault = fault;
    }
  }

  async #prune(): Promise<void> {
    const { dir, ledger, clock, time, holds, signal } = this.#options;
    // The clock is looked at also while there is no policy: one that comes is not kept waiting.
    const nowMs = time.look();
    const policy = readRetention(dir);
    if (!policy || !this.#hasStood(policy) || nowMs === undefined) return;
    const prunable = await this.#prunable({ policy, nowMs }, holds());
    if (!prunable) return;
    const { first, latestMs, segments } = prunable;
    const event = pruningEvent({ from: ledger.first(), first, segments }, clock);
    const [index = 0] = await ledger.sequencer.append([entryOf(event)]);
    await ledger.covers(index, signal);
    // A hold that was set meanwhile wins. Then the entry has announced what did not come.
    const still = await this.#prunable({ policy, nowMs }, holds());
    if (still && still.first >= first) await ledger.prune(first, latestMs);
  }

  #hasStood(policy: RetentionPolicy): boolean {
    const [text, atMs] = [JSON.stringify(policy), this.#options.clock.monotonicMs()];
    if (this.#stands?.policy !== text) this.#stands = { policy: text, sinceMs: atMs };
    return atMs - this.#stands.sinceMs >= STANDS_MS;
  }

  /** The segment that is written to stays, and so does what no checkpoint covers. */
  async #prunable(rule: Rule, holds: readonly Held[]): Promise<Prunable | undefined> {
    const { ledger } = this.#options;
    const segments = (await ledger.store.segments()).slice(0, -1);
    let latestMs = ledger.prunedMs();
    let found: Prunable | undefined;
    for (const [position, { first, next }] of segments.slice(0, SEGMENTS_PER_STEP).entries()) {
      if (next > ledger.signed().checkpoint.size) break;
      const seen = await this.#latestOf({ first, next, latestMs }, rule, holds);
      if (seen === undefined) break;
      latestMs = seen;
      found = { first: next, latestMs, segments: position + 1 };
    }
    return found;
  }

  /**
   * The latest time of the entries up to the end of a segment, undefined when one of them is to be kept. An entry counts as
   * written no earlier than those before it: a clock that was set back makes nothing older than it is.
   */
  async #latestOf(
    { first, next, latestMs }: { first: number; next: number; latestMs: number },
    { policy, nowMs }: Rule,
    holds: readonly Held[],
  ): Promise<number | undefined> {
    let latest = latestMs;
    for (let index = first; index < next; ) {
      const entries = await this.#options.ledger.store.read(index, Math.min(ENTRIES_PER_READ, next - index));
      for (const bytes of entries) {
        const { at, type, tenant } = JSON.parse(bytes.toString('utf8')) as LedgerEvent;
        const writtenMs = fromIso(at);
        latest = Math.max(latest, writtenMs);
        // Written so that a time that is none keeps the entry.
        if (!(latest + keepMs(policy, type) <= nowMs) || isHeld(holds, tenant)) return undefined;
      }
      index += entries.length;
    }
    return latest;
  }
}

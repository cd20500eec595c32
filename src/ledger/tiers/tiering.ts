import { type Clock, fromIso } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { LedgerEvent } from '../entry.ts';
import type { StoredSegment } from '../entry-store.ts';
import type { StoredEntries } from '../open-ledger.ts';
import { readRetention, tierOf } from '../retention/retention-policy.ts';
import type { PackedTier, Tier } from '../segment-file.ts';

export interface TieringOptions {
  readonly dir: string;
  readonly store: Pick<StoredEntries, 'segments' | 'read' | 'pack'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends a step between two segments. */
  readonly signal: AbortSignal;
}

interface Due {
  readonly first: number;
  readonly tier: PackedTier;
}

/**
 * Compresses segments when they leave the time in which they are hot, and once more when they become cold: one at a time,
 * the oldest first. Nothing is lost by it, so it needs no policy, no record and no clock that is right.
 */
export class Tiering {
  readonly #options: TieringOptions;
  #fault: string | undefined;

  constructor(options: TieringOptions) {
    this.#options = options;
  }

  /** Why the last step did not do its work, until one does. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Packs the segments that are due. Never rejects; what is cut off is done at a later step. */
  async step(): Promise<void> {
    const { store, log, signal } = this.#options;
    try {
      let before: Due | undefined;
      for (let due = await this.#due(); due && !signal.aborted; due = await this.#due()) {
        // A payload of it was erased meanwhile: it is packed at the next step.
        if (due.first === before?.first && due.tier === before.tier) break;
        await store.pack(due.first, due.tier);
        before = due;
      }
      this.#fault = undefined;
    } catch (error) {
      if (signal.aborted) return;
      const fault = describeError(error);
      if (fault !== this.#fault) log.error({ fault }, 'cannot compress a segment');
      this.#fault = fault;
    }
  }

  async #due(): Promise<Due | undefined> {
    const segments = (await this.#options.store.segments()).slice(0, -1);
    // Time goes on from one segment to the next: when the oldest of a tier is not due, no other one is. The slow step into
    // the last tier does not keep those waiting that are not compressed at all.
    for (const now of ['hot', 'warm'] as const satisfies readonly Tier[]) {
      const oldest = segments.find(({ tier }) => tier === now);
      const tier = oldest && (await this.#tierOf(oldest));
      if (oldest && tier !== now && tier !== undefined && tier !== 'hot') return { first: oldest.first, tier };
    }
    return undefined;
  }

  /** A segment is as old as its last entry. */
  async #tierOf({ next }: StoredSegment): Promise<Tier> {
    const { dir, store, clock } = this.#options;
    const [entry] = await store.read(next - 1, 1);
    const { at } = JSON.parse(entry?.toString('utf8') ?? '{}') as Partial<LedgerEvent>;
    return tierOf(readRetention(dir), clock.now() - fromIso(at ?? ''));
  }
}

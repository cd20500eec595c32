import { type Clock, toIso } from '../base/clock.ts';
import { describeError, isFault, KinError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ProvenTree, StoredEntries } from './open-ledger.ts';
import { minimumIndex } from './pruned-prefix.ts';
import { leafHash, MerkleTree } from './tlog/merkle-tree.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tlog/tile.ts';

/** Tiles that one step reads again: about a megabyte, some milliseconds. */
const TILES_PER_STEP = 16;

/** How far the ledger has been read again since its process started. */
export interface SelfCheckState {
  /** Entries that this round has read again, and how many there are in it. */
  readonly checked: number;
  readonly size: number;
  /** Rounds that came to their end, and when the last one did. */
  readonly rounds: number;
  readonly lastRoundAt?: string;
  /** What was found, until the process starts again. */
  readonly fault?: { readonly reason: string; readonly index: number };
}

interface Checked {
  readonly nodes: Pick<ProvenTree, 'size' | 'kept'>;
  readonly store: Pick<StoredEntries, 'read' | 'forgetRead'>;
  /** The first entry that was not pruned. */
  readonly first: () => number;
}

/**
 * Reads the whole ledger again in the background, round after round, and compares it with the tree: a disk that forgets, or
 * a hand in the files, shows before anybody asks. Entries of a tile that is not full yet are left to the next round.
 */
export class SelfCheck {
  readonly #ledger: Checked;
  readonly #clock: Clock;
  readonly #log: Log;
  #state: SelfCheckState = { checked: 0, size: 0, rounds: 0 };

  constructor(ledger: Checked, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#log = log;
  }

  state(): SelfCheckState {
    return this.#state;
  }

  /** Reads the next tiles. Never rejects; what it finds is in the state. Calls must not overlap. */
  async step(): Promise<void> {
    this.#ledger.store.forgetRead();
    for (let tile = 0; tile < TILES_PER_STEP && !this.#state.fault; tile += 1) {
      const checked = Math.max(this.#state.checked, minimumIndex(this.#ledger.first()));
      const size = this.#ledger.nodes.size;
      if (checked + TILE_WIDTH > size) {
        this.#endRound(size);
        return;
      }
      const fault = await this.#checkTile(checked);
      if (fault) this.#log.error(fault, 'the ledger on disk is not what was written');
      this.#state = fault ? { ...this.#state, fault } : { ...this.#state, checked: checked + TILE_WIDTH, size };
    }
  }

  async #checkTile(first: number): Promise<SelfCheckState['fault']> {
    const { nodes, store } = this.#ledger;
    const part = new MerkleTree();
    try {
      while (part.size < TILE_WIDTH) {
        const entries = await store.read(first + part.size, TILE_WIDTH - part.size);
        if (entries.length === 0) return { reason: 'it can no longer be read', index: first + part.size };
        for (const entry of entries) part.add(leafHash(entry));
      }
      if (part.root().equals(await nodes.kept(TILE_HEIGHT, first / TILE_WIDTH, 1))) return undefined;
    } catch (error) {
      // It was closed while this was under way, which says nothing about what is stored.
      if (isFault(error, 'ledger.unreachable')) return undefined;
      return { reason: describeError(error), index: indexOf(error) ?? first };
    }
    return { reason: `one of ${TILE_WIDTH} entries from here on is not what it was`, index: first };
  }

  #endRound(size: number): void {
    const { checked, rounds } = this.#state;
    if (checked <= this.#ledger.first()) return;
    this.#state = { checked: 0, size, rounds: rounds + 1, lastRoundAt: toIso(this.#clock.now()) };
  }
}

function indexOf(error: unknown): number | undefined {
  const index = error instanceof KinError ? error.details['index'] : undefined;
  return typeof index === 'number' ? index : undefined;
}

import { type Clock, toIso } from '../base/clock.ts';
import { describeError, isFault, KinError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { OpenLedger, ProvenTree, StoredEntries } from './open-ledger.ts';
import { nodesOf } from './tlog/merkle-proof.ts';
import { foldPeaks, leafHash, MerkleTree } from './tlog/merkle-tree.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tlog/tile.ts';

/** Tiles that one step reads again: about a megabyte, some milliseconds. */
const TILES_PER_STEP = 16;

/** How far the ledger has been read again since its process started. */
export interface SelfCheckState {
  /** Entries that this round has read again, and how many there are in it. */
  readonly checked: number;
  readonly size: number;
  /** The share of all signed entries that was read again, by this round or the last whole one; 1 when there are none. */
  readonly coverage: number;
  /** Rounds that came to their end, and when the last one did. */
  readonly rounds: number;
  readonly lastRoundAt?: string;
  /** What was found, until the process starts again. */
  readonly fault?: { readonly reason: string; readonly index: number };
}

interface Checked extends Pick<OpenLedger, 'first' | 'signed'> {
  readonly nodes: Pick<ProvenTree, 'kept'>;
  readonly store: Pick<StoredEntries, 'read' | 'damagedPayload' | 'forgetRead'>;
}

/**
 * Reads the whole ledger again in the background, round after round, entries and payloads, and compares it with the tree
 * and the newest signed checkpoint: a disk that forgets, or a hand in the files, shows before anybody asks.
 */
export class SelfCheck {
  readonly #ledger: Checked;
  readonly #clock: Clock;
  readonly #log: Log;
  #checked = 0;
  /** Entries of the last whole round. */
  #covered = 0;
  #rounds = 0;
  #lastRoundAt: string | undefined;
  #fault: SelfCheckState['fault'];

  constructor(ledger: Checked, { clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#log = log;
  }

  state(): SelfCheckState {
    const { size } = this.#ledger.signed().checkpoint;
    return {
      checked: this.#checked,
      size,
      coverage: size === 0 ? 1 : Math.max(this.#checked, this.#covered) / size,
      rounds: this.#rounds,
      ...(this.#lastRoundAt === undefined ? {} : { lastRoundAt: this.#lastRoundAt }),
      ...(this.#fault ? { fault: this.#fault } : {}),
    };
  }

  /** Reads the next tiles. Never rejects; what it finds is in the state. Calls must not overlap. */
  async step(): Promise<void> {
    this.#ledger.store.forgetRead();
    for (let tile = 0; tile < TILES_PER_STEP && !this.#fault; tile += 1) {
      const { size, root } = this.#ledger.signed().checkpoint;
      const from = Math.max(this.#checked, this.#ledger.first());
      if (from < size) {
        const to = Math.min(size, from - (from % TILE_WIDTH) + TILE_WIDTH);
        this.#fault = await this.#faultIn(from, to, root);
        if (this.#fault) this.#log.error(this.#fault, 'the ledger on disk is not what was written');
        else this.#checked = to;
      }
      if (from >= size || (this.#checked >= size && !this.#fault)) return this.#endRound(size);
    }
  }

  /** The entries of one tile, or what is there of it: pruned ones before, ones that are not signed yet behind. */
  async #faultIn(from: number, to: number, root: Buffer): Promise<SelfCheckState['fault']> {
    const { store } = this.#ledger;
    const part = new MerkleTree();
    try {
      while (part.size < to - from) {
        const entries = await store.read(from + part.size, to - from - part.size);
        if (entries.length === 0) return { reason: 'it can no longer be read', index: from + part.size };
        for (const entry of entries) part.add(leafHash(entry));
      }
      const damaged = await store.damagedPayload(from, to);
      if (damaged !== undefined) return { reason: 'a payload is neither as it was written nor erased', index: damaged };
      if (await this.#isInTree(from, to, { part: part.root(), root })) return undefined;
    } catch (error) {
      // It was closed or pruned while this was under way, which says nothing about what is stored.
      if (isFault(error, 'ledger.unreachable') || isFault(error, 'ledger.pruned')) return undefined;
      return { reason: describeError(error), index: indexOf(error) ?? from };
    }
    return { reason: `one of ${to - from} entries from here on is not what it was`, index: from };
  }

  /** Of a tile whose beginning was pruned, the checksums of its frames are all that is compared. */
  async #isInTree(from: number, to: number, { part, root }: { readonly part: Buffer; readonly root: Buffer }) {
    const { nodes } = this.#ledger;
    if (from % TILE_WIDTH > 0) return true;
    if (to - from === TILE_WIDTH) return part.equals(await nodes.kept(TILE_HEIGHT, from / TILE_WIDTH, 1));
    const peaks: Buffer[] = [];
    for (const { level, index } of nodesOf({ from: 0, to: from })) peaks.push(await nodes.kept(level, index, 1));
    return foldPeaks([...peaks, part]).equals(root);
  }

  #endRound(size: number): void {
    if (size <= this.#ledger.first()) return;
    this.#checked = 0;
    this.#covered = size;
    this.#rounds += 1;
    this.#lastRoundAt = toIso(this.#clock.now());
  }
}

function indexOf(error: unknown): number | undefined {
  const index = error instanceof KinError ? error.details['index'] : undefined;
  return typeof index === 'number' ? index : undefined;
}

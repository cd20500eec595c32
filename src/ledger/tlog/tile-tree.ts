import { ok as assert } from 'node:assert/strict';
import { type LogSource, readTile } from './log-source.ts';
import { consistencyRanges, inclusionRanges, type LeafRange, type NodeId, nodesOf } from './merkle-proof.ts';
import { foldPeaks, HASH_BYTES, nodeHash } from './merkle-tree.ts';
import { TILE_HEIGHT, TILE_WIDTH, widthIn } from './tile.ts';

const TILES_KEPT_MAX = 1024;

/**
 * The tree of a log as its tiles tell it. Nothing here is proven: a proof made of these hashes is checked against a signed
 * root by `verifyInclusion` or `verifyConsistency`. All calls reject with `LogFault` when a tile cannot be had.
 */
export class TileTree {
  readonly size: number;
  readonly #source: LogSource;
  readonly #tiles = new Map<string, Promise<Buffer>>();

  constructor(source: LogSource, size: number) {
    this.#source = source;
    this.size = size;
  }

  /** The root of the first `size` leaves. */
  root(size = this.size): Promise<Buffer> {
    return this.#hashOf({ from: 0, to: size });
  }

  /** The proof that leaf `index` is in the tree of the first `size` leaves. */
  inclusionProof(index: number, size = this.size): Promise<Buffer[]> {
    return Promise.all(inclusionRanges(index, size).map((range) => this.#hashOf(range)));
  }

  /** The proof that the tree of the first `size` leaves continues the one of `oldSize`. */
  consistencyProof(oldSize: number, size = this.size): Promise<Buffer[]> {
    return Promise.all(consistencyRanges(oldSize, size).map((range) => this.#hashOf(range)));
  }

  async #hashOf(range: LeafRange): Promise<Buffer> {
    assert(range.to <= this.size, 'the tree has these leaves');
    return foldPeaks(await Promise.all(nodesOf(range).map((node) => this.#node(node))));
  }

  /** A node is the root over some neighbours of one tile. */
  async #node({ level, index }: NodeId): Promise<Buffer> {
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level % TILE_HEIGHT);
    const first = index * count;
    const tile = await this.#tile(tileLevel, Math.floor(first / TILE_WIDTH));
    const at = (first % TILE_WIDTH) * HASH_BYTES;
    return subtreeRoot(tile.subarray(at, at + count * HASH_BYTES));
  }

  #tile(level: number, index: number): Promise<Buffer> {
    const name = `${level}/${index}`;
    const known = this.#tiles.get(name);
    if (known) return known;
    if (this.#tiles.size >= TILES_KEPT_MAX) this.#tiles.clear();
    const tile = readTile(this.#source, { level, index, width: widthIn(level, index, this.size) });
    this.#tiles.set(name, tile);
    return tile;
  }
}

/** The root over a power of two of hashes that lie side by side. */
function subtreeRoot(hashes: Buffer): Buffer {
  if (hashes.length === HASH_BYTES) return hashes;
  const half = hashes.length / 2;
  return nodeHash(subtreeRoot(hashes.subarray(0, half)), subtreeRoot(hashes.subarray(half)));
}

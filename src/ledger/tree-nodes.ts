import { assert } from '../base/assert.ts';
import type { ProvenTree } from './open-ledger.ts';
import { consistencyRanges, inclusionRanges, type LeafRange, nodesOf } from './tlog/merkle-proof.ts';
import { foldPeaks, HASH_BYTES, leafHash, MerkleTree } from './tlog/merkle-tree.ts';

/** Nodes below this level are computed again from their at most 2^8 entries: 32 bytes of memory for 128 entries. */
const LOWEST_KEPT_LEVEL = 8;

/** Reads stored entries; may give fewer than `limit`, never none when there are some. */
export type EntryReader = (from: number, limit: number) => Promise<readonly Uint8Array[]>;

class HashColumn {
  #bytes = Buffer.alloc(16 * HASH_BYTES);

  set(index: number, hash: Buffer): void {
    const at = index * HASH_BYTES;
    if (at >= this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    hash.copy(this.#bytes, at);
  }

  /** A copy: the column may move as it grows. */
  slice(index: number, count: number): Buffer {
    return Buffer.from(this.#bytes.subarray(index * HASH_BYTES, (index + count) * HASH_BYTES));
  }
}

/** The tree of a log with what is needed to prove things about it. */
export class TreeNodes implements ProvenTree {
  readonly tree: MerkleTree;
  readonly #columns: HashColumn[] = [];
  readonly #read: EntryReader;

  constructor(read: EntryReader) {
    this.#read = read;
    this.tree = new MerkleTree((level, index, hash) => {
      if (level < LOWEST_KEPT_LEVEL) return;
      this.#columns[level - LOWEST_KEPT_LEVEL] ??= new HashColumn();
      this.#columns[level - LOWEST_KEPT_LEVEL]?.set(index, hash);
    });
  }

  get size(): number {
    return this.tree.size;
  }

  inclusionProof(index: number, size: number): Promise<Buffer[]> {
    return this.#hashes(inclusionRanges(index, size));
  }

  consistencyProof(oldSize: number, newSize: number): Promise<Buffer[]> {
    return this.#hashes(consistencyRanges(oldSize, newSize));
  }

  rootAt(size: number): Promise<Buffer> {
    return this.#hashOf({ from: 0, to: size });
  }

  async kept(level: number, index: number, count: number): Promise<Buffer> {
    const column = this.#columns[level - LOWEST_KEPT_LEVEL];
    assert(column, 'the level is kept and has been reached');
    return column.slice(index, count);
  }

  async #hashes(ranges: readonly LeafRange[]): Promise<Buffer[]> {
    const hashes: Buffer[] = [];
    for (const range of ranges) hashes.push(await this.#hashOf(range));
    return hashes;
  }

  async #hashOf(range: LeafRange): Promise<Buffer> {
    const hashes: Buffer[] = [];
    for (const { level, index } of nodesOf(range)) {
      const kept = level < LOWEST_KEPT_LEVEL ? undefined : this.#columns[level - LOWEST_KEPT_LEVEL];
      hashes.push(kept ? kept.slice(index, 1) : await this.#compute(index * 2 ** level, 2 ** level));
    }
    return foldPeaks(hashes);
  }

  async #compute(from: number, count: number): Promise<Buffer> {
    const part = new MerkleTree();
    while (part.size < count) {
      const entries = await this.#read(from + part.size, count - part.size);
      assert(entries.length > 0, 'what is in the tree can be read');
      for (const entry of entries) part.add(leafHash(entry));
    }
    return part.root();
  }
}

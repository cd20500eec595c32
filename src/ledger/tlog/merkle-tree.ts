import { hash } from 'node:crypto';
import { ok as assert } from 'node:assert/strict';

export const HASH_BYTES = 32;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** SHA-256 by way of a binary string: the result Buffer of the other forms costs more than the hash itself. */
function sha256(bytes: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}

/** RFC 6962: SHA-256(0x00 || entry). The entry is copied, never prefixed in place: it may be on its way to the disk. */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(entry.length + 1);
  input[0] = LEAF_PREFIX;
  input.set(entry, 1);
  return sha256(input);
}

/** RFC 6962: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  input[0] = NODE_PREFIX;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
}

/** The root of a tree without leaves. */
export function emptyRoot(): Buffer {
  return sha256(Buffer.alloc(0));
}

/**
 * The hash over complete subtrees that lie side by side, given from left (largest) to right (smallest). It is the root of
 * a tree when they are its peaks.
 */
export function foldPeaks(hashes: readonly Uint8Array[]): Buffer {
  const last = hashes.at(-1);
  if (last === undefined) return emptyRoot();
  return hashes.slice(0, -1).reduceRight<Buffer>((right, left) => nodeHash(left, right), Buffer.from(last));
}

/** Told of each complete subtree when its last leaf is added: it covers the leaves from index * 2^level on. */
export type NodeListener = (level: number, index: number, hash: Buffer) => void;

/**
 * The tree of RFC 6962 while it grows. Keeps the peaks only (one hash a level), so memory does not grow with the log;
 * who needs inner nodes for proofs listens to them.
 */
export class MerkleTree {
  readonly #peaks: (Buffer | undefined)[] = [];
  readonly #onNode: NodeListener | undefined;
  #size = 0;

  constructor(onNode?: NodeListener) {
    this.#onNode = onNode;
  }

  /** How many leaves there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds the hash of the next leaf (`leafHash`). */
  add(leaf: Buffer): void {
    assert(leaf.length === HASH_BYTES, 'a leaf hash has 32 bytes');
    let current = leaf;
    let index = this.#size;
    this.#onNode?.(0, index, current);
    let level = 0;
    for (let left = this.#peaks[level]; left !== undefined; left = this.#peaks[level]) {
      current = nodeHash(left, current);
      this.#peaks[level] = undefined;
      level += 1;
      index = Math.floor(index / 2);
      this.#onNode?.(level, index, current);
    }
    this.#peaks[level] = current;
    this.#size += 1;
  }

  root(): Buffer {
    return foldPeaks(this.#peaks.filter((peak) => peak !== undefined).toReversed());
  }
}

import { hash } from 'node:crypto';
import { ok as assert } from 'node:assert/strict';

export const HASH_BYTES = 32;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** Entries up to this size are hashed without a buffer of their own. */
const SCRATCH_BYTES = 4096;
/** Prefix and entry, prefix and two hashes. Hashing is synchronous, so nobody else sees what is in them. */
const leafInput = Buffer.alloc(1 + SCRATCH_BYTES, LEAF_PREFIX);
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, NODE_PREFIX);
const RIGHT = 1 + HASH_BYTES;

/** SHA-256 by way of a binary string: the result Buffer of the other forms costs more than the hash itself. */
function sha256Into(input: Uint8Array, target: Buffer, at: number): void {
  target.write(hash('sha256', input, 'binary'), at, HASH_BYTES, 'latin1');
}

/**
 * RFC 6962: SHA-256(0x00 || entry), written to `target` from `at` on. The entry is copied, never prefixed in place: it may
 * be on its way to the disk.
 */
export function leafHashInto(entry: Uint8Array, target: Buffer, at: number): void {
  const input = entry.length <= SCRATCH_BYTES ? leafInput : Buffer.alloc(1 + entry.length, LEAF_PREFIX);
  input.set(entry, 1);
  sha256Into(input.subarray(0, 1 + entry.length), target, at);
}

/** The same in a buffer of its own. */
export function leafHash(entry: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(HASH_BYTES);
  leafHashInto(entry, result, 0);
  return result;
}

/** RFC 6962: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(HASH_BYTES);
  nodeInput.set(left, 1);
  nodeInput.set(right, RIGHT);
  sha256Into(nodeInput, result, 0);
  return result;
}

/** The root of a tree without leaves. */
export function emptyRoot(): Buffer {
  return Buffer.from(hash('sha256', '', 'hex'), 'hex');
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

/**
 * Told of each complete subtree when its last leaf is added: it covers the leaves from index * 2^level on. The hash is lent
 * for the call only.
 */
export type NodeListener = (level: number, index: number, hash: Buffer) => void;

/** Levels that a tree with as many leaves as numbers count one by one can have. */
const LEVELS_MAX = 54;

/**
 * The tree of RFC 6962 while it grows. Keeps the peaks only (one hash a level), so memory does not grow with the log;
 * who needs inner nodes for proofs listens to them.
 */
export class MerkleTree {
  /** The hash at level l, where bit l of the size is set. */
  readonly #peaks = Buffer.alloc(LEVELS_MAX * HASH_BYTES);
  readonly #onNode: NodeListener | undefined;
  /** Prefix, left and right. What grows stands at the right, where the next hash is written too. */
  readonly #input = Buffer.alloc(1 + 2 * HASH_BYTES, NODE_PREFIX);
  readonly #growing = this.#input.subarray(RIGHT);
  #size = 0;

  constructor(onNode?: NodeListener) {
    this.#onNode = onNode;
  }

  /** How many leaves there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds the hash of the next leaf (`leafHash`), which stands in `hashes` from `at` on. */
  add(hashes: Buffer, at = 0): void {
    this.#grow(hashes, at, 0);
    this.#size += 1;
  }

  /** Adds the hash of the next 2^height leaves instead of these; as many must divide the size. */
  addSubtree(height: number, hashes: Buffer, at = 0): void {
    assert(this.#size % 2 ** height === 0, 'complete subtrees stand at multiples of their width');
    this.#grow(hashes, at, height);
    this.#size += 2 ** height;
  }

  #grow(hashes: Buffer, at: number, height: number): void {
    assert(at + HASH_BYTES <= hashes.length, 'a hash has 32 bytes');
    hashes.copy(this.#input, RIGHT, at, at + HASH_BYTES);
    let level = height;
    let index = this.#size / 2 ** height;
    this.#onNode?.(level, index, this.#growing);
    for (; index % 2 === 1; index = (index - 1) / 2) {
      this.#peaks.copy(this.#input, 1, level * HASH_BYTES, (level + 1) * HASH_BYTES);
      sha256Into(this.#input, this.#input, RIGHT);
      level += 1;
      this.#onNode?.(level, (index - 1) / 2, this.#growing);
    }
    this.#peaks.set(this.#growing, level * HASH_BYTES);
  }

  root(): Buffer {
    const peaks: Buffer[] = [];
    for (let level = 0, rest = this.#size; rest > 0; level += 1, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) peaks.unshift(this.#peaks.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES));
    }
    return foldPeaks(peaks);
  }
}

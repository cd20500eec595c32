import { ok as assert } from 'node:assert/strict';
import { emptyRoot, HASH_BYTES, nodeHash } from './merkle-tree.ts';

/** The leaves from `from` up to and without `to`. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

/** A complete subtree: the 2^level leaves from index * 2^level on. */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** The largest power of two smaller than `n`, where RFC 6962 splits a tree. */
function splitOf(n: number): number {
  assert(n > 1 && Number.isSafeInteger(n), 'only a tree of two leaves or more splits');
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** RFC 6962 2.1.1: the ranges whose hashes prove that leaf `index` is in a tree of `size`, from the leaf's sibling up. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  assert(index >= 0 && index < size, 'the leaf must be in the tree');
  const ranges: LeafRange[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  return ranges.toReversed();
}

/** RFC 6962 2.1.2: the ranges whose hashes prove that the tree of `newSize` continues the tree of `oldSize`. */
export function consistencyRanges(oldSize: number, newSize: number): LeafRange[] {
  assert(oldSize >= 0 && oldSize <= newSize, 'a tree only grows');
  if (oldSize === 0 || oldSize === newSize) return [];
  const ranges: LeafRange[] = [];
  let from = 0;
  let to = newSize;
  while (oldSize !== to) {
    const middle = from + splitOf(to - from);
    if (oldSize <= middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  // The old tree itself need not be sent when it is a complete left subtree: the verifier has its root.
  if (from > 0) ranges.push({ from, to });
  return ranges.toReversed();
}

/** The complete subtrees that make up a range of a proof, from left to right; `foldPeaks` over them is its hash. */
export function nodesOf(range: LeafRange): NodeId[] {
  const nodes: NodeId[] = [];
  let from = range.from;
  while (from < range.to) {
    let level = 0;
    while (from % 2 ** (level + 1) === 0 && from + 2 ** (level + 1) <= range.to) level += 1;
    nodes.push({ level, index: from / 2 ** level });
    from += 2 ** level;
  }
  return nodes;
}

/** Claims come from outside: sizes may be lies, hashes may have any length. */
function plausible(sizes: readonly number[], hashes: readonly Uint8Array[]): boolean {
  return (
    sizes.every((size) => Number.isSafeInteger(size) && size >= 0) && hashes.every((one) => one.length === HASH_BYTES)
  );
}

const half = (n: number) => Math.floor(n / 2);
const isOdd = (n: number) => n % 2 === 1;
const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

export interface InclusionClaim {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** RFC 9162 2.1.3.2. False for whatever does not prove the claim; never throws on hostile input. */
export function verifyInclusion({ leaf, index, size, path, root }: InclusionClaim): boolean {
  if (!plausible([index, size], [leaf, root, ...path]) || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let r: Uint8Array = leaf;
  for (const p of path) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      r = nodeHash(p, r);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equal(r, root);
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly newSize: number;
  readonly newRoot: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** RFC 9162 2.1.4.2. False for whatever does not prove the claim; never throws on hostile input. */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, oldRoot, newSize, newRoot, path } = claim;
  if (!plausible([oldSize, newSize], [oldRoot, newRoot, ...path]) || oldSize > newSize) return false;
  if (oldSize === newSize) return path.length === 0 && equal(oldRoot, newRoot);
  if (oldSize === 0) return path.length === 0 && equal(oldRoot, emptyRoot());
  if (path.length === 0) return false;
  return climb(claim);
}

function climb({ oldSize, oldRoot, newSize, newRoot, path }: ConsistencyClaim): boolean {
  const isPowerOfTwo = Number.isInteger(Math.log2(oldSize)) && 2 ** Math.log2(oldSize) === oldSize;
  const [first, ...rest] = isPowerOfTwo ? [oldRoot, ...path] : path;
  assert(first !== undefined, 'an empty path was refused before');
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  let fr = first;
  let sr = first;
  for (const c of rest) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(sr, c);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && equal(fr, oldRoot) && equal(sr, newRoot);
}

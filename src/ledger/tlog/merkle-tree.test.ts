import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  nodesOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle-proof.ts';
import { emptyRoot, foldPeaks, leafHash, MerkleTree } from './merkle-tree.ts';

/** RFC 6962 2.1 word by word, as the second opinion. */
function naiveRoot(entries: readonly Buffer[]): Buffer {
  const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  if (entries.length === 0) return sha();
  if (entries.length === 1) return sha(Buffer.from([0]), entries[0]!);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return sha(Buffer.from([1]), naiveRoot(entries.slice(0, k)), naiveRoot(entries.slice(k)));
}

const entriesOf = (n: number) => Array.from({ length: n }, (_, i) => Buffer.from(`entry ${i}`));

function treeOf(entries: readonly Buffer[]) {
  const nodes = new Map<string, Buffer>();
  const tree = new MerkleTree((level, index, hash) => nodes.set(`${level}/${index}`, hash));
  for (const entry of entries) tree.add(leafHash(entry));
  const hashOf = (range: LeafRange) =>
    foldPeaks(nodesOf(range).map(({ level, index }) => nodes.get(`${level}/${index}`)!));
  return { tree, hashOf };
}

const VECTOR = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];

describe('the tree', () => {
  it('gives the root of the known test vector', () => {
    const { tree } = treeOf(VECTOR.map((hex) => Buffer.from(hex, 'hex')));
    expect(tree.root().toString('hex')).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
    expect(emptyRoot().toString('base64')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
  });

  it('gives the root of a naive tree at every size up to 300', () => {
    const entries = entriesOf(300);
    const tree = new MerkleTree();
    for (let size = 0; size <= 300; size += 1) {
      expect(tree.root()).toEqual(naiveRoot(entries.slice(0, size)));
      tree.add(leafHash(Buffer.from(`entry ${size}`)));
    }
  });
});

describe('proofs', () => {
  const sized = fc.integer({ min: 1, max: 200 }).chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)));

  it('of inclusion hold for the leaf and for nothing else', () => {
    fc.assert(
      fc.property(sized, fc.nat(255), ([size, index], noise) => {
        const entries = entriesOf(size);
        const { tree, hashOf } = treeOf(entries);
        const claim = {
          leaf: leafHash(entries[index]!),
          index,
          size,
          path: inclusionRanges(index, size).map(hashOf),
          root: tree.root(),
        };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, leaf: leafHash(Buffer.from('other')) })).toBe(false);
        expect(verifyInclusion({ ...claim, index: size + noise })).toBe(false);
        expect(verifyInclusion({ ...claim, path: [...claim.path, claim.leaf] })).toBe(false);
        expect(verifyInclusion({ ...claim, index: (index + 1) % size })).toBe(size === 1);
        expect(verifyInclusion({ ...claim, path: claim.path.slice(1) })).toBe(size === 1);
      }),
      { numRuns: 60 },
    );
  });

  it('of consistency hold between every two sizes and not for a fork', () => {
    const entries = entriesOf(40);
    for (let newSize = 0; newSize <= 40; newSize += 1) {
      const { tree, hashOf } = treeOf(entries.slice(0, newSize));
      for (let oldSize = 0; oldSize <= newSize; oldSize += 1) {
        const path = consistencyRanges(oldSize, newSize).map(hashOf);
        const claim = { oldSize, oldRoot: naiveRoot(entries.slice(0, oldSize)), newSize, newRoot: tree.root(), path };
        expect(verifyConsistency(claim)).toBe(true);
        const forked = [Buffer.from('fork'), ...entries.slice(1, Math.max(1, oldSize))];
        expect(verifyConsistency({ ...claim, oldRoot: naiveRoot(forked) })).toBe(false);
        expect(verifyConsistency({ ...claim, path: path.slice(1) })).toBe(path.length === 0);
      }
    }
  });

  it('survive lies about sizes and hashes of any length', () => {
    const anything = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(2 ** 53, -1, Number.NaN, 2 ** 60));
    const hashes = fc.array(fc.uint8Array({ maxLength: 33 }), { maxLength: 70 });
    fc.assert(
      fc.property(anything, anything, hashes, fc.uint8Array(), (a, b, path, root) => {
        expect(verifyInclusion({ leaf: root, index: a, size: b, path, root })).toBe(false);
        verifyConsistency({ oldSize: a, oldRoot: root, newSize: b, newRoot: root, path });
      }),
    );
  });
});

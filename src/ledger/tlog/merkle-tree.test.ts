import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naiveLeaf, naiveRoot as naiveRootOf } from '../../../test/conformance/tlog/log-in-memory.ts';
import {
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  nodesOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle-proof.ts';
import { emptyRoot, foldPeaks, leafHash, MerkleTree } from './merkle-tree.ts';

const naiveRoot = (entries: readonly Buffer[]) => naiveRootOf(entries.map(naiveLeaf));
const entriesOf = (n: number) => Array.from({ length: n }, (_, i) => Buffer.from(`entry ${i}`));

function treeOf(entries: readonly Buffer[]) {
  const nodes = new Map<string, Buffer>();
  const tree = new MerkleTree((level, index, hash) => nodes.set(`${level}/${index}`, Buffer.from(hash)));
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

/** Hashes of the tree over the vector that the published test data of certificate transparency logs name. */
const NODES = {
  roots: [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ],
  leaf1: '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
  leaf4: 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  leaves2to3: '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
  leaves4to5: '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
  leaves6to7: 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
  leaves4to7: '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
} as const;

describe('the published vectors', () => {
  const leaves = VECTOR.map((hex) => Buffer.from(hex, 'hex'));
  const { roots, leaf1, leaf4, leaves2to3, leaves4to5, leaves6to7, leaves4to7 } = NODES;
  const { hashOf } = treeOf(leaves);
  const hex = (ranges: readonly LeafRange[]) => ranges.map((range) => hashOf(range).toString('hex'));

  it('of roots hold', () => {
    expect(
      roots.map((_, n) =>
        treeOf(leaves.slice(0, n + 1))
          .tree.root()
          .toString('hex'),
      ),
    ).toEqual(roots);
  });

  it('of inclusion proofs hold', () => {
    expect(hex(inclusionRanges(0, 1))).toEqual([]);
    expect(hex(inclusionRanges(0, 8))).toEqual([leaf1, leaves2to3, leaves4to7]);
    expect(hex(inclusionRanges(5, 8))).toEqual([leaf4, leaves6to7, roots[3]]);
    expect(hex(inclusionRanges(2, 3))).toEqual([roots[1]]);
    expect(hex(inclusionRanges(1, 5))).toEqual([roots[0], leaves2to3, leaf4]);
  });

  it('of consistency proofs hold', () => {
    expect(hex(consistencyRanges(1, 1))).toEqual([]);
    expect(hex(consistencyRanges(1, 8))).toEqual([leaf1, leaves2to3, leaves4to7]);
    expect(hex(consistencyRanges(6, 8))).toEqual([leaves4to5, leaves6to7, roots[3]]);
    expect(hex(consistencyRanges(2, 5))).toEqual([leaves2to3, leaf4]);
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

  it('of inclusion hold for the size that the root is of, and no other', () => {
    const { tree, hashOf } = treeOf(entriesOf(4));
    const claim = {
      leaf: leafHash(entriesOf(1)[0]!),
      index: 0,
      path: inclusionRanges(0, 4).map(hashOf),
      root: tree.root(),
    };
    for (let size = 1; size < 40; size += 1) {
      // A tree of three has paths as long as one of four.
      expect(verifyInclusion({ ...claim, size })).toBe(size === 3 || size === 4);
    }
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

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBundle, encodeBundle } from './entry-bundle.ts';
import { isInTree, parseTilePath, TILE_WIDTH, tilePath, widthIn } from './tile.ts';

describe('a tile', () => {
  it('has the path of the specification', () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 1, index: 0, width: 17 })).toBe('tile/1/000.p/17');
    expect(tilePath({ level: 'entries', index: 999, width: 256 })).toBe('tile/entries/999');
    expect(tilePath({ level: 63, index: 1000, width: 255 })).toBe('tile/63/x001/000.p/255');
  });

  it('is as wide as the specification says for a tree of 70,000 and one of 256', () => {
    expect([272, 273, 274].map((index) => widthIn(0, index, 70_000))).toEqual([256, 112, 0]);
    expect([0, 1, 2].map((index) => widthIn(1, index, 70_000))).toEqual([256, 17, 0]);
    expect([0, 1].map((index) => widthIn(2, index, 70_000))).toEqual([1, 0]);
    expect([widthIn(0, 0, 256), widthIn(0, 1, 256), widthIn(1, 0, 256), widthIn('entries', 0, 3)]).toEqual([
      256, 0, 1, 3,
    ]);
    expect(isInTree({ level: 0, index: 273, width: 112 }, 70_000)).toBe(true);
    expect(isInTree({ level: 0, index: 273, width: 113 }, 70_000)).toBe(false);
  });

  it('comes back from its path, and only from that', () => {
    const level = fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const));
    const index = fc.integer({ min: 0, max: 2 ** 53 - 1 });
    fc.assert(
      fc.property(level, index, fc.integer({ min: 1, max: 256 }), (level, index, width) => {
        expect(parseTilePath(tilePath({ level, index, width }))).toEqual({ level, index, width });
      }),
    );
    const others = [
      'tile/0/67',
      'tile/0/0067',
      'tile/00/067',
      'tile/64/067',
      'tile/-1/067',
      'tile/0/x000/067',
      'tile/0/x1/067',
      'tile/0/001/067',
      'tile/0/x001',
      'tile/0/000.p/0',
      'tile/0/000.p/256',
      'tile/0/000.p/01',
      'tile/0/000.p/',
      'tile/0/000.p/1/',
      '/tile/0/000',
      'tile/0/000 ',
      'tile/0/000\n',
      'tile/0/../0/000',
      'tile/data/000',
      `tile/0/${'x999/'.repeat(7)}999`,
      'tile/0/٠٠٠',
      '',
    ];
    expect(others.filter((path) => parseTilePath(path))).toEqual([]);
    fc.assert(fc.property(fc.string(), (rest) => void parseTilePath(`tile/${rest}`)));
  });
});

describe('a bundle', () => {
  it('gives back its entries, empty ones and the longest too', () => {
    const entry = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(65_535)));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const bundle = encodeBundle(entries);
        expect(decodeBundle(bundle)?.map((one) => Buffer.from(one))).toEqual(entries.map((one) => Buffer.from(one)));
        if (bundle.length > 0 && entries.at(-1)!.length > 0)
          expect(decodeBundle(bundle.subarray(0, -1))).toBeUndefined();
      }),
    );
  });

  it('with half a length, or with more entries than a tile has hashes, is none', () => {
    expect(decodeBundle(Buffer.from([0]))).toBeUndefined();
    expect(decodeBundle(Buffer.from([0, 2, 1]))).toBeUndefined();
    expect(decodeBundle(Buffer.alloc(2 * TILE_WIDTH))).toHaveLength(TILE_WIDTH);
    expect(decodeBundle(Buffer.alloc(2 * TILE_WIDTH + 2))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void decodeBundle(bytes)));
  });
});

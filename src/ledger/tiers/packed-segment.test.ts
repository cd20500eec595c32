import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntryToStore } from '../entry-store.ts';
import { encodeFrame, payloadsIn, scanSegment } from '../frame.ts';
import { ERASED } from '../payload-section.ts';
import { PACK_HEADER_BYTES, packAt, packsOf, unpackSegment } from './packed-segment.ts';

const NAME = '0000000000000007.warm';
const FIRST = 7;

const anEntry: fc.Arbitrary<EntryToStore> = fc.record({
  // No entry ends in a zero.
  bytes: fc.uint8Array({ minLength: 0, maxLength: 300 }).map((bytes) => Buffer.from([...bytes, 0x7d])),
  payloads: fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 2 }),
});
const someFrames = fc.array(fc.array(anEntry, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });

function segmentOf(groups: readonly (readonly EntryToStore[])[], first = FIRST): Buffer {
  const frames: Buffer[] = [];
  let next = first;
  for (const group of groups) {
    frames.push(encodeFrame(next, group));
    next += group.length;
  }
  return Buffer.concat(frames);
}

async function packed(segment: Buffer, tier: 'warm' | 'cold' = 'warm'): Promise<Buffer> {
  const { frames } = scanSegment(Buffer.concat([segment, Buffer.alloc(4096)]), FIRST);
  const packs: Buffer[] = [];
  for await (const pack of packsOf(segment, frames, tier)) packs.push(pack);
  return Buffer.concat(packs);
}

const marksIn = (segment: Buffer) =>
  scanSegment(segment, FIRST, Number.POSITIVE_INFINITY).frames.flatMap((frame) => payloadsIn(segment, frame) ?? []);

/** Payloads whose mark says that they were erased, and did not in the segment of before. */
function newlyErasedIn(found: Buffer, before: Buffer): number {
  return marksIn(found).filter(({ markAt }) => found[markAt] === ERASED && before[markAt] !== ERASED).length;
}

const large = (fill: string) =>
  segmentOf(Array.from({ length: 40 }, (_, n) => [{ bytes: Buffer.from(`{"${n}${fill.repeat(30_000)}"}`) }]));

describe('a packed segment', () => {
  it('unpacks to the bytes that were packed, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(someFrames, fc.constantFrom('warm', 'cold'), async (groups, tier) => {
        const segment = segmentOf(groups);
        expect(unpackSegment(await packed(segment, tier), NAME, FIRST).equals(segment)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('has several packs when it is large, takes less, and none of its packs can be left out or stand elsewhere', async () => {
    const segment = large('x');
    const file = await packed(segment);
    expect(unpackSegment(file, NAME, FIRST).equals(segment)).toBe(true);
    expect(file.length).toBeLessThan(segment.length / 20);
    const ends: number[] = [];
    for (let at = 0; at < file.length; at = ends.at(-1)!) {
      ends.push(packAt(file.subarray(at, at + PACK_HEADER_BYTES), at)!.end);
    }
    expect(ends.length).toBeGreaterThan(2);
    const [one, two] = [file.subarray(0, ends[0]), file.subarray(ends[0], ends[1])];
    const rest = file.subarray(ends[1]);
    for (const changed of [
      [two, one, rest],
      [one, rest],
      [one, two, rest, one],
      [one, two, rest, Buffer.alloc(1)],
    ]) {
      expect(() => unpackSegment(Buffer.concat(changed), NAME, FIRST)).toThrow('a pack is not as it was written');
    }
  });

  it('shows every changed byte of headers and entries, and gives the payloads as they are', async () => {
    await fc.assert(
      fc.asyncProperty(someFrames, fc.nat(), fc.integer({ min: 1, max: 255 }), async (groups, where, change) => {
        const segment = segmentOf(groups);
        const file = await packed(segment);
        const at = where % file.length;
        file[at]! ^= change;
        const { payloadsAt } = packAt((await packed(segment)).subarray(0, PACK_HEADER_BYTES), 0)!;
        if (at < payloadsAt) {
          expect(() => unpackSegment(file, NAME, FIRST)).toThrow(NAME);
          return;
        }
        const found = unpackSegment(file, NAME, FIRST);
        expect(found.filter((byte, place) => byte !== segment[place]).length).toBe(1);
        const { damagedPayload } = scanSegment(found, FIRST, Number.POSITIVE_INFINITY);
        expect(damagedPayload !== undefined || newlyErasedIn(found, segment) === 1).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('gives a payload that is marked as erased as that: whether it was lawful is a matter of the record', async () => {
    const segment = segmentOf([[{ bytes: Buffer.from('{}'), payloads: [Buffer.from('who')] }]]);
    const file = await packed(segment);
    const { markAt } = marksIn(segment)[0]!;
    // The payloads lie at the end of both.
    file[file.length - segment.length + markAt] = ERASED;
    const found = unpackSegment(file, NAME, FIRST);
    expect(newlyErasedIn(found, segment)).toBe(1);
    expect(scanSegment(found, FIRST, Number.POSITIVE_INFINITY).damagedPayload).toBeUndefined();
  });

  it('takes no memory on the word of a file', () => {
    for (const header of [Buffer.alloc(0), Buffer.alloc(PACK_HEADER_BYTES), Buffer.alloc(PACK_HEADER_BYTES, 0xff)]) {
      expect(packAt(header, 0)).toBeUndefined();
    }
  });
});

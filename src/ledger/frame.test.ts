import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeFrame,
  entriesOf,
  FRAME_HEADER_BYTES,
  payloadsIn,
  readHeader,
  scanSegment,
  unwipedPayloads,
} from './frame.ts';

const text = fc.string({ minLength: 1, maxLength: 60 }).map((fill) => Buffer.from(JSON.stringify({ fill })));
const payload = fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes));
const entry = fc.record({ bytes: text, payloads: fc.array(payload, { maxLength: 3 }) });
const frames = fc.array(fc.array(entry, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });

/** A segment with some frames, and zeros behind them as in one that is not full. */
function segmentOf(groups: readonly (readonly { bytes: Buffer; payloads: Buffer[] }[])[]): Buffer {
  let first = 0;
  const parts = groups.map((group) => {
    const frame = encodeFrame(first, group);
    first += group.length;
    return frame;
  });
  return Buffer.concat([...parts, Buffer.alloc(700)]);
}

/** Reads all that can be read of a segment, and gives its entries. */
function readAll(segment: Buffer): string[] {
  const scan = scanSegment(segment, 0);
  expect(scan.end).toBeLessThanOrEqual(segment.length);
  return scan.frames.flatMap((frame) => {
    for (const span of payloadsIn(segment, frame) ?? []) expect(span.markAt + span.length).toBeLessThan(frame.end);
    unwipedPayloads(segment, frame);
    return [...entriesOf(segment, frame)].map(String);
  });
}

const SOME = { numRuns: 400 };

describe('a segment', () => {
  it('gives back what was put into it', () => {
    fc.assert(
      fc.property(frames, (groups) => {
        expect(readAll(segmentOf(groups))).toEqual(groups.flat().map(({ bytes }) => String(bytes)));
        expect(scanSegment(segmentOf(groups), 0).rest.kind).toBe('empty');
      }),
      SOME,
    );
  });

  it('of any bytes is read without a fault, and so is one with forged headers', () => {
    const forged = fc
      .record({
        second: fc.boolean(),
        first: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        numbers: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 4, maxLength: 4 }),
      })
      .map(({ second, first, numbers }) => {
        const header = Buffer.alloc(second ? FRAME_HEADER_BYTES : FRAME_HEADER_BYTES - 4);
        header.set([0xf1, 0x4b, 0x4c, second ? 0x32 : 0x31]);
        header.writeBigUInt64BE(first, 4);
        for (let at = 12; at < header.length - 4; at += 4) header.writeUInt32BE(numbers[(at - 12) / 4]!, at);
        header.writeUInt32BE(crc32(header.subarray(0, -4)), header.length - 4);
        return header;
      });
    const piece = fc.oneof(fc.uint8Array({ maxLength: 300 }), forged, frames.map(segmentOf));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => void readAll(Buffer.concat(pieces))),
      SOME,
    );
  });

  it('with changed bytes gives entries that were there, from the first one on, or tells of the damage', () => {
    const change = fc.record({ at: fc.nat(), value: fc.integer({ min: 1, max: 255 }) });
    fc.assert(
      fc.property(frames, fc.array(change, { minLength: 1, maxLength: 3 }), (groups, changes) => {
        const segment = segmentOf(groups);
        const changed = Buffer.from(segment);
        for (const { at, value } of changes) changed[at % changed.length]! ^= value;
        const all = groups.flat().map(({ bytes }) => String(bytes));
        const found = readAll(changed);
        expect(found).toEqual(all.slice(0, found.length));
        const { rest, damagedPayload } = scanSegment(changed, 0);
        const isTold = rest.kind !== 'empty' || damagedPayload !== undefined;
        expect(isTold || found.length === all.length).toBe(true);
      }),
      SOME,
    );
  });

  it('whose header claims gigabytes is no frame: nobody takes memory on its word', () => {
    const header = Buffer.alloc(28);
    header.set([0xf1, 0x4b, 0x4c, 0x31]);
    header.writeUInt32BE(1, 12);
    header.writeUInt32BE(0xffff_ffff, 16);
    header.writeUInt32BE(crc32(header.subarray(0, 24)), 24);
    expect(readHeader(header, 0)).toBeUndefined();
  });
});

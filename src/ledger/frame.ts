import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import { LIMITS } from '../base/limits.ts';

/**
 * A frame is what one group commit writes: a header and entries, each after its length as a 16-bit number (the entry
 * bundle of C2SP tlog-tiles). Numbers are big-endian.
 *
 *   magic 4 | index of the first entry 8 | count 4 | payload length 4 | payload crc32 4 | crc32 of the header so far 4
 */
export const FRAME_HEADER_BYTES = 28;
export const ENTRY_PREFIX_BYTES = 2;

/** Not UTF-8, so that it cannot be found inside of an entry. */
const MAGIC = Buffer.from([0xf1, 0x4b, 0x4c, 0x31]);
const HEADER_CRC_OFFSET = 24;
/** A sector is what a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

/** Where a sound frame lies in its segment. */
export interface FrameSpan {
  readonly offset: number;
  readonly first: number;
  readonly count: number;
  /** Behind its last byte. */
  readonly end: number;
}

/**
 * What comes behind the last sound frame of a segment: nothing; a write that was cut off, which leaves a sector or the
 * end of it unwritten; or bytes that no interrupted write explains.
 */
export type SegmentRest =
  | { readonly kind: 'empty' }
  | { readonly kind: 'torn'; readonly bytes: number }
  | { readonly kind: 'damaged'; readonly reason: string };

export interface SegmentScan {
  readonly frames: readonly FrameSpan[];
  /** Offset and index where the next frame belongs. */
  readonly end: number;
  readonly next: number;
  readonly rest: SegmentRest;
}

/** The bytes of a frame. */
export function encodeFrame(first: number, entries: readonly Uint8Array[]): Buffer {
  const length = entries.reduce((sum, entry) => sum + ENTRY_PREFIX_BYTES + entry.length, 0);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  let at = FRAME_HEADER_BYTES;
  for (const entry of entries) {
    assert(entry.length > 0 && entry.length <= LIMITS.ledgerEntryBytes, 'an entry has 1 to 65,535 bytes');
    at = frame.writeUInt16BE(entry.length, at);
    frame.set(entry, at);
    at += entry.length;
  }
  MAGIC.copy(frame);
  frame.writeBigUInt64BE(BigInt(first), 4);
  frame.writeUInt32BE(entries.length, 12);
  frame.writeUInt32BE(length, 16);
  frame.writeUInt32BE(crc32(frame.subarray(FRAME_HEADER_BYTES)), 20);
  frame.writeUInt32BE(crc32(frame.subarray(0, HEADER_CRC_OFFSET)), HEADER_CRC_OFFSET);
  return frame;
}

/** The header at `offset` as a span, or undefined when there is none that holds. The payload is not looked at. */
export function readHeader(segment: Buffer, offset: number): FrameSpan | undefined {
  if (offset + FRAME_HEADER_BYTES > segment.length) return undefined;
  const header = segment.subarray(offset, offset + FRAME_HEADER_BYTES);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(header.subarray(0, HEADER_CRC_OFFSET)) !== header.readUInt32BE(HEADER_CRC_OFFSET)) return undefined;
  const end = offset + FRAME_HEADER_BYTES + header.readUInt32BE(16);
  return { offset, first: Number(header.readBigUInt64BE(4)), count: header.readUInt32BE(12), end };
}

/** The entries of a frame, as views into the segment. Ends early when the payload is not what the header says. */
export function* entriesOf(segment: Buffer, frame: FrameSpan): Generator<Buffer> {
  let at = frame.offset + FRAME_HEADER_BYTES;
  while (at + ENTRY_PREFIX_BYTES < frame.end) {
    const length = segment.readUInt16BE(at);
    at += ENTRY_PREFIX_BYTES + length;
    if (length === 0 || at > frame.end) return;
    yield segment.subarray(at - length, at);
  }
}

function isPayloadSound(segment: Buffer, frame: FrameSpan): boolean {
  const payload = segment.subarray(frame.offset + FRAME_HEADER_BYTES, frame.end);
  if (frame.end > segment.length || crc32(payload) !== segment.readUInt32BE(frame.offset + 20)) return false;
  let count = 0;
  let bytes = 0;
  for (const entry of entriesOf(segment, frame)) {
    count += 1;
    bytes += ENTRY_PREFIX_BYTES + entry.length;
  }
  return count === frame.count && count > 0 && bytes === payload.length;
}

/** Reads the frames of a segment whose first entry has the index `first`, as far as they are sound and in sequence. */
export function scanSegment(segment: Buffer, first: number): SegmentScan {
  const frames: FrameSpan[] = [];
  let end = 0;
  let next = first;
  for (;;) {
    const frame = readHeader(segment, end);
    if (frame?.first !== next || !isPayloadSound(segment, frame)) break;
    frames.push(frame);
    end = frame.end;
    next += frame.count;
  }
  return { frames, end, next, rest: restOf(segment, end, next) };
}

function restOf(segment: Buffer, end: number, next: number): SegmentRest {
  const used = usedBytes(segment);
  if (used <= end) return { kind: 'empty' };
  const frame = readHeader(segment, end);
  if (frame && frame.first !== next) return { kind: 'damaged', reason: `a frame of entry ${frame.first} stands here` };
  if (laterFrame(segment, end + 1))
    return { kind: 'damaged', reason: 'a frame that is followed by others is not sound' };
  if (frame && used > frame.end) return { kind: 'damaged', reason: 'bytes behind the last frame' };
  const extent = frame?.end ?? Math.max(used, end + FRAME_HEADER_BYTES);
  if (hasUnwrittenPart(segment, end, frame ? frame.end : end + FRAME_HEADER_BYTES)) {
    return { kind: 'torn', bytes: Math.min(extent, segment.length) - end };
  }
  return { kind: 'damaged', reason: 'the last frame is not sound although all of it was written' };
}

/** The length without the zeros at the end. */
function usedBytes(segment: Buffer): number {
  let used = segment.length;
  for (; used >= ZEROS.length; used -= ZEROS.length) {
    if (!segment.subarray(used - ZEROS.length, used).equals(ZEROS)) break;
  }
  while (used > 0 && segment[used - 1] === 0) used -= 1;
  return used;
}

const ZEROS = Buffer.alloc(64 * 1024);

/** One frame is in flight at a time, so whatever stands before a sound header was once acknowledged. */
function laterFrame(segment: Buffer, from: number): boolean {
  for (let at = segment.indexOf(MAGIC, from); at >= 0; at = segment.indexOf(MAGIC, at + 1)) {
    if (readHeader(segment, at)) return true;
  }
  return false;
}

/** Segments are zeros before they are written, and no entry ends in a zero: what was not written can be seen. */
function hasUnwrittenPart(segment: Buffer, from: number, to: number): boolean {
  if (to > segment.length || segment[to - 1] === 0) return true;
  for (let at = from; at < to; ) {
    const sectorEnd = Math.min(to, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    if (segment.subarray(at, sectorEnd).every((byte) => byte === 0)) return true;
    at = sectorEnd;
  }
  return false;
}

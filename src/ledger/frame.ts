import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import { LIMITS } from '../base/limits.ts';
import type { EntryToStore } from './entry-store.ts';
import {
  damagedEntry,
  ERASED,
  isWiped,
  type PayloadSpan,
  payloadSectionBytes,
  payloadSpans,
  writePayloadSection,
} from './payload-section.ts';

/**
 * A frame is what one group commit writes: a header, the entries, each after its length as a 16-bit number (the entry
 * bundle of C2SP tlog-tiles), and, in frames of the second form, their payloads. Numbers are big-endian. Each section has a
 * checksum of its own, so that whatever becomes of the payloads, the entries are sound.
 *
 *   1: magic 4 | index of the first entry 8 | count 4 | entries length 4 | entries crc32 4 | crc32 of the header so far 4
 *   2: magic 4 | index of the first entry 8 | count 4 | entries length 4 | entries crc32 4 | payloads length 4 | crc32 4
 */
export const PLAIN_HEADER_BYTES = 28;
export const FRAME_HEADER_BYTES = 32;
export const ENTRY_PREFIX_BYTES = 2;

/** Not UTF-8, so that they cannot be found inside of an entry. */
const PLAIN_MAGIC = Buffer.from([0xf1, 0x4b, 0x4c, 0x31]);
const MAGIC = Buffer.from([0xf1, 0x4b, 0x4c, 0x32]);
const COMMON_MAGIC = MAGIC.subarray(0, 3);
/** A sector is what a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

/** More than any store writes at once. A header that claims more is none: nobody takes memory on its word. */
const SECTION_BYTES_MAX = 64 * 1024 * 1024;

/** Where a sound frame lies in its segment. */
export interface FrameSpan {
  readonly offset: number;
  readonly first: number;
  readonly count: number;
  readonly entriesAt: number;
  /** Behind the last entry; also `end` when the frame has no payloads. */
  readonly payloadsAt: number;
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
  /** The first entry of these frames that has a damaged payload. */
  readonly damagedPayload: { readonly index: number; readonly offset: number } | undefined;
}

/** The bytes of a frame. Without payloads it is of the first form. */
export function encodeFrame(first: number, entries: readonly EntryToStore[]): Buffer {
  const entriesBytes = entries.reduce((sum, { bytes }) => sum + ENTRY_PREFIX_BYTES + bytes.length, 0);
  const payloadsBytes = payloadSectionBytes(entries);
  const entriesAt = payloadsBytes === 0 ? PLAIN_HEADER_BYTES : FRAME_HEADER_BYTES;
  const frame = Buffer.allocUnsafe(entriesAt + entriesBytes + payloadsBytes);
  let at = entriesAt;
  for (const { bytes } of entries) {
    assert(bytes.length > 0 && bytes.length <= LIMITS.ledgerEntryBytes, 'an entry has 1 to 65,535 bytes');
    at = frame.writeUInt16BE(bytes.length, at);
    frame.set(bytes, at);
    at += bytes.length;
  }
  if (payloadsBytes > 0) writePayloadSection(frame, at, entries);
  (payloadsBytes === 0 ? PLAIN_MAGIC : MAGIC).copy(frame);
  frame.writeBigUInt64BE(BigInt(first), 4);
  frame.writeUInt32BE(entries.length, 12);
  frame.writeUInt32BE(entriesBytes, 16);
  frame.writeUInt32BE(crc32(frame.subarray(entriesAt, at)), 20);
  if (payloadsBytes > 0) frame.writeUInt32BE(payloadsBytes, 24);
  frame.writeUInt32BE(crc32(frame.subarray(0, entriesAt - 4)), entriesAt - 4);
  return frame;
}

/** The header at `offset` as a span, or undefined when there is none that holds. What follows it is not looked at. */
export function readHeader(segment: Buffer, offset: number): FrameSpan | undefined {
  const isPlain = startsWith(segment, offset, PLAIN_MAGIC);
  if (!isPlain && !startsWith(segment, offset, MAGIC)) return undefined;
  const entriesAt = offset + (isPlain ? PLAIN_HEADER_BYTES : FRAME_HEADER_BYTES);
  if (entriesAt > segment.length) return undefined;
  if (crc32(segment.subarray(offset, entriesAt - 4)) !== segment.readUInt32BE(entriesAt - 4)) return undefined;
  const [entriesBytes, payloadsBytes] = [
    segment.readUInt32BE(offset + 16),
    isPlain ? 0 : segment.readUInt32BE(offset + 24),
  ];
  if (entriesBytes > SECTION_BYTES_MAX || payloadsBytes > SECTION_BYTES_MAX) return undefined;
  const payloadsAt = entriesAt + entriesBytes;
  const end = payloadsAt + payloadsBytes;
  const first = Number(segment.readBigUInt64BE(offset + 4));
  return { offset, first, count: segment.readUInt32BE(offset + 12), entriesAt, payloadsAt, end };
}

function startsWith(segment: Buffer, offset: number, bytes: Buffer): boolean {
  const end = offset + bytes.length;
  return end <= segment.length && segment.compare(bytes, 0, bytes.length, offset, end) === 0;
}

/** The entries of a frame, as views into the segment. Ends early when they are not what the header says. */
export function* entriesOf(segment: Buffer, frame: FrameSpan): Generator<Buffer> {
  let at = frame.entriesAt;
  while (at + ENTRY_PREFIX_BYTES < frame.payloadsAt) {
    const length = segment.readUInt16BE(at);
    at += ENTRY_PREFIX_BYTES + length;
    if (length === 0 || at > frame.payloadsAt) return;
    yield segment.subarray(at - length, at);
  }
}

/** Where the payloads of a frame lie; undefined when that can no longer be told. */
export function payloadsIn(segment: Buffer, frame: FrameSpan): PayloadSpan[] | undefined {
  return frame.payloadsAt === frame.end ? [] : payloadSpans(segment, frame.payloadsAt, frame.end);
}

/** Payloads of a frame whose erasure was cut off: they are marked, and bytes of them are left. */
export function unwipedPayloads(segment: Buffer, frame: FrameSpan): PayloadSpan[] {
  const spans = payloadsIn(segment, frame) ?? [];
  return spans.filter((span) => segment[span.markAt] === ERASED && !isWiped(segment, span));
}

/** Whether the entries are the ones that were written. The payloads may be anything. */
export function areEntriesSound(segment: Buffer, frame: FrameSpan): boolean {
  if (frame.payloadsAt > segment.length) return false;
  const section = segment.subarray(frame.entriesAt, frame.payloadsAt);
  if (crc32(section) !== segment.readUInt32BE(frame.offset + 20)) return false;
  let count = 0;
  let bytes = 0;
  for (const entry of entriesOf(segment, frame)) {
    count += 1;
    bytes += ENTRY_PREFIX_BYTES + entry.length;
  }
  return count === frame.count && count > 0 && bytes === section.length;
}

/**
 * Reads the frames of a segment whose first entry has the index `first`, as far as their entries are sound and in
 * sequence. A frame with entries below `signed` was acknowledged: damage to its payloads is never a write that was cut off.
 */
export function scanSegment(segment: Buffer, first: number, signed = 0): SegmentScan {
  const frames: FrameSpan[] = [];
  let end = 0;
  let next = first;
  let damagedPayload: SegmentScan['damagedPayload'];
  for (;;) {
    const frame = readHeader(segment, end);
    if (frame?.first !== next || !areEntriesSound(segment, frame)) break;
    const damaged = frame.payloadsAt < frame.end ? damagedEntry(segment, frame.payloadsAt, frame.end) : undefined;
    if (damaged !== undefined && next >= signed && isCutOff(segment, frame)) break;
    if (damaged !== undefined) damagedPayload ??= { index: next + damaged, offset: frame.offset };
    frames.push(frame);
    end = frame.end;
    next += frame.count;
  }
  return { frames, end, next, rest: restOf(segment, end, next), damagedPayload };
}

function restOf(segment: Buffer, end: number, next: number): SegmentRest {
  const used = usedBytes(segment);
  if (used <= end) return { kind: 'empty' };
  const frame = readHeader(segment, end);
  if (frame && frame.first !== next) return { kind: 'damaged', reason: `a frame of entry ${frame.first} stands here` };
  if (laterFrame(segment, frame?.end ?? end + 1))
    return { kind: 'damaged', reason: 'a frame that is followed by others is not sound' };
  if (frame && used > frame.end) return { kind: 'damaged', reason: 'bytes behind the last frame' };
  const headerEnd = end + (startsWith(segment, end, MAGIC) ? FRAME_HEADER_BYTES : PLAIN_HEADER_BYTES);
  const isTorn = frame ? hasUnwrittenPart(segment, frame) : hasGap(segment, end, headerEnd);
  const extent = frame?.end ?? Math.max(used, headerEnd);
  if (isTorn) return { kind: 'torn', bytes: Math.min(extent, segment.length) - end };
  return { kind: 'damaged', reason: 'the last frame is not sound although all of it was written' };
}

/** Whether the write of a frame did not come to its end, as far as its payloads tell. */
function isCutOff(segment: Buffer, frame: FrameSpan): boolean {
  return !laterFrame(segment, frame.end) && hasUnwrittenPart(segment, frame);
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
  for (let at = segment.indexOf(COMMON_MAGIC, from); at >= 0; at = segment.indexOf(COMMON_MAGIC, at + 1)) {
    if (readHeader(segment, at)) return true;
  }
  return false;
}

/** Segments are zeros before they are written, and no frame ends in a zero: what was not written can be seen. */
function hasUnwrittenPart(segment: Buffer, frame: FrameSpan): boolean {
  if (frame.end > segment.length) return true;
  const erased = (payloadsIn(segment, frame) ?? []).filter(({ markAt }) => segment[markAt] === ERASED);
  if (erased.length === 0) return hasGap(segment, frame.offset, frame.end);
  // The zeros of erased payloads were written.
  const start = frame.offset - (frame.offset % SECTOR_BYTES);
  const written = Buffer.from(segment.subarray(start, frame.end));
  for (const { markAt, length } of erased) written.fill(ERASED, markAt - start, markAt - start + 1 + length);
  return hasGap(written, frame.offset - start, frame.end - start);
}

/** Whether one of the sectors from `from` to `to` is zeros, as far as it lies there, or the last byte is. */
function hasGap(segment: Buffer, from: number, to: number): boolean {
  if (to > segment.length || segment[to - 1] === 0) return true;
  for (let at = from; at < to; ) {
    const sectorEnd = Math.min(to, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    if (segment.subarray(at, sectorEnd).every((byte) => byte === 0)) return true;
    at = sectorEnd;
  }
  return false;
}

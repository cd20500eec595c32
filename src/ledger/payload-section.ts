import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import type { EntryToStore, Payload } from './entry-store.ts';

/**
 * The payloads of a frame, behind its entries. Numbers are big-endian.
 *
 *   crc32 of count and directory 4 | count 4 | directory: entry 4, length 4, crc32 of the bytes 4, each
 *   | mark 1, bytes, each | 1
 *
 * `entry` counts from the first one of the frame. What can be erased has a checksum of its own, so erasing changes a mark and
 * zeros only: nothing is written anew that a crash could leave half done, and what was not erased stays provable. The byte
 * at the end is not zero: what was not written can be seen.
 */
const SECTION_HEADER_BYTES = 8;
const RECORD_BYTES = 12;
const END_MARK = 0x01;
/** One byte is written whole or not at all; all bits differ, so no flipped bit makes one of the other. */
const KEPT = 0xa5;
export const ERASED = 0x5a;

/** Of a section, besides what `payloadBytesOf` counts. */
export const SECTION_BYTES = SECTION_HEADER_BYTES + 1;

/** Where a payload lies. */
export interface PayloadSpan {
  /** Its entry, counted from the first one of the frame. */
  readonly entry: number;
  /** Offset of its mark; the bytes follow. */
  readonly markAt: number;
  readonly length: number;
  readonly crc: number;
}

/** The length of what `writePayloadSection` writes; 0 when there is nothing. */
export function payloadSectionBytes(entries: readonly EntryToStore[]): number {
  let bytes = 0;
  for (const { payloads } of entries) {
    if (payloads) bytes += payloadBytesOf(payloads);
  }
  return bytes === 0 ? 0 : SECTION_BYTES + bytes;
}

/** What the payloads of one entry add to a section. */
export function payloadBytesOf(payloads: readonly Uint8Array[]): number {
  return payloads.reduce((sum, { length }) => sum + RECORD_BYTES + 1 + length, 0);
}

/** Writes the section from `at` on. */
export function writePayloadSection(target: Buffer, at: number, entries: readonly EntryToStore[]): void {
  const all = entries.flatMap(({ payloads = [] }, entry) => payloads.map((bytes) => ({ entry, bytes })));
  let record = at + SECTION_HEADER_BYTES;
  let place = record + all.length * RECORD_BYTES;
  const bytesAt = place;
  for (const { entry, bytes } of all) {
    assert(bytes.length > 0, 'a payload has bytes');
    target.writeUInt32BE(entry, record);
    target.writeUInt32BE(bytes.length, record + 4);
    target.writeUInt32BE(crc32(bytes), record + 8);
    record += RECORD_BYTES;
    place = target.writeUInt8(KEPT, place);
    target.set(bytes, place);
    place += bytes.length;
  }
  target.writeUInt32BE(all.length, at + 4);
  target.writeUInt32BE(crc32(target.subarray(at + 4, bytesAt)), at);
  target.writeUInt8(END_MARK, place);
}

/** Where the payloads of a section lie, in the order of their entries; undefined when its directory does not hold. */
export function payloadSpans(buffer: Buffer, at: number, end: number): PayloadSpan[] | undefined {
  if (at + SECTION_HEADER_BYTES > end || end > buffer.length) return undefined;
  const directory = at + SECTION_HEADER_BYTES;
  const bytesAt = directory + buffer.readUInt32BE(at + 4) * RECORD_BYTES;
  if (bytesAt > end || crc32(buffer.subarray(at + 4, bytesAt)) !== buffer.readUInt32BE(at)) return undefined;
  const spans: PayloadSpan[] = [];
  let markAt = bytesAt;
  for (let record = directory; record < bytesAt; record += RECORD_BYTES) {
    const length = buffer.readUInt32BE(record + 4);
    spans.push({ entry: buffer.readUInt32BE(record), markAt, length, crc: buffer.readUInt32BE(record + 8) });
    markAt += 1 + length;
  }
  return markAt + 1 === end ? spans : undefined;
}

/** What a payload is now. An erased one may still have bytes that were not overwritten: `isWiped` tells. */
export function payloadAt(buffer: Buffer, { markAt, length, crc }: PayloadSpan): Payload {
  const mark = buffer[markAt];
  if (mark === ERASED) return { kind: 'erased', length };
  const bytes = buffer.subarray(markAt + 1, markAt + 1 + length);
  return mark === KEPT && crc32(bytes) === crc ? { kind: 'kept', bytes } : { kind: 'damaged', length };
}

/**
 * The first entry of a section, counted from that of its frame, of which a payload is neither as it was written nor
 * erased; undefined when all is well.
 */
export function damagedEntry(buffer: Buffer, at: number, end: number): number | undefined {
  const spans = payloadSpans(buffer, at, end);
  if (!spans) return 0;
  const damaged = spans.find((span) => payloadAt(buffer, span).kind === 'damaged');
  return damaged?.entry ?? (buffer[end - 1] === END_MARK ? undefined : spans.at(-1)?.entry);
}

/** Whether all bytes of a payload are zeros. */
export function isWiped(buffer: Buffer, { markAt, length }: PayloadSpan): boolean {
  return buffer.subarray(markAt + 1, markAt + 1 + length).every((byte) => byte === 0);
}

import { assert } from '../base/assert.ts';
import type { NewEntry } from './sequencer.ts';

/**
 * Entries on their way from one thread to another, in one piece of memory that changes hands. Each is
 *
 *   length of the id 4 | length of the entry 4 | count of payloads 4 | their lengths 4 each | id | entry | payloads
 */
const FIXED_BYTES = 12;
const LENGTH_BYTES = 4;
/** UTF-8 takes at most three bytes for a unit of UTF-16. */
const UNIT_BYTES_MAX = 3;

/** The most bytes that an entry may take in a chunk. */
export function bytesInChunk({ id, bytes, payloads }: NewEntry): number {
  let length = FIXED_BYTES + id.length * UNIT_BYTES_MAX + bytes.length;
  if (payloads) for (const payload of payloads) length += LENGTH_BYTES + payload.length;
  return length;
}

/** Copies an entry to `at`, where there is room for `bytesInChunk`; gives where it ends. */
export function writeEntry(chunk: Buffer, at: number, { id, bytes, payloads }: NewEntry): number {
  const count = payloads?.length ?? 0;
  let end = at + FIXED_BYTES + count * LENGTH_BYTES;
  const idBytes = chunk.write(id, end);
  end += idBytes;
  chunk.set(bytes, end);
  end += bytes.length;
  writeNumber(chunk, at, idBytes);
  writeNumber(chunk, at + 4, bytes.length);
  writeNumber(chunk, at + 8, count);
  for (let n = 0; n < count; n += 1) {
    const payload = payloads![n]!;
    writeNumber(chunk, at + FIXED_BYTES + n * LENGTH_BYTES, payload.length);
    chunk.set(payload, end);
    end += payload.length;
  }
  return end;
}

/** The entries in the first `used` bytes of a chunk, as views into it. */
export function readEntries(chunk: Buffer, used: number): NewEntry[] {
  const entries: NewEntry[] = [];
  let at = 0;
  while (at < used) {
    const idAt = at + FIXED_BYTES + chunk.readUInt32LE(at + 8) * LENGTH_BYTES;
    const bytesAt = idAt + chunk.readUInt32LE(at);
    let end = bytesAt + chunk.readUInt32LE(at + 4);
    const entry = { id: chunk.toString('utf8', idAt, bytesAt), bytes: chunk.subarray(bytesAt, end) };
    if (idAt === at + FIXED_BYTES) {
      entries.push(entry);
      at = end;
      continue;
    }
    const payloads: Buffer[] = [];
    for (let lengthAt = at + FIXED_BYTES; lengthAt < idAt; lengthAt += LENGTH_BYTES) {
      const length = chunk.readUInt32LE(lengthAt);
      payloads.push(chunk.subarray(end, end + length));
      end += length;
    }
    entries.push({ ...entry, payloads });
    at = end;
  }
  assert(at === used, 'a chunk ends with an entry');
  return entries;
}

/** Cheaper than the checked method, which the thread that makes entries would pay three times for each. */
function writeNumber(chunk: Buffer, at: number, value: number): void {
  chunk[at] = value;
  chunk[at + 1] = value >>> 8;
  chunk[at + 2] = value >>> 16;
  chunk[at + 3] = value >>> 24;
}

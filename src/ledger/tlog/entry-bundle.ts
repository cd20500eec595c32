import { ok as assert } from 'node:assert/strict';
import { TILE_WIDTH } from './tile.ts';

/** C2SP tlog-tiles: entries one after the other, each behind its length as a 16-bit number. */

const LENGTH_BYTES = 2;
export const ENTRY_BYTES_MAX = 0xffff;
export const BUNDLE_BYTES_MAX = TILE_WIDTH * (LENGTH_BYTES + ENTRY_BYTES_MAX);

/** The bundle of some entries, each of at most 65,535 bytes. */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  const bundle = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    assert(entry.length <= ENTRY_BYTES_MAX, 'an entry has at most 65,535 bytes');
    at = bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at);
    at += entry.length;
  }
  return bundle;
}

/** The entries of a bundle as views into it, or undefined when it is cut off or has more than a bundle holds. */
export function decodeBundle(bundle: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bundle.length; ) {
    if (at + LENGTH_BYTES > bundle.length || entries.length === TILE_WIDTH) return undefined;
    const end = at + LENGTH_BYTES + view.getUint16(at);
    if (end > bundle.length) return undefined;
    entries.push(bundle.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return entries;
}

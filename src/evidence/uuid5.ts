import { createHash } from 'node:crypto';

/** Namespace of the names that documents of Kintsugi are made of; drawn once, and never changed. */
const NAMESPACE = Buffer.from('8f1d4c1e7a5b4c0e9d3a2b6f5e4d3c2b', 'hex');

/** The UUID of a name (RFC 9562, version 5): the same name, the same UUID, so that a document can be made again and compared. */
export function uuid5(name: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

import { type KeyObject, sign, verify } from 'node:crypto';
import { parseCheckpoint } from './checkpoint.ts';
import type { NoteKey } from './note-key.ts';

/** C2SP tlog-cosignature: that a checkpoint was seen, consistent with all earlier ones, at a time. */

const TIME_BYTES = 8;
const NAME_BYTES_MAX = 255;
const SUBTREE_LABEL = Buffer.from('subtree/v1\n\0');

/** The bytes that a cosigner signs, or undefined where the note is not one that can be cosigned so. */
function cosignedMessage(key: NoteKey, text: string, timeS: bigint): Buffer | undefined {
  if (key.kind === 'cosignature') return Buffer.from(`cosignature/v1\ntime ${timeS}\n${text}`);
  const checkpoint = parseCheckpoint(text);
  if (!checkpoint) return undefined;
  const name = prefixed(key.name);
  const origin = prefixed(checkpoint.origin);
  if (!name || !origin) return undefined;
  const [start, end] = [number64(0n), number64(BigInt(checkpoint.size))];
  return Buffer.concat([SUBTREE_LABEL, name, number64(timeS), origin, start, end, checkpoint.root]);
}

function prefixed(text: string): Buffer | undefined {
  const bytes = Buffer.from(text);
  return bytes.length > 0 && bytes.length <= NAME_BYTES_MAX
    ? Buffer.concat([Buffer.of(bytes.length), bytes])
    : undefined;
}

function number64(value: bigint): Buffer {
  const bytes = Buffer.alloc(TIME_BYTES);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** The signature of a cosigner over the text of a checkpoint: its time and what signs both. */
export function cosign(text: string, key: NoteKey, privateKey: KeyObject, timeS: number): Buffer {
  const time = BigInt(timeS);
  const message = cosignedMessage(key, text, time);
  if (!message) throw new TypeError('only a checkpoint with names of at most 255 bytes can be cosigned');
  return Buffer.concat([number64(time), sign(null, message, privateKey)]);
}

/** When a cosigner says that it saw the text, in seconds since 1970; undefined when its signature does not hold. */
export function verifyCosignature(text: string, key: NoteKey, signature: Uint8Array): number | undefined {
  if (signature.length <= TIME_BYTES) return undefined;
  const time = Buffer.from(signature.subarray(0, TIME_BYTES)).readBigUInt64BE();
  const message = cosignedMessage(key, text, time);
  // Times behind 2^53 seconds are of no calendar; the specification ends at 2^63 - 1.
  if (!message || time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return verify(null, message, key.publicKey, signature.subarray(TIME_BYTES)) ? Number(time) : undefined;
}

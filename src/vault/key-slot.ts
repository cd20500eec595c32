import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * A slot holds one data key, wrapped by AES-256-GCM under the key-encryption key of its epoch:
 *
 *   magic 4 | key id 16 | iv 12 | wrapped: data key 32, digest of the subject 32 | tag 16 | crc32 of all before 4 | zeros
 *
 * Whose key it is stands in the wrapped part only, so that without the epoch's key nobody can try out names on it. Slots
 * divide sectors: overwriting one touches no other. A slot of zeros is one whose key was destroyed.
 */
export const SLOT_BYTES = 128;
const KID_BYTES = 16;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const MAGIC = Buffer.from([0xf1, 0x4b, 0x44, 0x31]);
const WRAPPED_AT = MAGIC.length + KID_BYTES + IV_BYTES;
const TAG_AT = WRAPPED_AT + 2 * KEY_BYTES;
const CRC_AT = TAG_AT + TAG_BYTES;
const CIPHER = 'aes-256-gcm';

/** A data key in the clear. */
export interface DataKey {
  /** Random, 22 characters of base64url; tells nothing about the subject. */
  readonly kid: string;
  /** 256 random bits, never derived from anything. */
  readonly key: Buffer;
  /** SHA-256 of whom it belongs to. */
  readonly subject: Buffer;
}

export function newDataKey(subject: Buffer): DataKey {
  return { kid: randomBytes(KID_BYTES).toString('base64url'), key: randomBytes(KEY_BYTES), subject };
}

export function wrapKey({ kid, key, subject }: DataKey, kek: KeyObject, epoch: number): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, kek, iv);
  cipher.setAAD(aadOf(kid, epoch));
  MAGIC.copy(slot);
  slot.write(kid, MAGIC.length, 'base64url');
  iv.copy(slot, MAGIC.length + KID_BYTES);
  cipher.update(Buffer.concat([key, subject])).copy(slot, WRAPPED_AT);
  cipher.final();
  cipher.getAuthTag().copy(slot, TAG_AT);
  slot.writeUInt32BE(crc32(slot.subarray(0, CRC_AT)), CRC_AT);
  return slot;
}

/** What a slot holds: nothing, a key, or bytes that are no key under this key-encryption key. */
export function unwrapKey(slot: Buffer, kek: KeyObject, epoch: number): DataKey | 'empty' | 'damaged' {
  if (slot.every((byte) => byte === 0)) return 'empty';
  const isWhole = slot.subarray(0, MAGIC.length).equals(MAGIC);
  if (!isWhole || slot.readUInt32BE(CRC_AT) !== crc32(slot.subarray(0, CRC_AT))) return 'damaged';
  const kid = slot.toString('base64url', MAGIC.length, MAGIC.length + KID_BYTES);
  const decipher = createDecipheriv(CIPHER, kek, slot.subarray(MAGIC.length + KID_BYTES, WRAPPED_AT));
  decipher.setAAD(aadOf(kid, epoch)).setAuthTag(slot.subarray(TAG_AT, CRC_AT));
  try {
    const plain = Buffer.concat([decipher.update(slot.subarray(WRAPPED_AT, TAG_AT)), decipher.final()]);
    return { kid, key: plain.subarray(0, KEY_BYTES), subject: plain.subarray(KEY_BYTES) };
  } catch {
    return 'damaged';
  }
}

function aadOf(kid: string, epoch: number): Buffer {
  return Buffer.from(`kintsugi data key ${kid} of epoch ${epoch}`);
}

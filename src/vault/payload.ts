import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { assert } from '../base/assert.ts';

/**
 * A payload is personal data sealed for one subject: `iv 12 | AES-256-GCM(data key, text, aad) | tag 16`. The text is
 * padded, since its length alone would narrow down what it was once nobody can read it any more.
 */
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const PREFIX_BYTES = 8;
const TAG_BYTES = 16;
const PADDED_TO = 64;
const COUNT_MAX = 0xffff_ffff;

/**
 * Initialisation vectors for one key that are never given twice: 64 random bits that name this run and a counter (the
 * deterministic construction of NIST SP 800-38D, 8.2.1). Wholly random ones would wear a key out after 2^32 payloads,
 * which the key of a busy client reaches in weeks.
 */
export class IvSequence {
  #prefix = randomBytes(PREFIX_BYTES);
  #count = 0;

  next(): Buffer {
    if (this.#count === COUNT_MAX) {
      this.#prefix = randomBytes(PREFIX_BYTES);
      this.#count = 0;
    }
    const iv = Buffer.allocUnsafe(IV_BYTES);
    this.#prefix.copy(iv);
    iv.writeUInt32BE(this.#count, PREFIX_BYTES);
    this.#count += 1;
    return iv;
  }
}

/** What a payload is bound to: it cannot be passed off as one of another entry or in another role. */
export function payloadAad(entryId: string, role: string): string {
  return `${entryId}\n${role}`;
}

/** The payload of a text. `iv` must be new for this key. */
export function sealPayload(key: KeyObject, iv: Buffer, aad: string, text: string): Buffer {
  assert(iv.length === IV_BYTES, 'GCM takes an initialisation vector of 96 bits');
  const cipher = createCipheriv(CIPHER, key, iv);
  cipher.setAAD(Buffer.from(aad));
  const bytes = Buffer.byteLength(text);
  const padding = ' '.repeat((PADDED_TO - (bytes % PADDED_TO)) % PADDED_TO);
  return Buffer.concat([iv, cipher.update(text + padding, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** The text of a payload, or undefined when it is not one of this key and place. */
export function openPayload(key: KeyObject, aad: string, payload: Uint8Array): string | undefined {
  if (payload.length < IV_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, payload.subarray(0, IV_BYTES));
  decipher.setAAD(Buffer.from(aad)).setAuthTag(payload.subarray(payload.length - TAG_BYTES));
  try {
    const text = decipher.update(payload.subarray(IV_BYTES, payload.length - TAG_BYTES), undefined, 'utf8');
    return (text + decipher.final('utf8')).trimEnd();
  } catch {
    return undefined;
  }
}

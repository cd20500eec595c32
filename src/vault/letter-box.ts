import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  decapsulate,
  encapsulate,
  type KeyObject,
} from 'node:crypto';
import { IvSequence, openPayload, sealPayload } from './payload.ts';

/**
 * A letter box: whoever has its public key can put something in that only the vault can take out. Gateways keep personal
 * data so in their journals, which outlive them. X25519 as a key encapsulation mechanism (DHKEM of RFC 9180, 4.1), once a
 * slot; letters are then payloads under the shared key.
 */
const ENCAPSULATED_BYTES = 32;
/** PKCS #8 and SPKI around the 32 bytes of an X25519 key (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

export interface LetterSlot {
  /** Seals a text; `aad` has to be told again to open it. */
  seal(aad: string, text: string): string;
}

/** The private key of a letter box from 32 random bytes. */
export function letterBoxKey(bytes: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, bytes]), format: 'der', type: 'pkcs8' });
}

/** The public key of a letter box as a line of text. */
export function letterBoxAddress(key: KeyObject): string {
  return createPublicKey(key)
    .export({ format: 'der', type: 'spki' })
    .subarray(PUBLIC_PREFIX.length)
    .toString('base64url');
}

/** A slot at an address, for as long as a process runs; undefined when it is no address. */
export function letterSlot(address: string): LetterSlot | undefined {
  const bytes = Buffer.from(address.trim(), 'base64url');
  if (bytes.length !== ENCAPSULATED_BYTES) return undefined;
  const box = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, bytes]), format: 'der', type: 'spki' });
  const { sharedKey, ciphertext } = encapsulate(box);
  const key = createSecretKey(sharedKey);
  const ivs = new IvSequence();
  return {
    seal: (aad, text) => Buffer.concat([ciphertext, sealPayload(key, ivs.next(), aad, text)]).toString('base64'),
  };
}

/** The text of a letter, or undefined when none of the boxes has it. */
export function openLetter(boxes: readonly KeyObject[], aad: string, letter: string): string | undefined {
  const bytes = Buffer.from(letter, 'base64');
  const encapsulated = bytes.subarray(0, ENCAPSULATED_BYTES);
  for (const box of boxes) {
    const text = openWith(box, encapsulated, aad, bytes.subarray(ENCAPSULATED_BYTES));
    if (text !== undefined) return text;
  }
  return undefined;
}

function openWith(box: KeyObject, encapsulated: Buffer, aad: string, payload: Buffer): string | undefined {
  try {
    return openPayload(createSecretKey(decapsulate(box, encapsulated)), aad, payload);
  } catch {
    return undefined;
  }
}

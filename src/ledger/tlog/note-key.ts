import { ok as assert } from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { decodeBase64 } from './base64.ts';

/**
 * What a key signs, and how: `ed25519` the text of a note (C2SP signed-note); `cosignature` a checkpoint with a time, by
 * Ed25519; `ml-dsa-44` the same by ML-DSA-44 (both C2SP tlog-cosignature).
 */
export type SignatureKind = 'ed25519' | 'cosignature' | 'ml-dsa-44';

interface Algorithm {
  /** The first byte of a typed key in a vkey. */
  readonly type: number;
  readonly keyBytes: number;
  /** DER of a SubjectPublicKeyInfo up to the bytes of the key. */
  readonly spkiPrefix: Buffer;
}

const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

const ALGORITHMS: Readonly<Record<SignatureKind, Algorithm>> = {
  ed25519: { type: 0x01, keyBytes: 32, spkiPrefix: ED25519_SPKI },
  cosignature: { type: 0x04, keyBytes: 32, spkiPrefix: ED25519_SPKI },
  'ml-dsa-44': {
    type: 0x06,
    keyBytes: 1312,
    spkiPrefix: Buffer.from('30820532300b06096086480165030403110382052100', 'hex'),
  },
};

export const KEY_ID_BYTES = 4;

/** A key that may be found on notes. */
export interface NoteKey {
  readonly name: string;
  /** Eight hex digits, made of name, kind and key. */
  readonly id: string;
  readonly kind: SignatureKind;
  readonly publicKey: KeyObject;
}

/** Whether this Node knows ML-DSA-44. Where it does not, such keys do not parse and are passed over as unknown. */
export function hasMlDsa(): boolean {
  isMlDsaKnown ??= triesMlDsa();
  return isMlDsaKnown;
}

let isMlDsaKnown: boolean | undefined;

function triesMlDsa(): boolean {
  try {
    generateKeyPairSync('ml-dsa-44');
    return true;
  } catch {
    return false;
  }
}

/** Key names have no Unicode spaces and no plus. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && !/[\s+\p{White_Space}]/u.test(name);
}

/** The bytes of a public key, without what DER puts before them. */
export function rawPublicKey(publicKey: KeyObject): Buffer {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = Object.values(ALGORITHMS).find(
    ({ spkiPrefix, keyBytes }) =>
      der.length === spkiPrefix.length + keyBytes && der.subarray(0, spkiPrefix.length).equals(spkiPrefix),
  );
  assert(algorithm, 'only Ed25519 and ML-DSA-44 keys sign notes');
  return der.subarray(algorithm.spkiPrefix.length);
}

function typedKey(kind: SignatureKind, raw: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(ALGORITHMS[kind].type), raw]);
}

function keyId(name: string, typed: Uint8Array): string {
  const digest = createHash('sha256').update(`${name}\n`).update(typed).digest();
  return digest.subarray(0, KEY_ID_BYTES).toString('hex');
}

/** A note key of a name and a public key. Throws when the name is none or the key is not one of its kind. */
export function noteKey(name: string, publicKey: KeyObject, kind: SignatureKind = 'ed25519'): NoteKey {
  assert(isKeyName(name), 'a key name has no spaces and no plus');
  const raw = rawPublicKey(publicKey);
  assert(raw.length === ALGORITHMS[kind].keyBytes, `the key is not one for ${kind}`);
  return { name, id: keyId(name, typedKey(kind, raw)), kind, publicKey };
}

/** `<name>+<key id>+<base64 of type and key>`: what is given to those who verify. */
export function formatVkey(key: NoteKey): string {
  const typed = typedKey(key.kind, rawPublicKey(key.publicKey));
  return `${key.name}+${key.id}+${typed.toString('base64')}`;
}

/** The key of a vkey; undefined for what is none, has another key id, or is of a kind that is not known here. */
export function parseVkey(vkey: string): NoteKey | undefined {
  const [name = '', id = '', ...rest] = vkey.split('+');
  const typed = decodeBase64(rest.join('+'));
  if (!isKeyName(name) || typed === undefined || keyId(name, typed) !== id) return undefined;
  for (const [kind, { type, keyBytes, spkiPrefix }] of Object.entries(ALGORITHMS)) {
    if (typed[0] !== type || typed.length !== 1 + keyBytes) continue;
    const der = Buffer.concat([spkiPrefix, typed.subarray(1)]);
    try {
      return {
        name,
        id,
        kind: kind as SignatureKind,
        publicKey: createPublicKey({ key: der, type: 'spki', format: 'der' }),
      };
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The key by which the owner of an Ed25519 log key says when it signed: the same key under its other type. */
export function timeKeyOf(key: NoteKey): NoteKey {
  return noteKey(key.name, key.publicKey, 'cosignature');
}

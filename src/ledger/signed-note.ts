import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { assert } from '../base/assert.ts';

/** C2SP signed-note: text that is signed by one or more keys, readable by people and by other logs' tools. */

const ED25519 = 0x01;
const KEY_ID_BYTES = 4;
/** The specification asks for at least 16. */
const SIGNATURES_MAX = 64;
const SIGNATURE_LINE = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/u;
/** DER of an Ed25519 SubjectPublicKeyInfo up to the 32 bytes of the key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** A key that may be found on notes. */
export interface NoteKey {
  readonly name: string;
  /** Eight hex digits. */
  readonly id: string;
  readonly publicKey: KeyObject;
}

/** What is known of a note after it was opened. `signers` are names of known keys whose signatures hold. */
export type OpenedNote =
  | { readonly kind: 'signed'; readonly text: string; readonly signers: readonly string[] }
  | { readonly kind: 'rejected'; readonly reason: string };

/** Bytes of standard base64, or undefined when it is not the one encoding of them. */
export function strictBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** The 32 bytes of an Ed25519 public key. */
export function rawPublicKey(key: KeyObject): Buffer {
  const der = key.export({ type: 'spki', format: 'der' });
  assert(der.length === SPKI_PREFIX.length + 32, 'only Ed25519 keys sign notes');
  return der.subarray(SPKI_PREFIX.length);
}

function keyId(name: string, typedKey: Uint8Array): string {
  const digest = createHash('sha256').update(`${name}\n`).update(typedKey).digest();
  return digest.subarray(0, KEY_ID_BYTES).toString('hex');
}

function isKeyName(name: string): boolean {
  return name.length > 0 && !/[\s+]/u.test(name);
}

/** A note key of a name and an Ed25519 public key. */
export function noteKey(name: string, publicKey: KeyObject): NoteKey {
  assert(isKeyName(name), 'a key name has no spaces and no plus');
  return { name, id: keyId(name, Buffer.concat([Buffer.of(ED25519), rawPublicKey(publicKey)])), publicKey };
}

/** `<name>+<key id>+<base64 of type and key>`: what is given to those who verify. */
export function formatVkey(key: NoteKey): string {
  const typed = Buffer.concat([Buffer.of(ED25519), rawPublicKey(key.publicKey)]);
  return `${key.name}+${key.id}+${typed.toString('base64')}`;
}

/** The key of a vkey, or undefined for what is not an Ed25519 vkey with the right key id. */
export function parseVkey(vkey: string): NoteKey | undefined {
  const [name = '', id = '', ...rest] = vkey.split('+');
  const typed = strictBase64(rest.join('+'));
  if (!isKeyName(name) || typed?.length !== 33 || typed[0] !== ED25519 || keyId(name, typed) !== id) return undefined;
  const der = Buffer.concat([SPKI_PREFIX, typed.subarray(1)]);
  return { name, id, publicKey: createPublicKey({ key: der, type: 'spki', format: 'der' }) };
}

/** Signs `text`, which must end in a newline and hold no other control character. */
export function signNote(text: string, key: NoteKey, privateKey: KeyObject): string {
  assert(text.endsWith('\n') && isNoteText(text), 'a note is lines of printable text');
  const signature = Buffer.concat([Buffer.from(key.id, 'hex'), sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n— ${key.name} ${signature.toString('base64')}\n`;
}

function isNoteText(text: string): boolean {
  return text.isWellFormed() && [...text].every((character) => character >= ' ' || character === '\n');
}

/**
 * Opens a note. It is signed when at least one known key signed it and no signature of a known key fails; signatures of
 * unknown keys are passed over.
 */
export function openNote(note: string, known: readonly NoteKey[]): OpenedNote {
  if (!isNoteText(note) || !note.endsWith('\n')) return rejected('it is not lines of printable text');
  const split = note.lastIndexOf('\n\n');
  if (split < 0) return rejected('it has no signatures');
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) return rejected('it has too many signatures');
  const signers = new Set<string>();
  for (const line of lines) {
    const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
    const blob = strictBase64(encoded);
    if (!isKeyName(name) || blob === undefined || blob.length <= KEY_ID_BYTES)
      return rejected('a signature line is malformed');
    const id = blob.subarray(0, KEY_ID_BYTES).toString('hex');
    const key = known.find((one) => one.name === name && one.id === id);
    if (!key) continue;
    if (!verify(null, Buffer.from(text), key.publicKey, blob.subarray(KEY_ID_BYTES))) {
      return rejected(`the signature of ${name} does not hold`);
    }
    signers.add(name);
  }
  return signers.size > 0 ? { kind: 'signed', text, signers: [...signers] } : rejected('no known key signed it');
}

function rejected(reason: string): OpenedNote {
  return { kind: 'rejected', reason };
}

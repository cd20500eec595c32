import { ok as assert } from 'node:assert/strict';
import { type KeyObject, sign, verify } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import { cosign, verifyCosignature } from './cosignature.ts';
import { isKeyName, KEY_ID_BYTES, type NoteKey } from './note-key.ts';

/** C2SP signed-note: text that is signed by one or more keys, readable by people and by other logs' tools. */

/** The specification asks for at least 16. */
const SIGNATURES_MAX = 64;
/** More than 64 post-quantum signatures take. */
const NOTE_CHARACTERS_MAX = 1024 * 1024;
const SIGNATURE_LINE = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/u;

/** A signature that holds, and by a cosigner also when it was made. */
export interface NoteSignature {
  readonly key: NoteKey;
  /** Seconds since 1970. */
  readonly timeS?: number;
}

/** What is known of a note after it was opened: the text and the known keys whose signatures hold. */
export type OpenedNote =
  | { readonly kind: 'signed'; readonly text: string; readonly signatures: readonly NoteSignature[] }
  | { readonly kind: 'rejected'; readonly reason: string };

/** A key that signs. */
export interface NoteSigner {
  readonly key: NoteKey;
  readonly privateKey: KeyObject;
}

/** A note as it is written, its parts not judged. */
interface SplitNote {
  readonly text: string;
  readonly lines: readonly string[];
}

function isNoteText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text);
}

/** Text and signature lines of a note. The last empty line parts them: the text may hold others. */
function splitNote(note: string): SplitNote | undefined {
  if (note.length > NOTE_CHARACTERS_MAX || !isNoteText(note) || !note.endsWith('\n')) return undefined;
  const split = note.lastIndexOf('\n\n');
  return split < 0 ? undefined : { text: note.slice(0, split + 1), lines: note.slice(split + 2, -1).split('\n') };
}

/** The text of a note without a look at its signatures: for what needs no proof, or proves it by other means. */
export function textOfNote(note: string): string | undefined {
  return splitNote(note)?.text;
}

/** One signature line. `timeS` is for keys that cosign, in seconds since 1970. */
export function signatureLine(text: string, { key, privateKey }: NoteSigner, timeS: number): string {
  assert(text.endsWith('\n') && isNoteText(text), 'a note is lines of printable text');
  const signature =
    key.kind === 'ed25519' ? sign(null, Buffer.from(text), privateKey) : cosign(text, key, privateKey, timeS);
  return `— ${key.name} ${Buffer.concat([Buffer.from(key.id, 'hex'), signature]).toString('base64')}\n`;
}

/** Signs `text`, which must end in a newline and hold no other control character, by each signer in turn. */
export function signNote(text: string, signers: readonly NoteSigner[], timeS: number): string {
  return `${text}\n${signers.map((signer) => signatureLine(text, signer, timeS)).join('')}`;
}

/**
 * Opens a note. It is signed when at least one known key signed it and no signature of a known key fails; signatures of
 * unknown keys are passed over. Never throws.
 */
export function openNote(note: string, known: readonly NoteKey[]): OpenedNote {
  const parts = splitNote(note);
  if (!parts) return rejected('it is not lines of printable text with signatures');
  if (parts.lines.length > SIGNATURES_MAX) return rejected('it has too many signatures');
  const signatures: NoteSignature[] = [];
  for (const line of parts.lines) {
    const found = readLine(line, parts.text, known);
    if (typeof found === 'string') return rejected(found);
    if (found && !signatures.some(({ key }) => key === found.key)) signatures.push(found);
  }
  return signatures.length > 0 ? { kind: 'signed', text: parts.text, signatures } : rejected('no known key signed it');
}

/** The note with only those of its signature lines that known keys made, each key once. The note must have been opened. */
export function keepSignatures(note: string, known: readonly NoteKey[]): string {
  const parts = splitNote(note);
  assert(parts, 'a note that opened has its parts');
  const kept = known.flatMap((key) => {
    const line = parts.lines.find((each) => typeof readLine(each, parts.text, [key]) === 'object');
    return line === undefined ? [] : [`${line}\n`];
  });
  return `${parts.text}\n${kept.join('')}`;
}

/** The signature of a line, undefined when nobody known made it, or what is wrong with it. */
function readLine(line: string, text: string, known: readonly NoteKey[]): NoteSignature | string | undefined {
  const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const blob = decodeBase64(encoded);
  if (!isKeyName(name) || blob === undefined || blob.length <= KEY_ID_BYTES) return 'a signature line is malformed';
  const id = blob.subarray(0, KEY_ID_BYTES).toString('hex');
  const key = known.find((one) => one.name === name && one.id === id);
  if (!key) return undefined;
  const signature = blob.subarray(KEY_ID_BYTES);
  const timeS = key.kind === 'ed25519' ? undefined : verifyCosignature(text, key, signature);
  const holds =
    key.kind === 'ed25519' ? verify(null, Buffer.from(text), key.publicKey, signature) : timeS !== undefined;
  if (!holds) return `the signature of ${name} does not hold`;
  return timeS === undefined ? { key } : { key, timeS };
}

function rejected(reason: string): OpenedNote {
  return { kind: 'rejected', reason };
}

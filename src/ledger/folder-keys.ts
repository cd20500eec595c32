import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KinError } from '../base/errors.ts';
import { tamperedFile } from './ledger-fault.ts';
import {
  KEY_FILE,
  QUANTUM_KEY_FILE,
  QUANTUM_VKEY_FILE,
  quantumVkeyOf,
  readSigningKey,
  type SigningKey,
  VKEY_FILE,
} from './signing-key.ts';
import { formatVkey, hasMlDsa, type NoteKey, parseVkey, timeKeyOf } from './tlog/note-key.ts';

/**
 * The keys that must have signed the checkpoint of a ledger, the one that names it first. All files that hold a key must
 * agree with each other and with `publicKey`, where that is given. Throws `ledger.tampered`, or `request.invalid` when
 * `publicKey` is not the vkey of a log.
 */
export function folderKeys(dir: string, publicKey: string | undefined): readonly [NoteKey, ...NoteKey[]] {
  const given = publicKey === undefined ? undefined : parseVkey(publicKey.trim());
  if (publicKey !== undefined && given?.kind !== 'ed25519') {
    throw new KinError('request.invalid', 'the public key is not the vkey of a log');
  }
  const own = existsSync(join(dir, KEY_FILE)) ? readSigningKey(dir) : undefined;
  if (!own && existsSync(join(dir, KEY_FILE))) throw tamperedFile(KEY_FILE, 'it is not as it was created');
  const found = existsSync(join(dir, VKEY_FILE)) ? readVkey(dir, VKEY_FILE) : own?.key;
  const trusted = given ?? found;
  if (!trusted) throw tamperedFile(VKEY_FILE, 'the key is missing');
  for (const [file, key] of [
    [VKEY_FILE, found],
    [KEY_FILE, own?.key],
  ] as const) {
    if (key && formatVkey(key) !== formatVkey(trusted))
      throw tamperedFile(file, 'the key is not the one of this ledger');
  }
  return [trusted, timeKeyOf(trusted), ...quantumKeys(dir, trusted, own)];
}

/** The post-quantum key, where the ledger has one and this Node knows how to use it. */
function quantumKeys(dir: string, trusted: NoteKey, own: SigningKey | undefined): NoteKey[] {
  const hasPublic = existsSync(join(dir, QUANTUM_VKEY_FILE));
  if (!hasMlDsa() || (!hasPublic && !existsSync(join(dir, QUANTUM_KEY_FILE)))) return [];
  if (!hasPublic) throw tamperedFile(QUANTUM_VKEY_FILE, 'the key is missing');
  const key = readVkey(dir, QUANTUM_VKEY_FILE);
  if (key.name !== trusted.name || (own && quantumVkeyOf(own) !== formatVkey(key))) {
    throw tamperedFile(QUANTUM_VKEY_FILE, 'the key is not the one of this ledger');
  }
  return [key];
}

function readVkey(dir: string, file: string): NoteKey {
  const text = readFileSync(join(dir, file), 'utf8');
  const key = parseVkey(text.slice(0, -1));
  if (!key || text !== `${formatVkey(key)}\n`) throw tamperedFile(file, 'it is not a vkey');
  return key;
}

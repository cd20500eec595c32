import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../base/durable-file.ts';
import { formatVkey, type NoteKey, noteKey, rawPublicKey } from './signed-note.ts';

/** The private key (0600). Who has it can write another history; who has the vkey can only check. */
export const KEY_FILE = 'key.pem';
/** The public key as one line, for those who verify. */
export const VKEY_FILE = 'vkey';

/** The key that a ledger signs its checkpoints with. */
export interface SigningKey {
  readonly key: NoteKey;
  readonly privateKey: KeyObject;
  readonly vkey: string;
}

function toPem(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

function signingKey(privateKey: KeyObject): SigningKey {
  const publicKey = createPublicKey(privateKey);
  const fingerprint = createHash('sha256').update(rawPublicKey(publicKey)).digest('hex').slice(0, 16);
  // The name is also the origin of the checkpoints, so it must differ between any two ledgers.
  const key = noteKey(`kintsugi.dev/ledger/${fingerprint}`, publicKey);
  return { key, privateKey, vkey: formatVkey(key) };
}

/** Creates the key of a new ledger, the private part readable by its owner only. Rejects with `state.unwritable`. */
export function createSigningKey(dir: string): SigningKey {
  const created = signingKey(generateKeyPairSync('ed25519').privateKey);
  writeDurably(join(dir, KEY_FILE), toPem(created.privateKey), 0o600);
  writeDurably(join(dir, VKEY_FILE), `${created.vkey}\n`, 0o600);
  return created;
}

/** Whether a ledger has had its key. */
export function hasSigningKey(dir: string): boolean {
  return existsSync(join(dir, KEY_FILE)) && existsSync(join(dir, VKEY_FILE));
}

/**
 * The key in a ledger's folder; undefined when the file is not exactly, byte for byte, what `createSigningKey` writes.
 * Rejects with the file system's error when it cannot be read.
 */
export function readSigningKey(dir: string): SigningKey | undefined {
  const pem = readFileSync(join(dir, KEY_FILE), 'utf8');
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType !== 'ed25519' || toPem(privateKey) !== pem) return undefined;
    return signingKey(privateKey);
  } catch {
    return undefined;
  }
}

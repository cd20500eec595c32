import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../base/durable-file.ts';
import { formatVkey, hasMlDsa, type NoteKey, noteKey, rawPublicKey, timeKeyOf } from './tlog/note-key.ts';
import type { NoteSigner } from './tlog/signed-note.ts';

/** The private key (0600). Who has it can write another history; who has the vkey can only check. */
export const KEY_FILE = 'key.pem';
/** The public key as one line, for those who verify. */
export const VKEY_FILE = 'vkey';
/** The same of a second key, where the Node at birth knew ML-DSA-44: for the time when Ed25519 can be forged. */
export const QUANTUM_KEY_FILE = 'key-ml-dsa-44.pem';
export const QUANTUM_VKEY_FILE = 'vkey-ml-dsa-44';

/** The keys that a ledger signs its checkpoints with. */
export interface SigningKey {
  /** The Ed25519 key that names the ledger. */
  readonly key: NoteKey;
  readonly vkey: string;
  /** Each writes one line: the key, the same key again with the time, and ML-DSA-44 where there is one. */
  readonly signers: readonly NoteSigner[];
}

function toPem(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

function signingKey(privateKey: KeyObject, quantumKey: KeyObject | undefined): SigningKey {
  const publicKey = createPublicKey(privateKey);
  const fingerprint = createHash('sha256').update(rawPublicKey(publicKey)).digest('hex').slice(0, 16);
  // The name is also the origin of the checkpoints, so it must differ between any two ledgers.
  const key = noteKey(`kintsugi.dev/ledger/${fingerprint}`, publicKey);
  const quantum = quantumKey && {
    key: noteKey(key.name, createPublicKey(quantumKey), 'ml-dsa-44'),
    privateKey: quantumKey,
  };
  const signers = [{ key, privateKey }, { key: timeKeyOf(key), privateKey }, ...(quantum ? [quantum] : [])];
  return { key, vkey: formatVkey(key), signers };
}

/** The line that only tells of the post-quantum key, where a ledger has one. */
export function quantumVkeyOf({ signers }: SigningKey): string | undefined {
  const signer = signers.find(({ key }) => key.kind === 'ml-dsa-44');
  return signer && formatVkey(signer.key);
}

/** Creates the keys of a new ledger, the private parts readable by its owner only. Rejects with `state.unwritable`. */
export function createSigningKey(dir: string): SigningKey {
  const quantumKey = hasMlDsa() ? generateKeyPairSync('ml-dsa-44').privateKey : undefined;
  const created = signingKey(generateKeyPairSync('ed25519').privateKey, quantumKey);
  const quantumVkey = quantumVkeyOf(created);
  if (quantumKey && quantumVkey) {
    writeDurably(join(dir, QUANTUM_KEY_FILE), toPem(quantumKey), 0o600);
    writeDurably(join(dir, QUANTUM_VKEY_FILE), `${quantumVkey}\n`, 0o600);
  }
  writeDurably(join(dir, KEY_FILE), toPem(created.signers[0]!.privateKey), 0o600);
  writeDurably(join(dir, VKEY_FILE), `${created.vkey}\n`, 0o600);
  return created;
}

/** Whether a ledger has had its key. */
export function hasSigningKey(dir: string): boolean {
  return existsSync(join(dir, KEY_FILE)) && existsSync(join(dir, VKEY_FILE));
}

/**
 * The keys in a ledger's folder; undefined when a file is not exactly, byte for byte, what `createSigningKey` writes. A
 * Node that does not know ML-DSA-44 goes on without that key. Rejects with the file system's error when a file cannot be
 * read.
 */
export function readSigningKey(dir: string): SigningKey | undefined {
  const privateKey = readPem(join(dir, KEY_FILE), 'ed25519');
  const isQuantum = existsSync(join(dir, QUANTUM_KEY_FILE)) && hasMlDsa();
  const quantumKey = isQuantum ? readPem(join(dir, QUANTUM_KEY_FILE), 'ml-dsa-44') : undefined;
  if (!privateKey || (isQuantum && !quantumKey)) return undefined;
  return signingKey(privateKey, quantumKey);
}

function readPem(path: string, type: string): KeyObject | undefined {
  const pem = readFileSync(path, 'utf8');
  try {
    const privateKey = createPrivateKey(pem);
    return privateKey.asymmetricKeyType === type && toPem(privateKey) === pem ? privateKey : undefined;
  } catch {
    return undefined;
  }
}

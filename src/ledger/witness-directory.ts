import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolderDurably, writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { lockDirectory } from './directory-lock.ts';
import { hasMlDsa, isKeyName, noteKey } from './tlog/note-key.ts';
import type { NoteSigner } from './tlog/signed-note.ts';
import type { WitnessMemory } from './tlog/witness.ts';

const NAME_FILE = 'name';
const KEY_FILE = 'key.pem';
const QUANTUM_KEY_FILE = 'key-ml-dsa-44.pem';

/** What a witness keeps on disk: its keys, and of each log the note that it cosigned last. */
export interface WitnessDirectory {
  /** Ed25519 first, then ML-DSA-44 where Node knew it when the keys were made. */
  readonly signers: readonly NoteSigner[];
  readonly memory: WitnessMemory;
  /** Lets others have the folder. */
  readonly release: () => void;
}

/**
 * Opens the folder of a witness for this process alone, making its keys when it is new. The name is that of the witness
 * for ever: another one later is refused. Throws `usage.invalid`, `state.in-use`, `state.unwritable` or `state.corrupt`.
 */
export function openWitnessDirectory(dir: string, name: string | undefined): WitnessDirectory {
  makeFolderDurably(dir);
  const lock = lockDirectory(dir);
  try {
    if (!existsSync(join(dir, NAME_FILE))) giveBirth(dir, name);
    return { signers: readSigners(dir, name), memory: witnessMemory(dir), release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The name is written last: a birth that was cut short begins again. */
function giveBirth(dir: string, name: string | undefined): void {
  if (name === undefined)
    throw new KinError('usage.invalid', 'a new witness needs a --name, for example witness.example/1');
  if (!isKeyName(name)) throw new KinError('usage.invalid', 'the name of a witness has no spaces and no plus');
  writeKey(join(dir, KEY_FILE), generateKeyPairSync('ed25519').privateKey);
  if (hasMlDsa()) writeKey(join(dir, QUANTUM_KEY_FILE), generateKeyPairSync('ml-dsa-44').privateKey);
  writeDurably(join(dir, NAME_FILE), `${name}\n`);
}

function writeKey(path: string, key: KeyObject): void {
  writeDurably(path, key.export({ type: 'pkcs8', format: 'pem' }), 0o600);
}

function readSigners(dir: string, asked: string | undefined): NoteSigner[] {
  try {
    const name = readFileSync(join(dir, NAME_FILE), 'utf8').trim();
    if (asked !== undefined && asked !== name) {
      throw new KinError('usage.invalid', `the witness in ${dir} is called ${name}, not ${asked}`);
    }
    const signer = (file: string, kind: 'cosignature' | 'ml-dsa-44') => {
      const privateKey = createPrivateKey(readFileSync(join(dir, file), 'utf8'));
      return { key: noteKey(name, createPublicKey(privateKey), kind), privateKey };
    };
    const hasQuantum = existsSync(join(dir, QUANTUM_KEY_FILE)) && hasMlDsa();
    return [signer(KEY_FILE, 'cosignature'), ...(hasQuantum ? [signer(QUANTUM_KEY_FILE, 'ml-dsa-44')] : [])];
  } catch (cause) {
    if (cause instanceof KinError) throw cause;
    throw new KinError('state.corrupt', `cannot read the keys in ${dir}`, { cause, details: { path: dir } });
  }
}

function witnessMemory(dir: string): WitnessMemory {
  const pathOf = (origin: string) => join(dir, `${createHash('sha256').update(origin).digest('hex')}.checkpoint`);
  return {
    load: (origin) => (existsSync(pathOf(origin)) ? readFileSync(pathOf(origin), 'utf8') : undefined),
    save: (origin, note) => writeDurably(pathOf(origin), note),
  };
}

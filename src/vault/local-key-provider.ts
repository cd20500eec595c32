import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import type { KeyProvider } from './key-provider.ts';
import { wipeFile } from './wiped-file.ts';

const KEY_BYTES = 32;

/**
 * Key-encryption keys as files of a folder that only its owner can enter: `kek-<epoch>`, 32 bytes. Throws
 * `state.unwritable` when there can be no such folder. What an interrupted write left is wiped here.
 */
export async function localKeyProvider(dir: string): Promise<KeyProvider> {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot create ${dir}`, { cause, details: { path: dir } });
  }
  for (const name of readdirSync(dir)) if (name.endsWith('.tmp')) await wipeFile(join(dir, name));
  const fileOf = (epoch: number) => join(dir, `kek-${epoch}`);
  const read = (epoch: number): KeyObject | undefined => {
    if (!existsSync(fileOf(epoch))) return undefined;
    const bytes = readFileSync(fileOf(epoch));
    if (bytes.length === KEY_BYTES) return createSecretKey(bytes);
    throw new KinError('vault.unreadable', `${fileOf(epoch)} holds no key`, { details: { path: fileOf(epoch) } });
  };
  return {
    async create(epoch) {
      if (!existsSync(fileOf(epoch))) writeDurably(fileOf(epoch), randomBytes(KEY_BYTES));
      return read(epoch)!;
    },
    read: async (epoch) => read(epoch),
    destroy: (epoch) => wipeFile(fileOf(epoch)),
    async epochs() {
      const found = readdirSync(dir).flatMap((name) => /^kek-(\d+)$/.exec(name)?.[1] ?? []);
      return found.map(Number).toSorted((a, b) => a - b);
    },
  };
}

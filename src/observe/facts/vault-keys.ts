import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import { placeCollector, Unmeasured, unknown, value } from './place-collector.ts';

export interface VaultKeysOptions {
  /** Of the wrapped data keys. */
  readonly folder: string;
  /** Of the key-encryption keys, `kek-<epoch>`. */
  readonly kekFolder: string;
  /** As which user Kintsugi runs. */
  readonly uid: number;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;
const OTHERS = 0o077;

/**
 * The keys by which Kintsugi seals personal data on this machine: the age of its key-encryption key, who else may enter its
 * files, and whether it lies apart from what it wraps. Nothing is proven of copies, and of who may become that user.
 */
export function vaultKeys({ folder, kekFolder, uid, clock }: VaultKeysOptions): Collector {
  return placeCollector({
    name: 'vault-keys',
    facts: ['encryption.keys.managed', 'encryption.keys.ageDays', 'encryption.keys.grants'],
    everyMs: 600_000,
    timeoutMs: 30_000,
    placeMs: 20_000,
    places: () => [{ subject: 'kintsugi/vault', tenants: 'all' as const }],
    clock,
    look: async () => {
      const keks = (await readdir(kekFolder)).filter((name) => /^kek-\d+$/.test(name));
      if (keks.length === 0) throw new Unmeasured('the vault has no key-encryption key yet');
      // A key is written once: its file is as old as it is.
      const born = await Promise.all(keks.map(async (name) => (await stat(join(kekFolder, name))).mtimeMs));
      const ageDays = Math.max(0, clock.now() - Math.min(...born)) / DAY_MS;
      const open = await openTo([folder, kekFolder], uid);
      const isApart = !kekFolder.startsWith(`${folder}${sep}`);
      const readings = {
        'encryption.keys.ageDays': value(ageDays),
        'encryption.keys.grants': value(open.length),
        'encryption.keys.managed': isApart
          ? value(true)
          : unknown('the key-encryption keys lie in the folder of what they wrap: set KINTSUGI_KEK_DIR'),
      };
      return { readings, transcript: { keys: keks.length, open, isApart } };
    },
  });
}

/** Folders and files that are another user's, or that others may enter. */
async function openTo(folders: readonly string[], uid: number): Promise<readonly string[]> {
  const open: string[] = [];
  for (const folder of folders) {
    const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
    for (const path of [folder, ...names.map(({ name }) => join(folder, name))]) {
      const found = await stat(path).catch(() => undefined);
      if (found && (found.uid !== uid || (found.mode & OTHERS) !== 0)) open.push(path);
    }
  }
  return open;
}

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Calls `use` with a new folder, which is gone afterwards; in memory where there is a place for that. */
export async function inThrowawayFolder<T>(use: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'kin-disk-'));
  try {
    return await use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelDisk } from './model-disk.ts';

/**
 * Puts what a power cut left into `root`, as it is found after the next boot: nobody lives who held the lock of the folder
 * `locked`. Here this process was the holder, and does live.
 */
export function putAfterBoot(disk: ModelDisk, root: string, locked: string): void {
  disk.copyTo(root);
  const lock = join(root, locked, 'lock');
  if (existsSync(lock)) writeFileSync(lock, readFileSync(lock, 'utf8').replace(/ \S+\n$/, ' another-boot\n'));
}

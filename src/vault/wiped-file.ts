import { constants, existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../base/durable-file.ts';

const CHUNK_BYTES = 1024 * 1024;

/**
 * Overwrites a file with zeros where it lies, and removes it; both last when this resolves. A file that is not there is
 * fine. What a disk or a file system keeps of old blocks by itself is out of reach: the keys of it are elsewhere.
 */
export async function wipeFile(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const file = await open(path, constants.O_RDWR);
  try {
    const { size } = await file.stat();
    const zeros = Buffer.alloc(Math.min(size, CHUNK_BYTES));
    for (let at = 0; at < size; at += zeros.length) {
      await file.write(zeros, 0, Math.min(zeros.length, size - at), at);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  await rm(path, { force: true });
  syncFolder(dirname(path));
}

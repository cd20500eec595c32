import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { KinError } from './errors.ts';

/**
 * Replaces a file so that a reader, or this machine after a power cut, sees the old content or the new and nothing
 * between: write beside it, sync, rename, sync the folder. Rejects with `state.unwritable` and leaves the old content.
 */
export function writeDurably(path: string, data: string | Uint8Array, mode = 0o600): void {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(beside, 'w', mode);
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot write ${path}`, { cause, details: { path } });
  }
}

/** Makes renames and new names in a folder last. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** The JSON in a file, or undefined when there is no such file. Throws SyntaxError when it is not JSON. */
export function readJsonFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return JSON.parse(text);
}

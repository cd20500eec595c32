import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { KinError } from './errors.ts';

/**
 * Replaces a file so that a reader, or this machine after a power cut, sees the old content or the new and nothing
 * between: write beside it, sync, rename, sync the folder. Rejects with `state.unwritable` and leaves the old content.
 */
export function writeDurably(path: string, data: string | Uint8Array, mode = 0o600): void {
  try {
    replaceSynced(path, data, mode);
    syncFolder(dirname(path));
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot write ${path}`, { cause, details: { path } });
  }
}

/** The same for one of many files of a folder: it lasts once `syncFolder` was called too. Throws the system's error. */
export function replaceSynced(path: string, data: string | Uint8Array, mode = 0o600): void {
  const beside = `${path}.${process.pid}.tmp`;
  const file = openSync(beside, 'w', mode);
  try {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}

/**
 * Creates a folder, and those above it that are missing, so that a power cut takes none of them away again with all that
 * was written durably into it. Throws `state.unwritable`.
 */
export function makeFolderDurably(path: string, mode = 0o700): void {
  try {
    const first = mkdirSync(path, { recursive: true, mode });
    if (first === undefined) return;
    for (let made = resolve(path); made.length >= resolve(first).length; made = dirname(made))
      syncFolder(dirname(made));
  } catch (cause) {
    throw new KinError('state.unwritable', `cannot create ${path}`, { cause, details: { path } });
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

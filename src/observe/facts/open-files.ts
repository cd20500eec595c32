import { readdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** Everybody may read a file, or pass a folder. */
const READ_BY_ALL = 0o004;
const PASS_BY_ALL = 0o001;
/** Bounds one look at a folder that somebody else fills. */
const ENTRIES_MAX = 100_000;

/**
 * Files below a folder that every user of the machine can read, by their names from it. A folder that is shut keeps others out
 * of all below it, at any height; a group is a list that somebody keeps, and no everybody. None when the folder is not there.
 */
export async function filesOpenToAll(folder: string): Promise<readonly string[]> {
  for (let each = folder; ; each = dirname(each)) {
    const mode = (await stat(each).catch(ifThere))?.mode;
    if (mode === undefined || (mode & PASS_BY_ALL) === 0) return [];
    if (each === dirname(each)) break;
  }
  const open: string[] = [];
  const folders = [folder];
  let seen = 0;
  for (let at = folders.pop(); at !== undefined && seen < ENTRIES_MAX; at = folders.pop()) {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      seen += 1;
      const path = join(at, entry.name);
      const mode = (await stat(path).catch(ifThere))?.mode ?? 0;
      if (entry.isDirectory() && (mode & PASS_BY_ALL) !== 0) folders.push(path);
      if (entry.isFile() && (mode & READ_BY_ALL) !== 0) open.push(relative(folder, path));
    }
  }
  return open.toSorted();
}

function ifThere(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

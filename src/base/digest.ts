import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { canonicalJson } from './json.ts';

/** `sha256:<hex>` of bytes or text. */
export function digestOf(data: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** Digest of plain data by its canonical JSON. */
export function digestOfJson(value: unknown): string {
  return digestOf(canonicalJson(value));
}

async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function filesBelow(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  const nested = entries
    .filter((entry) => entry.name !== 'node_modules' && !entry.name.startsWith('.'))
    .map(async (entry) => (entry.isDirectory() ? filesBelow(join(path, entry.name)) : [join(path, entry.name)]));
  return (await Promise.all(nested)).flat();
}

/**
 * Digest of a file, or of a folder by its sorted relative paths and contents. `node_modules` and dot files are left out:
 * they are pinned by the lock file or are not part of what runs. Rejects with the file system's error.
 */
export async function digestOfPath(path: string): Promise<string> {
  const files = (await filesBelow(path)).sort();
  const lines = await Promise.all(files.map(async (file) => `${await fileHash(file)}  ${relative(path, file)}`));
  return digestOf(lines.join('\n'));
}

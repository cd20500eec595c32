import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The roots that clients of a listener trust, out of its folder; none, so those of Node, where nobody says or they are not there. */
export function rootsIn(
  folder: string,
  authorityFile: string | undefined,
): { readonly authorities?: readonly string[] } {
  const file = authorityFile && join(folder, authorityFile);
  return file && existsSync(file) ? { authorities: [readFileSync(file, 'utf8')] } : {};
}

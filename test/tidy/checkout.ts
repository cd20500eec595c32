import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const SKIPPED = ['node_modules', '.git', '.kintsugi', 'coverage'];

/** All files of the project as paths from its root: what git tracks or would, and without git what lies there. */
export function projectFiles(): readonly string[] {
  // The checkout may belong to somebody else (a CI runner as root); git refuses that unless it is told.
  const ask = ['-c', 'safe.directory=*', 'ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const files = existsSync(join(root, '.git'))
    ? execFileSync('git', ask, { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
    : filesBelow(root);
  return [...new Set(files)].filter((path) => existsSync(join(root, path))).toSorted();
}

/** The text of a file, by its path from the root of the project. */
export function readProjectFile(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Whether there is a file or folder at that path from the root of the project. */
export function isInProject(path: string): boolean {
  return existsSync(join(root, path));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !SKIPPED.includes(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [relative(root, path)];
    });
}

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LogFault, type LogSource } from './log-source.ts';

/** The public files of a log in a folder, as an export writes them. */
export function folderSource(dir: string): LogSource {
  return {
    async read(path, bytesMax) {
      try {
        const file = await open(join(dir, path), 'r');
        try {
          const { size } = await file.stat();
          if (size > bytesMax) throw new LogFault('malformed', path, `the file has ${size} bytes`);
          return await file.readFile();
        } finally {
          await file.close();
        }
      } catch (cause) {
        if (isAbsent(cause)) return undefined;
        throw cause instanceof LogFault ? cause : new LogFault('unreachable', path, 'cannot be read', undefined, cause);
      }
    },
  };
}

function isAbsent(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR';
}

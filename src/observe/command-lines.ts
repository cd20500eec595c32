import { readdir, readFile } from 'node:fs/promises';

/**
 * Which command lines of this machine hold something, as everybody on it can read them; empty where there is no `/proc`.
 * A line is told by its process and what `find` found in it.
 */
export async function commandLines(
  find: (text: string) => readonly string[],
): Promise<readonly { readonly place: string; readonly what: string }[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return find(line).map((what) => ({ place: `the command line of process ${pid}`, what }));
    }),
  );
  return found.flat();
}

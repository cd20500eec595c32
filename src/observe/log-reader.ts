import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Of a log that is looked at for the first time: its end; later only what is new, and no more than this at once. */
const BYTES_MAX = 4 * 1024 * 1024;
/** What is looked for may stand across the border of two reads. */
const OVERLAP_BYTES = 1_024;
const FILES_MAX = 200;

/** `records-eu-0.log.1` and `records-eu-0.raw` are the same log: what its process wrote. */
const KINDS = /\.(?:raw|log(?:\.\d+)?)$/;

interface Read {
  readonly until: number;
  readonly found: ReadonlySet<string>;
}

/** Something that stands in a log. */
export interface LogFinding {
  /** The log, without its folder: `records-eu-0.log`. */
  readonly place: string;
  readonly what: string;
}

/**
 * Looks for something in all logs of a folder, again and again, and reads each byte about once. What was found in a file
 * is told until the file is gone, emptied or rotated away.
 */
export class LogReader {
  readonly #folder: string;
  /** By inode: a log keeps it when it is renamed. */
  #known: ReadonlyMap<number, Read> = new Map();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `find` answers with what stands in a piece of text, in words that may be shown. Each log and each thing is told once. */
  async read(find: (text: string) => readonly string[], signal: AbortSignal): Promise<readonly LogFinding[]> {
    const known = new Map<number, Read>();
    const found = new Map<string, LogFinding>();
    const names = (await readdir(this.#folder)).filter((name) => KINDS.test(name)).toSorted();
    for (const name of names.slice(0, FILES_MAX)) {
      signal.throwIfAborted();
      const read = await this.#readOne(join(this.#folder, name), find);
      if (!read) continue;
      known.set(read.inode, read);
      const place = name.replace(KINDS, '.log');
      for (const what of read.found) found.set(`${place} ${what}`, { place, what });
    }
    this.#known = known;
    return [...found.values()];
  }

  /** Undefined when it went away meanwhile. */
  async #readOne(path: string, find: (text: string) => readonly string[]) {
    const file = await open(path, 'r').catch(() => undefined);
    if (!file) return undefined;
    try {
      const { size, ino: inode } = await file.stat();
      const before = this.#known.get(inode);
      const goesOn = before !== undefined && before.until <= size;
      if (goesOn && before.until === size) return { inode, ...before };
      const from = Math.max(goesOn ? before.until - OVERLAP_BYTES : 0, size - BYTES_MAX, 0);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
      const news = find(buffer.toString('latin1', 0, bytesRead));
      return { inode, until: from + bytesRead, found: new Set([...(goesOn ? before.found : []), ...news]) };
    } finally {
      await file.close();
    }
  }
}

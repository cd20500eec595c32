import { closeSync, fstatSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import type { NewEvent } from '../ledger/entry.ts';

/** Records of a process before, and how many lines could not be read: a torn last one, as a rule. */
export interface Recovered {
  readonly events: readonly NewEvent[];
  readonly torn: number;
}

/**
 * Records that the ledger has not acknowledged, one JSON line each. Lines are handed to the operating system, which keeps
 * them when this process is killed. One process at a time may have it open. Throws the file system's errors.
 */
export class AccessJournal {
  readonly #path: string;
  #file: number;
  #bytes: number;

  private constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'a', 0o600);
    this.#bytes = fstatSync(this.#file).size;
  }

  /** Opens the journal and gives back what a former process left in it. */
  static open(path: string): { journal: AccessJournal; recovered: Recovered } {
    const recovered = readLines(path);
    const journal = new AccessJournal(path);
    // A torn line must not be continued by the next record.
    if (recovered.torn > 0) journal.rewrite(recovered.events.map((event) => JSON.stringify(event)));
    return { journal, recovered };
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(lines: readonly string[]): void {
    this.#bytes += writeWhole(this.#file, `${lines.join('\n')}\n`);
  }

  /** Keeps only these lines. A kill in between leaves the old content or the new. */
  rewrite(lines: readonly string[]): void {
    const beside = `${this.#path}.tmp`;
    const file = openSync(beside, 'w', 0o600);
    const bytes = lines.length > 0 ? writeWhole(file, `${lines.join('\n')}\n`) : 0;
    renameSync(beside, this.#path);
    closeSync(this.#file);
    this.#file = file;
    this.#bytes = bytes;
  }

  close(): void {
    closeSync(this.#file);
  }
}

function writeWhole(file: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  return bytes.length;
}

function readLines(path: string): Recovered {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { events: [], torn: 0 };
    throw error;
  }
  const lines = text.split('\n');
  const events: NewEvent[] = [];
  // What stands after the last line break was cut off while it was written, even if it happens to be JSON.
  let torn = lines.pop() === '' ? 0 : 1;
  for (const line of lines) {
    const event = parse(line);
    if (event) events.push(event);
    else torn += 1;
  }
  return { events, torn };
}

function parse(line: string): NewEvent | undefined {
  try {
    const event = JSON.parse(line) as NewEvent;
    return typeof event?.id === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}

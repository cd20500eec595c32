import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile, writeDurably } from '../base/durable-file.ts';
import type { Recovered } from './entry-store.ts';
import { tamperedFile } from './ledger-fault.ts';

const RECOVERED_FILE = 'recovered.json';

/**
 * Puts down what is about to be cut off, together with what was cut off before and is not on the record yet: a crash
 * between the cut and the entry about it does not hide it.
 */
export function noteRecovered(dir: string, { droppedBytes, atIndex }: Recovered): void {
  const before = readRecovered(dir);
  const all = { droppedBytes: droppedBytes + (before?.droppedBytes ?? 0), atIndex: before?.atIndex ?? atIndex };
  writeDurably(join(dir, RECOVERED_FILE), JSON.stringify(all));
}

/** What was cut off and is not on the record yet. Throws `ledger.tampered` for a file that no store wrote. */
export function readRecovered(dir: string): Recovered | undefined {
  try {
    const found = readJsonFile(join(dir, RECOVERED_FILE)) as Partial<Recovered> | undefined;
    if (found === undefined) return undefined;
    const { droppedBytes, atIndex } = found;
    if (Number.isSafeInteger(droppedBytes) && Number.isSafeInteger(atIndex)) return found as Recovered;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw tamperedFile(RECOVERED_FILE, 'it is not as it was written');
}

export function forgetRecovered(dir: string): void {
  rmSync(join(dir, RECOVERED_FILE), { force: true });
}

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import type { Random } from '../../src/base/random.ts';
import { type LedgerDirectory, openLedgerDirectory } from '../../src/ledger/ledger-directory.ts';
import type { SegmentFile } from '../../src/ledger/segment-file.ts';
import type { NewEntry } from '../../src/ledger/sequencer.ts';
import { type FileTrace, type Forgets, traceFiles } from './file-trace.ts';

/** Where the ledger lies below the root of a disk: its own folder is as new as all in it. */
export const LEDGER_PATH = 'state/ledger';
export const SEGMENT_BYTES = 128 * 1024;

/** What the ledger promised to somebody. */
export type LedgerPromise =
  | { readonly kind: 'acknowledged'; readonly index: number; readonly text: string }
  | { readonly kind: 'published'; readonly vkey: string; readonly size: number; readonly root: Buffer };

export type LedgerTrace = FileTrace<LedgerPromise>;

export interface LifeOptions {
  readonly root: string;
  readonly random: Random;
  /** Calls of `node:fs` that this life does without; see `traceFiles`. */
  readonly forgets?: Forgets;
  readonly openFile?: (path: string, flags: number) => Promise<SegmentFile>;
  /** Lives it with another ledger than the one that is there. */
  readonly run?: Run;
}

export type Run = (ledger: LedgerDirectory, trace: LedgerTrace, random: Random, life: number) => Promise<void>;

/** Appends entries that fill more than one segment, signs, closes and opens again; gives all that it did to its files. */
export async function liveLedger({
  root,
  random,
  forgets,
  openFile,
  run = appendAndSign,
}: LifeOptions): Promise<LedgerTrace> {
  const trace: LedgerTrace = traceFiles(root, forgets);
  const dir = join(root, LEDGER_PATH);
  try {
    for (let life = 1; life <= 2; life += 1) {
      const options = { clock: systemClock, segmentBytes: SEGMENT_BYTES };
      const ledger = await openLedgerDirectory(dir, { ...options, ...(openFile ? { openFile } : {}) });
      publish(ledger, trace);
      await run(ledger, trace, random, life);
      await ledger.close();
      publish(ledger, trace);
    }
  } finally {
    trace.end();
  }
  return trace;
}

/** Puts down that the newest checkpoint can be seen by others. */
export function publish({ signed, vkey }: LedgerDirectory, trace: LedgerTrace): void {
  const { size, root } = signed().checkpoint;
  trace.note({ kind: 'published', vkey, size, root });
}

const appendAndSign: Run = async (ledger, trace, random, life) => {
  for (let step = 0; step < 6; step += 1) {
    const calls = Array.from({ length: 1 + Math.floor(random.next() * 3) }, async (_, call) => {
      const entries = newEntries(random, `${life}-${step}-${call}`);
      const places = await ledger.sequencer.append(entries).catch(() => []);
      for (const [at, index] of places.entries()) acknowledge(trace, index, entries[at]!);
    });
    await Promise.all(calls);
    if (random.next() < 0.4) {
      await ledger.sign();
      publish(ledger, trace);
    }
  }
};

/** Puts down that a client was told where its entry stands. */
function acknowledge(trace: LedgerTrace, index: number, { bytes }: NewEntry): void {
  trace.note({ kind: 'acknowledged', index, text: bytes.toString() });
}

function newEntries(random: Random, name: string): NewEntry[] {
  return Array.from({ length: 1 + Math.floor(random.next() * 4) }, (_, n) =>
    newEntry(`${name}-${n}`, Math.floor(random.next() ** 6 * 30_000)),
  );
}

export function newEntry(id: string, fillBytes: number): NewEntry {
  return { id, bytes: Buffer.from(JSON.stringify({ id, fill: 'x'.repeat(fillBytes) })) };
}

/** Opens files whose writes now and then come half way, or all the way and are told to have failed. */
export function failingDisk(random: Random): (path: string, flags: number) => Promise<SegmentFile> {
  return async (path, flags) => {
    const file: FileHandle = await open(path, flags, 0o600);
    return new Proxy(file, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'write' && random.next() < 0.2) {
          return async (bytes: Buffer, from: number, length: number, at: number) => {
            const written = [0, Math.ceil(length / 2), length][Math.floor(random.next() * 3)]!;
            if (written > 0) await target.write(bytes, from, written, at);
            throw new Error('EIO');
          };
        }
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

import type { Clock } from '../base/clock.ts';
import { readWitnessed, readWitnessPolicy, requireContinued } from './cosigner.ts';
import { folderKeys } from './folder-keys.ts';
import { entriesOf, scanSegment } from './frame.ts';
import { readSigned } from './ledger-directory.ts';
import { prunedBefore, tamperedFile } from './ledger-fault.ts';
import { ledgerSource } from './ledger-source.ts';
import { readPruned, readUnpruned } from './pruned-prefix.ts';
import { listSegments, type SegmentName } from './segment-file.ts';
import { readAsWritten } from './tiers/segment-bytes.ts';
import type { LogSource } from './tlog/log-source.ts';
import type { NoteKey } from './tlog/note-key.ts';
import { type EntryReader, TreeNodes } from './tree-nodes.ts';
import { walkFolder } from './verify.ts';

/** A ledger's folder as it was at one moment, read without its process. */
export interface LedgerSnapshot {
  readonly source: LogSource;
  /** The keys that signed it, the one that names the ledger first. */
  readonly keys: readonly [NoteKey, ...NoteKey[]];
  /** Entries under the checkpoint that it shows to others. */
  readonly size: number;
}

export interface SnapshotOptions {
  /** The vkey of the ledger from a trusted place. */
  readonly publicKey?: string | undefined;
  readonly clock: Clock;
}

/**
 * Reads and proves a ledger by its files alone, as `verifyLedger` does, and keeps what is needed to serve it as a log. The
 * ledger may be written meanwhile. Throws `ledger.tampered` where that finds tampering.
 */
export function openSnapshot(dir: string, options: SnapshotOptions): Promise<LedgerSnapshot> {
  return readUnpruned(dir, () => readSnapshot(dir, options));
}

async function readSnapshot(dir: string, { publicKey, clock }: SnapshotOptions): Promise<LedgerSnapshot> {
  const keys = folderKeys(dir, publicKey);
  const policy = readWitnessPolicy(dir, keys[0]);
  // Read before the newest: what is witnessed while this goes on is newer than that.
  const witnessed = policy && readWitnessed(dir, policy);
  const signed = readSigned(dir, keys);
  const read = segmentReader(dir);
  const nodes = new TreeNodes(read);
  const { first } = await walkFolder(dir, signed.checkpoint, { clock, tree: nodes.tree });
  const ledger = { nodes, signed: () => signed };
  if (witnessed) await requireContinued(witnessed, ledger);
  const published = witnessed ?? signed;
  const source = ledgerSource({ nodes, read, first: () => first, published: () => published });
  return { source, keys, size: published.checkpoint.size };
}

/** Reads entries by their place. The segment that was read last is kept: readers go from one entry to the next. */
function segmentReader(dir: string): EntryReader {
  let kept: { readonly first: number; readonly entries: readonly Uint8Array[] } = { first: 0, entries: [] };
  return async (from, limit) => {
    if (from < kept.first || from >= kept.first + kept.entries.length) {
      const segment = listSegments(dir).findLast(({ first }) => first <= from);
      const pruned = readPruned(dir).first;
      if (from < pruned) throw prunedBefore(pruned);
      kept = { first: segment?.first ?? 0, entries: segment ? await entriesIn(dir, segment) : [] };
    }
    const { first, entries } = kept;
    if (from >= first + entries.length) throw tamperedFile(`entry ${from}`, 'it is no longer there');
    return entries.slice(from - first, from - first + limit);
  };
}

async function entriesIn(dir: string, { first }: SegmentName): Promise<Buffer[]> {
  const { bytes } = await readAsWritten(dir, first);
  return scanSegment(bytes, first, Number.POSITIVE_INFINITY).frames.flatMap((frame) => [...entriesOf(bytes, frame)]);
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock, toIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { IndexedEvent } from './client.ts';
import type { RecordedEvent } from './entry.ts';
import { folderKeys } from './folder-keys.ts';
import { entriesOf, type FrameSpan, payloadsIn, type SegmentScan, scanSegment } from './frame.ts';
import { CHECKPOINT_FILE, readSigned, refuseNewer, requireStorage, VERSION_FILE } from './ledger-directory.ts';
import { tamperedFile } from './ledger-fault.ts';
import { payloadAt } from './payload-section.ts';
import { growFrom, readPruned, readUnpruned } from './pruned-prefix.ts';
import { type FoundPayloads, isRecordFault, type LawfulErasure, RecordCheck } from './record-check.ts';
import { prunedFirst } from './retention/pruning-entry.ts';
import { listSegments, type SegmentName } from './segment-file.ts';
import { readAsWritten } from './tiers/segment-bytes.ts';
import type { Checkpoint } from './tlog/checkpoint.ts';
import { leafHash, MerkleTree } from './tlog/merkle-tree.ts';
import { formatVkey } from './tlog/note-key.ts';

/** A write that is under way at one look is further or done at the next. */
const SECOND_LOOK_MS = 25;

/** What an offline look at a ledger found. */
export type Verdict = Intact | Tampered;

export interface Intact {
  readonly kind: 'intact';
  /** Entries that the signed checkpoint covers, their root in base64, and when it was signed, where that is told. */
  readonly size: number;
  readonly root: string;
  readonly checkpointAt?: string;
  /** The key that it verifies with. Only worth something when it came from elsewhere (`publicKey`). */
  readonly vkey: string;
  /** Sound entries behind the checkpoint; a ledger that was closed or runs has none that is older than a second. */
  readonly unsigned: number;
  /** Bytes of a write that was cut off behind them and never acknowledged; the next start removes and records it. */
  readonly tornBytes: number;
  /** Payloads that are gone, each lawfully: the entries that say so. */
  readonly erasures: readonly LawfulErasure[];
  /** Entries that are no longer there, and the entry that says that they were pruned. */
  readonly pruned?: { readonly before: number; readonly by: number };
}

export interface Tampered {
  readonly kind: 'tampered';
  /** The first entry that is not as it was, when that can be told. */
  readonly index?: number;
  /** Where its frame begins in the file. */
  readonly offset?: number;
  readonly file: string;
  readonly reason: string;
}

export interface VerifyOptions {
  /** The vkey of the ledger from a trusted place. Without it the one in the folder is believed. */
  readonly publicKey?: string;
  readonly clock?: Clock;
}

/**
 * Checks a ledger by its files alone: key, signature, every frame, every entry, and the root of the signed entries. The
 * ledger may be written meanwhile. Throws `ledger.newer`, `resource.unknown` when there is no ledger in `dir`, or
 * `request.invalid` when `publicKey` is not a vkey.
 */
export async function verifyLedger(dir: string, options: VerifyOptions = {}): Promise<Verdict> {
  if (!existsSync(join(dir, VERSION_FILE)) && !existsSync(join(dir, CHECKPOINT_FILE))) {
    throw new KinError('resource.unknown', `there is no ledger in ${dir}`, { details: { path: dir } });
  }
  try {
    return await readUnpruned(dir, () => verifyFolder(dir, options));
  } catch (error) {
    if (error instanceof KinError && error.code === 'ledger.tampered') return verdictOf(error);
    throw error;
  }
}

async function verifyFolder(dir: string, options: VerifyOptions): Promise<Verdict> {
  refuseNewer(dir);
  requireStorage(dir, undefined);
  const keys = folderKeys(dir, options.publicKey);
  // Read before the entries: whatever is appended from here on stands behind what is compared.
  const { checkpoint, timeS } = readSigned(dir, keys);
  const record = new RecordCheck();
  const clock = options.clock ?? systemClock;
  const walked = await walkFolder(dir, checkpoint, { clock, tree: new MerkleTree(), record });
  const { size, tornBytes, first, prunedBy } = walked;
  const erasures = record.end();
  if (isRecordFault(erasures)) return { kind: 'tampered', file: segmentOf(dir, erasures.index), ...erasures };
  const head = { size: checkpoint.size, root: checkpoint.root.toString('base64') };
  const signedAt = timeS === undefined ? {} : { checkpointAt: toIso(timeS * 1000) };
  const vkey = formatVkey(keys[0]);
  const pruned = prunedBy === undefined ? {} : { pruned: { before: first, by: prunedBy } };
  const rest = { unsigned: size - checkpoint.size, tornBytes, erasures, ...pruned };
  return { kind: 'intact', ...head, ...signedAt, vkey, ...rest };
}

function verdictOf({ details }: KinError): Tampered {
  const { index, offset, file, reason } = details;
  return {
    kind: 'tampered',
    ...(typeof index === 'number' ? { index } : {}),
    ...(typeof offset === 'number' ? { offset } : {}),
    file: String(file),
    reason: String(reason),
  };
}

interface WalkedFolder {
  readonly size: number;
  readonly tornBytes: number;
  /** The first entry that is there, and the one that says where the others went. */
  readonly first: number;
  readonly prunedBy: number | undefined;
}

/**
 * Everything in a folder that is not as it was written throws `ledger.tampered`. The entries are added to `tree`, and with
 * their payloads to `record`.
 */
export async function walkFolder(
  dir: string,
  signed: Checkpoint,
  { clock, tree, record }: { readonly clock: Clock; readonly tree: MerkleTree; readonly record?: RecordCheck },
): Promise<WalkedFolder> {
  let tornBytes = 0;
  const check = () => {
    if (tree.size !== signed.size || tree.root().equals(signed.root)) return;
    throw tamperedFile(CHECKPOINT_FILE, `the first ${signed.size} entries are not the ones that were signed`);
  };
  check();
  const pruned = readPruned(dir);
  const { first } = pruned;
  growFrom(pruned, tree, check);
  if (first > 0) record?.resume(pruned.chains);
  let prunedBy: number | undefined;
  const segments = listSegments(dir).filter((segment) => segment.first >= first);
  let last: { name: string; offset: number } = { name: segments[0]?.name ?? CHECKPOINT_FILE, offset: 0 };
  for (const [position, segment] of segments.entries()) {
    if (segment.first !== tree.size) throw tamperedAt(segment.name, 'entries before it are missing', tree.size, 0);
    const isLast = position === segments.length - 1;
    const { bytes, scan } = await scannedSegment(dir, segment, isLast ? signed.size : Number.POSITIVE_INFINITY);
    for (const frame of scan.frames) {
      const found = record && payloadsFound(bytes, frame);
      for (const entry of entriesOf(bytes, frame)) {
        if (first > 0 && tree.size < signed.size && prunedFirst(entry) === first) prunedBy = tree.size;
        const leaf = leafHash(entry);
        const fault = record?.add(entry, leaf, tree.size, found?.get(tree.size - frame.first) ?? NO_PAYLOADS);
        if (fault !== undefined) throw tamperedAt(segment.name, fault, tree.size, frame.offset);
        tree.add(leaf);
        check();
      }
    }
    if (scan.damagedPayload) {
      const { index, offset } = scan.damagedPayload;
      throw tamperedAt(segment.name, 'a payload is neither as it was written nor erased', index, offset);
    }
    const mayGrow = isLast && scan.next >= signed.size;
    tornBytes = await judgeRest({ dir, segment, scan, signedSize: signed.size, mayGrow, clock });
    last = { name: segment.name, offset: scan.end };
  }
  if (tree.size < signed.size) throw tamperedAt(last.name, 'signed entries are missing', tree.size, last.offset);
  if (first > 0 && prunedBy === undefined) {
    throw tamperedAt(last.name, `entries before ${first} are missing, and no entry says that they were pruned`, 0, 0);
  }
  return { size: tree.size, tornBytes, first, prunedBy };
}

const NO_PAYLOADS: FoundPayloads = [];

/** The payloads of a frame by their entries, counted from its first. */
function payloadsFound(bytes: Buffer, frame: FrameSpan): ReadonlyMap<number, (Uint8Array | undefined)[]> {
  const found = new Map<number, (Uint8Array | undefined)[]>();
  for (const span of payloadsIn(bytes, frame) ?? []) {
    const payload = payloadAt(bytes, span);
    const own = found.get(span.entry) ?? [];
    own.push(payload.kind === 'kept' ? payload.bytes : undefined);
    found.set(span.entry, own);
  }
  return found;
}

function segmentOf(dir: string, index: number): string {
  return listSegments(dir).findLast(({ first }) => first <= index)?.name ?? CHECKPOINT_FILE;
}

async function scannedSegment(
  dir: string,
  { first }: SegmentName,
  signedSize: number,
): Promise<{ bytes: Buffer; scan: SegmentScan }> {
  const { bytes } = await readAsWritten(dir, first);
  return { bytes, scan: scanSegment(bytes, first, signedSize) };
}

interface Rest {
  readonly dir: string;
  readonly segment: SegmentName;
  readonly scan: SegmentScan;
  readonly signedSize: number;
  /** Whether a write may be under way behind the sound frames. */
  readonly mayGrow: boolean;
  readonly clock: Clock;
}

/** The bytes behind the sound frames that a cut-off write explains. Throws `ledger.tampered` for any others. */
async function judgeRest({ dir, segment, scan, signedSize, mayGrow, clock }: Rest): Promise<number> {
  if (scan.rest.kind === 'empty') return 0;
  if (!mayGrow) throw tamperedAt(segment.name, reasonOf(scan), scan.next, scan.end);
  await clock.sleep(SECOND_LOOK_MS);
  const again = (await scannedSegment(dir, segment, signedSize)).scan;
  if (again.end > scan.end || again.rest.kind === 'empty') return 0;
  if (again.rest.kind === 'torn') return again.rest.bytes;
  throw tamperedAt(segment.name, reasonOf(again), again.next, again.end);
}

function reasonOf({ rest }: SegmentScan): string {
  return rest.kind === 'damaged' ? rest.reason : 'an acknowledged frame is not whole';
}

function tamperedAt(file: string, reason: string, index: number, offset: number): KinError {
  return new KinError('ledger.tampered', `${file}: ${reason}`, { details: { file, reason, index, offset } });
}

/** Every entry in a folder with its payloads as they are found; sound frames only, as `verifyLedger` sees to. */
export async function* readRecord(
  dir: string,
): AsyncGenerator<{ readonly index: number; readonly entry: Buffer; readonly found: FoundPayloads }> {
  const pruned = readPruned(dir).first;
  for (const segment of listSegments(dir).filter(({ first }) => first >= pruned)) {
    const { bytes, scan } = await scannedSegment(dir, segment, 0);
    for (const frame of scan.frames) {
      const found = payloadsFound(bytes, frame);
      let at = 0;
      for (const entry of entriesOf(bytes, frame)) {
        yield { index: frame.first + at, entry, found: found.get(at) ?? NO_PAYLOADS };
        at += 1;
      }
    }
  }
}

/**
 * Entries of a ledger by its files alone, from index `from` on, at most `limit`. Frames are checked, the signature is not
 * (`verifyLedger` does). A write that was cut off ends it; any other unsound byte throws `ledger.tampered`.
 */
export async function* readEntries(
  dir: string,
  { from = 0, limit = Number.MAX_SAFE_INTEGER }: { readonly from?: number; readonly limit?: number } = {},
): AsyncGenerator<IndexedEvent> {
  refuseNewer(dir);
  const pruned = readPruned(dir).first;
  const segments = listSegments(dir).filter((segment) => segment.first >= pruned);
  for (const [position, segment] of segments.entries()) {
    const following = segments[position + 1]?.first ?? Number.MAX_SAFE_INTEGER;
    if (following <= from || segment.first >= from + limit) continue;
    const isLast = position === segments.length - 1;
    const { bytes, scan } = await scannedSegment(dir, segment, isLast ? 0 : Number.POSITIVE_INFINITY);
    let index = segment.first;
    for (const frame of scan.frames) {
      for (const entry of entriesOf(bytes, frame)) {
        if (index >= from && index < from + limit)
          yield { index, event: JSON.parse(entry.toString('utf8')) as RecordedEvent };
        index += 1;
      }
    }
    if (index >= from + limit) return;
    await judgeRest({ dir, segment, scan, signedSize: 0, mayGrow: isLast, clock: systemClock });
    if (!isLast && index !== following) throw tamperedAt(segment.name, 'entries are missing', index, scan.end);
  }
}

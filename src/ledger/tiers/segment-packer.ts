import { constants, renameSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { syncFolder } from '../../base/durable-file.ts';
import { type SegmentScan, scanSegment } from '../frame.ts';
import {
  listSegmentFiles,
  listSegments,
  type OpenSegmentFile,
  type PackedTier,
  type SegmentName,
  segmentName,
  tamperedSegment,
  writeFully,
} from '../segment-file.ts';
import { PACK_HEADER_BYTES, packAt, packsOf, unpackSegment } from './packed-segment.ts';
import { readAsWritten } from './segment-bytes.ts';

/** Of the time of one core, so much at the most is used for packing: one part of four. */
const REST_PER_WORK = 3;

export interface Packing {
  readonly dir: string;
  readonly openFile: OpenSegmentFile;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Aborted when the store closes: then `packBeside` rejects with its reason. */
  readonly signal: AbortSignal;
}

/** A segment that is packed, durable, proven, and does not count yet. */
export interface PackedFile {
  readonly beside: string;
  readonly to: SegmentName;
  readonly from: SegmentName;
  readonly bytes: number;
}

/**
 * Packs a segment into a file beside it, slowly. What was written is read again and must give the same bytes. Rejects with
 * `ledger.tampered` when the segment is not sound: then it stays as it is, for whoever looks into it.
 */
export async function packBeside(
  from: SegmentName,
  tier: PackedTier,
  { dir, openFile, clock, signal }: Packing,
): Promise<PackedFile> {
  const { bytes } = await readAsWritten(dir, from.first);
  const scan = scanSegment(bytes, from.first, Number.POSITIVE_INFINITY);
  requireSound(from.name, scan);
  const to = { name: segmentName(from.first, tier), first: from.first, tier };
  const beside = `${to.name}.tmp`;
  const { O_CREAT, O_RDWR, O_TRUNC } = constants;
  const file = await openFile(join(dir, beside), O_CREAT | O_RDWR | O_TRUNC);
  let end = 0;
  try {
    let beganMs = clock.monotonicMs();
    for await (const pack of packsOf(bytes, scan.frames, tier)) {
      await writeFully(file, pack, end);
      end += pack.length;
      await clock.sleep((clock.monotonicMs() - beganMs) * REST_PER_WORK, signal);
      beganMs = clock.monotonicMs();
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  const written = unpackSegment(await readFile(join(dir, beside)), beside, from.first);
  if (!written.equals(bytes.subarray(0, scan.end))) {
    throw tamperedSegment(beside, 'it does not give what was packed', { index: from.first, offset: 0 });
  }
  return { beside, to, from, bytes: end };
}

/**
 * Makes a packed file count, which `counts` hears of, and removes the form before. Cut off anywhere, one of the two counts
 * and nothing is lost; `removeOldForms` ends it.
 */
export async function replaceForm(
  { beside, to, from }: PackedFile,
  packing: Packing,
  counts: () => void,
): Promise<void> {
  renameSync(join(packing.dir, beside), join(packing.dir, to.name));
  syncFolder(packing.dir);
  counts();
  await removeForm(from, packing);
}

/** Removes the forms that do not count any more, which a packing that was cut off has left. */
export async function removeOldForms(dir: string, openFile: OpenSegmentFile): Promise<void> {
  const counting = new Set(listSegments(dir).map(({ name }) => name));
  for (const form of listSegmentFiles(dir)) if (!counting.has(form.name)) await removeForm(form, { dir, openFile });
}

/** Its payloads are overwritten before, so that one that is erased later is not left behind in free blocks. */
async function removeForm(form: SegmentName, { dir, openFile }: Pick<Packing, 'dir' | 'openFile'>): Promise<void> {
  const path = join(dir, form.name);
  const sections = payloadSections(await readFile(path), form);
  if (sections.length > 0) {
    const file = await openFile(path, constants.O_RDWR);
    try {
      for (const { at, end } of sections) await writeFully(file, Buffer.alloc(end - at), at);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
  rmSync(path, { force: true });
  syncFolder(dir);
}

function payloadSections(bytes: Buffer, { first, tier }: SegmentName): { readonly at: number; readonly end: number }[] {
  const sections: { at: number; end: number }[] = [];
  if (tier === 'hot') {
    const { frames } = scanSegment(bytes, first, Number.POSITIVE_INFINITY);
    sections.push(...frames.map(({ payloadsAt, end }) => ({ at: payloadsAt, end })));
  } else {
    for (let pack = packIn(bytes, 0); pack; pack = packIn(bytes, pack.end)) {
      sections.push({ at: pack.payloadsAt, end: pack.end });
    }
  }
  return sections.filter(({ at, end }) => at < end);
}

function packIn(bytes: Buffer, at: number) {
  return packAt(bytes.subarray(at, at + PACK_HEADER_BYTES), at);
}

function requireSound(name: string, { rest, damagedPayload, next, end }: SegmentScan): void {
  if (rest.kind !== 'empty')
    throw tamperedSegment(name, 'it is not sound behind its frames', { index: next, offset: end });
  if (damagedPayload) throw tamperedSegment(name, 'a payload is neither as it was written nor erased', damagedPayload);
}

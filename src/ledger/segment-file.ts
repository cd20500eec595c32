import { constants, existsSync, readdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { KinError } from '../base/errors.ts';

/** How a segment is kept: as it was written, compressed quickly, or compressed as far as it goes. */
export type Tier = 'hot' | 'warm' | 'cold';
export type PackedTier = Exclude<Tier, 'hot'>;

/** From the one that a segment has first to the one that it has last. */
const SUFFIXES: Readonly<Record<Tier, string>> = { hot: '.segment', warm: '.warm', cold: '.cold' };
const TIERS = Object.keys(SUFFIXES) as readonly Tier[];

/**
 * Each write is synced like by `fdatasync`, but in one call: the thread that writes syncs too, and the one that appends
 * need not come between. Where the system has no such flag, `fdatasync` follows each write.
 */
const IS_SYNCED = 'O_DSYNC' in constants;
export const SYNCED = constants.O_RDWR | (IS_SYNCED ? constants.O_DSYNC : 0);

/** The part of a file handle that the store writes through. */
export type SegmentFile = Pick<FileHandle, 'write' | 'read' | 'datasync' | 'truncate' | 'close'>;

/** Opens the files of the store; another one lets a test break the disk under it. */
export type OpenSegmentFile = (path: string, flags: number) => Promise<SegmentFile>;

export const openSegmentFile: OpenSegmentFile = (path, flags) => open(path, flags, 0o600);

/** A segment on disk: its file name, the index of its first entry, and how it is kept. */
export interface SegmentName {
  readonly name: string;
  readonly first: number;
  readonly tier: Tier;
}

/** The segments of a ledger in order of their entries. Of one that changes its tier, the later form: it is the one that counts. */
export function listSegments(dir: string): SegmentName[] {
  const all = listSegmentFiles(dir);
  return all.filter(({ first }, position) => all[position + 1]?.first !== first);
}

/** All files of segments, those of one segment side by side and the later form last. */
export function listSegmentFiles(dir: string): SegmentName[] {
  return readdirSync(dir)
    .flatMap((name) => segmentOf(name) ?? [])
    .toSorted((a, b) => a.first - b.first || TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier));
}

function segmentOf(name: string): SegmentName | undefined {
  const first = /^(\d{16})\.[a-z]+$/.exec(name)?.[1];
  const tier = TIERS.find((each) => name === `${first}${SUFFIXES[each]}`);
  return first !== undefined && tier ? { name, first: Number(first), tier } : undefined;
}

/** The file in which a segment is now; undefined when it is in none. */
export function currentSegment(dir: string, first: number): SegmentName | undefined {
  const tier = TIERS.findLast((each) => existsSync(join(dir, segmentName(first, each))));
  return tier && { name: segmentName(first, tier), first, tier };
}

export function segmentName(first: number, tier: Tier = 'hot'): string {
  return `${String(first).padStart(16, '0')}${SUFFIXES[tier]}`;
}

/** The fault of a place in a segment: the first entry that is not as it was, and where its frame begins. */
export function tamperedSegment(file: string, reason: string, at: { index: number; offset: number }): KinError {
  return new KinError('ledger.tampered', `${file}: ${reason}`, { details: { file, reason, ...at } });
}

/** Resolves when the bytes are on the disk, in a file that was opened with `SYNCED`. */
export async function writeSynced(file: SegmentFile, bytes: Buffer, position: number): Promise<void> {
  await writeFully(file, bytes, position);
  if (!IS_SYNCED) await file.datasync();
}

export async function writeFully(file: SegmentFile, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** The bytes at a place; zeros where the file has ended. */
export async function readFully(file: SegmentFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes;
}

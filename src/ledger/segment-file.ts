import { constants, readdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { KinError } from '../base/errors.ts';

const SEGMENT_SUFFIX = '.segment';

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

/** A segment on disk: its file name and the index of its first entry. */
export interface SegmentName {
  readonly name: string;
  readonly first: number;
}

/** The segments of a ledger in order of their entries. */
export function listSegments(dir: string): SegmentName[] {
  return readdirSync(dir)
    .filter((name) => /^\d{16}\.segment$/.test(name))
    .toSorted()
    .map((name) => ({ name, first: Number(name.slice(0, -SEGMENT_SUFFIX.length)) }));
}

export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}${SEGMENT_SUFFIX}`;
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

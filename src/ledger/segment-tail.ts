import { constants, existsSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { syncFolder } from '../base/durable-file.ts';
import {
  type OpenSegmentFile,
  type SegmentFile,
  segmentName,
  SYNCED,
  writeFully,
  writeSynced,
} from './segment-file.ts';

const SPARE_FILE = 'spare.tmp';

interface OpenTail {
  /** Its first entry. */
  readonly first: number;
  readonly file: SegmentFile;
  readonly length: number;
  end: number;
}

/** Where a frame was written: its segment, named by the first entry of it, and its offset there. */
export interface TailPlace {
  readonly segment: number;
  readonly offset: number;
}

/**
 * The segment that is written to. The next one is prepared ahead of time, and taken when a frame does not fit any more. One
 * write at a time.
 */
export class SegmentTail {
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #openFile: OpenSegmentFile;
  #tail: OpenTail | undefined;
  #spare: Promise<void> | undefined;
  /** A failed write left bytes behind its start that must be zero again before the next one. */
  #dirtyTo = 0;

  constructor(dir: string, segmentBytes: number, openFile: OpenSegmentFile) {
    this.#dir = dir;
    this.#segmentBytes = segmentBytes;
    this.#openFile = openFile;
  }

  /** Goes on behind the last sound frame of the last segment; what is torn behind it becomes zeros. */
  async reopen(first: number, found: { readonly end: number; readonly torn: number; readonly length: number }) {
    const file = await this.#openFile(join(this.#dir, segmentName(first)), SYNCED);
    const length = Math.max(found.length, this.#segmentBytes);
    this.#tail = { first, file, length, end: found.end };
    if (found.length < length) await file.truncate(length);
    this.#dirtyTo = found.end + found.torn;
    await this.cutBack();
  }

  /** Resolves when the frame, whose first entry is given, is durable; `meanwhile` is called while that is under way. */
  async write(first: number, frame: Buffer, meanwhile: (() => void) | undefined): Promise<TailPlace> {
    // Nothing is awaited without need: the write begins before the caller goes on.
    if (this.#dirtyTo > 0) await this.cutBack();
    if (!this.#tail || this.#tail.end + frame.length > this.#tail.length) await this.#roll(first);
    const tail = this.#tail;
    assert(tail, 'rolling gives a segment');
    const offset = tail.end;
    this.#dirtyTo = offset + frame.length;
    const written = writeSynced(tail.file, frame, offset);
    meanwhile?.();
    await written;
    this.#dirtyTo = 0;
    tail.end += frame.length;
    if (tail.end > tail.length / 2 && !this.#spare) {
      this.#spare = this.#prepareSpare();
      this.#spare.catch(() => undefined);
    }
    return { segment: tail.first, offset };
  }

  /** Makes everything behind the last good frame zero again. */
  async cutBack(): Promise<void> {
    const tail = this.#tail;
    if (!tail || this.#dirtyTo <= tail.end) return;
    await writeSynced(tail.file, Buffer.alloc(this.#dirtyTo - tail.end), tail.end);
    this.#dirtyTo = 0;
  }

  async close(): Promise<void> {
    await this.#spare?.catch(() => undefined);
    await this.#tail?.file.close();
    rmSync(join(this.#dir, SPARE_FILE), { force: true });
  }

  /** Zeros are written and synced ahead of time: appends to blocks that exist need no change of the file's metadata. */
  async #prepareSpare(): Promise<void> {
    const { O_CREAT, O_RDWR, O_TRUNC } = constants;
    const file = await this.#openFile(join(this.#dir, SPARE_FILE), O_CREAT | O_RDWR | O_TRUNC);
    try {
      const zeros = Buffer.alloc(Math.min(this.#segmentBytes, 1024 * 1024));
      for (let at = 0; at < this.#segmentBytes; at += zeros.length) {
        await writeFully(file, zeros.subarray(0, this.#segmentBytes - at), at);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #roll(first: number): Promise<void> {
    // A spare that failed earlier (a full disk) is tried again: there may be room by now.
    const spare = this.#spare ?? this.#prepareSpare();
    this.#spare = undefined;
    await spare.catch(() => this.#prepareSpare());
    const path = join(this.#dir, segmentName(first));
    assert(!existsSync(path), 'a new segment has a new name');
    const file = await this.#openFile(join(this.#dir, SPARE_FILE), SYNCED);
    try {
      await rename(join(this.#dir, SPARE_FILE), path);
      syncFolder(this.#dir);
    } catch (error) {
      await file.close();
      rmSync(path, { force: true });
      throw error;
    }
    const before = this.#tail;
    this.#tail = { first, file, length: this.#segmentBytes, end: 0 };
    await before?.file.close();
  }
}

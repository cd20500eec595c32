import { constants, existsSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { readJsonFile, syncFolder, writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  ENTRY_PREFIX_BYTES,
  encodeFrame,
  entriesOf,
  FRAME_HEADER_BYTES,
  type FrameSpan,
  readHeader,
  type SegmentScan,
  scanSegment,
} from './frame.ts';

const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Large enough that the sync costs more than the bytes, small enough that one caller does not wait for many others. */
const FRAME_BYTES_MAX = 2 * 1024 * 1024;
const SEGMENT_SUFFIX = '.segment';
const SPARE_FILE = 'spare.tmp';
const RECOVERED_FILE = 'recovered.json';
/** Reads start at a mark and walk on from frame to frame; more marks cost memory, fewer cost reading. */
const ENTRIES_PER_MARK = 256;

/**
 * Each write is synced like by `fdatasync`, but in one call: the thread that writes syncs too, and the one that appends
 * need not come between. Where the system has no such flag, `fdatasync` follows each write.
 */
const IS_SYNCED = 'O_DSYNC' in constants;
const SYNCED = constants.O_RDWR | (IS_SYNCED ? constants.O_DSYNC : 0);

/** What a restart had to cut off: a write that was never acknowledged. */
export interface Recovered {
  readonly droppedBytes: number;
  /** The index that the first dropped entry would have had. */
  readonly atIndex: number;
}

/** The part of a file handle that the store writes through. */
export type SegmentFile = Pick<FileHandle, 'write' | 'read' | 'datasync' | 'truncate' | 'close'>;

export interface SegmentStoreOptions {
  /** How many entries a signed checkpoint covers: fewer than these is tampering, never a torn tail. */
  readonly signedSize: number;
  /** Called for each stored entry in order, before the store is open. The bytes are lent for the call only. */
  readonly onEntry: (entry: Buffer) => void;
  /** Size of a new segment; at least 128 KiB. */
  readonly segmentBytes?: number;
  /** Opens the files of the store; another one lets a test break the disk under it. */
  readonly openFile?: (path: string, flags: number) => Promise<SegmentFile>;
}

interface Mark {
  readonly first: number;
  readonly segment: string;
  readonly offset: number;
}

interface Frame {
  readonly buffer: Buffer;
  readonly span: FrameSpan;
}

interface Tail {
  readonly name: string;
  readonly file: SegmentFile;
  readonly length: number;
  end: number;
}

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

function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}${SEGMENT_SUFFIX}`;
}

function tampered(file: string, reason: string, details: { index: number; offset: number }): KinError {
  return new KinError('ledger.tampered', `${file}: ${reason}`, { details: { file, ...details } });
}

/**
 * The entries on disk: append-only frames in preallocated segments. One writer; `append` calls must not overlap. What
 * `append` resolved for survives kill -9 and, as far as the disk keeps its word, a power cut.
 */
export class SegmentStore {
  /** What was cut off at this start or at one before that did not come as far as `settleRecovery`. */
  recovered: Recovered | undefined;
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #openFile: (path: string, flags: number) => Promise<SegmentFile>;
  readonly #marks: Mark[] = [];
  #tail: Tail | undefined;
  #spare: Promise<void> | undefined;
  #lastRead: { readonly segment: string; readonly offset: number; readonly frame: Frame } | undefined;
  #size = 0;
  #bytes = 0;
  #appending = false;
  /** A failed write left bytes behind its start that must be zero again before the next one. */
  #dirtyTo = 0;

  private constructor(dir: string, options: SegmentStoreOptions) {
    this.#dir = dir;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#openFile = options.openFile ?? ((path, flags) => open(path, flags, 0o600));
    assert(this.#segmentBytes >= 128 * 1024, 'a segment holds the largest entry');
  }

  /**
   * Reads and checks every frame. A tail that was cut off while it was written is removed and told by `recovered`. Rejects
   * with `ledger.tampered` for any other unsound byte and when fewer entries than `signedSize` are left (nothing is
   * changed then), or with `state.unwritable`.
   */
  static async open(dir: string, options: SegmentStoreOptions): Promise<SegmentStore> {
    const store = new SegmentStore(dir, options);
    await store.#load(options);
    return store;
  }

  /** How many entries are durable; also the index of the next one. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of the durable frames. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The most that one append may hold: the sum of the entries and two bytes for each. */
  get frameBytesMax(): number {
    return Math.min(FRAME_BYTES_MAX, this.#segmentBytes - FRAME_HEADER_BYTES);
  }

  /**
   * Writes the entries as one frame and syncs it; `meanwhile` is called once while the disk works, and not at all when it
   * fails before. Rejects with `state.unwritable`, and then none of the entries is in the
   * log; the next append starts from the same place.
   */
  async append(entries: readonly Uint8Array[], meanwhile?: () => void): Promise<void> {
    assert(!this.#appending, 'one append at a time');
    assert(entries.length > 0, 'a frame has entries');
    this.#appending = true;
    const frame = encodeFrame(this.#size, entries);
    assert(frame.length - FRAME_HEADER_BYTES <= this.frameBytesMax, 'the entries fit in one frame');
    try {
      await this.#write(frame, meanwhile);
    } catch (cause) {
      await this.#cutBack().catch(() => undefined);
      throw new KinError('state.unwritable', `cannot write ${this.#dir}`, { cause, details: { path: this.#dir } });
    } finally {
      this.#appending = false;
    }
    this.#advance({ first: this.#size, count: entries.length }, frame.length);
  }

  /** Stored entries from index `from` on: at most `limit`, fewer when they exceed 4 MiB, none behind the end. */
  async read(from: number, limit: number): Promise<Buffer[]> {
    const to = Math.min(from + limit, this.#size);
    const found: Buffer[] = [];
    let bytes = 0;
    let mark = this.#markOf(from);
    for (let next = from; next < to && mark && bytes < LIMITS.apiBodyBytes; ) {
      const { buffer, span } = await this.#readFrame(mark);
      let index = span.first;
      for (const entry of entriesOf(buffer, span)) {
        if (index >= next && index < to) {
          found.push(entry);
          bytes += entry.length;
        }
        index += 1;
      }
      next = Math.max(next, index);
      mark = this.#following(mark, span);
    }
    return found;
  }

  /** The next read is from the disk, also of what was read just before. */
  forgetRead(): void {
    this.#lastRead = undefined;
  }

  /** Forgets what was recovered, once that is on the record. */
  settleRecovery(): void {
    rmSync(join(this.#dir, RECOVERED_FILE), { force: true });
    this.recovered = undefined;
  }

  async close(): Promise<void> {
    await this.#spare?.catch(() => undefined);
    await this.#tail?.file.close();
    rmSync(join(this.#dir, SPARE_FILE), { force: true });
  }

  async #load({ signedSize, onEntry }: SegmentStoreOptions): Promise<void> {
    const segments = listSegments(this.#dir);
    for (const [position, { name, first }] of segments.entries()) {
      if (first !== this.#size)
        throw tampered(name, `entry ${this.#size} is missing`, { index: this.#size, offset: 0 });
      const bytes = await readFile(join(this.#dir, name));
      const scan = scanSegment(bytes, first);
      const isLast = position === segments.length - 1;
      this.#judge(name, scan, isLast);
      for (const frame of scan.frames) {
        for (const entry of entriesOf(bytes, frame)) onEntry(entry);
        this.#mark(frame.first, name, frame.offset);
      }
      this.#size = scan.next;
      this.#bytes += scan.end;
      if (isLast) await this.#reopenTail(name, scan, bytes.length, signedSize);
    }
    if (this.#size < signedSize) {
      throw tampered(segments.at(-1)?.name ?? this.#dir, `signed entries from ${this.#size} on are missing`, {
        index: this.#size,
        offset: this.#tail?.end ?? 0,
      });
    }
    this.recovered = readJsonFile(join(this.#dir, RECOVERED_FILE)) as Recovered | undefined;
  }

  #judge(name: string, scan: SegmentScan, isLast: boolean): void {
    const place = { index: scan.next, offset: scan.end };
    if (scan.rest.kind === 'damaged') throw tampered(name, scan.rest.reason, place);
    if (scan.rest.kind === 'torn' && !isLast) throw tampered(name, 'a frame that is followed by others is cut', place);
  }

  async #reopenTail(name: string, scan: SegmentScan, length: number, signedSize: number): Promise<void> {
    const whole = Math.max(length, this.#segmentBytes);
    const torn = scan.rest.kind === 'torn' ? scan.rest.bytes : 0;
    if (scan.next < signedSize) {
      throw tampered(name, `signed entries from ${scan.next} on are missing`, { index: scan.next, offset: scan.end });
    }
    try {
      if (torn > 0) this.#noteRecovery({ droppedBytes: torn, atIndex: scan.next });
      const file = await this.#openFile(join(this.#dir, name), SYNCED);
      this.#tail = { name, file, length: whole, end: scan.end };
      if (length < whole) await file.truncate(whole);
      this.#dirtyTo = scan.end + torn;
      await this.#cutBack();
    } catch (cause) {
      await this.#tail?.file.close();
      throw new KinError('state.unwritable', `cannot write ${name}`, { cause, details: { path: this.#dir } });
    }
  }

  /** Written before the cut, so that a crash between the cut and the entry about it does not hide it. */
  #noteRecovery(recovered: Recovered): void {
    const path = join(this.#dir, RECOVERED_FILE);
    const before = readJsonFile(path) as Recovered | undefined;
    const droppedBytes = recovered.droppedBytes + (before?.droppedBytes ?? 0);
    writeDurably(path, JSON.stringify({ droppedBytes, atIndex: before?.atIndex ?? recovered.atIndex }));
  }

  async #write(frame: Buffer, meanwhile: (() => void) | undefined): Promise<void> {
    // Nothing is awaited without need: the write begins before the caller goes on.
    if (this.#dirtyTo > 0) await this.#cutBack();
    if (!this.#tail || this.#tail.end + frame.length > this.#tail.length) await this.#roll();
    const tail = this.#tail;
    assert(tail, 'rolling gives a segment');
    this.#dirtyTo = tail.end + frame.length;
    const written = writeSynced(tail.file, frame, tail.end);
    meanwhile?.();
    await written;
    this.#dirtyTo = 0;
  }

  /** Makes everything behind the last good frame zero again. */
  async #cutBack(): Promise<void> {
    const tail = this.#tail;
    if (!tail || this.#dirtyTo <= tail.end) return;
    await writeSynced(tail.file, Buffer.alloc(this.#dirtyTo - tail.end), tail.end);
    this.#dirtyTo = 0;
  }

  #advance(frame: Pick<FrameSpan, 'first' | 'count'>, frameLength: number): void {
    const tail = this.#tail;
    assert(tail, 'a frame was written to a segment');
    this.#mark(frame.first, tail.name, tail.end);
    tail.end += frameLength;
    this.#size += frame.count;
    this.#bytes += frameLength;
    if (tail.end > tail.length / 2 && !this.#spare) {
      this.#spare = this.#prepareSpare();
      this.#spare.catch(() => undefined);
    }
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

  async #roll(): Promise<void> {
    const name = segmentName(this.#size);
    // A spare that failed earlier (a full disk) is tried again: there may be room by now.
    const spare = this.#spare ?? this.#prepareSpare();
    this.#spare = undefined;
    await spare.catch(() => this.#prepareSpare());
    const path = join(this.#dir, name);
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
    this.#tail = { name, file, length: this.#segmentBytes, end: 0 };
    await before?.file.close();
  }

  #mark(first: number, segment: string, offset: number): void {
    const last = this.#marks.at(-1);
    if (last && last.segment === segment && first - last.first < ENTRIES_PER_MARK) return;
    this.#marks.push({ first, segment, offset });
  }

  /** The last mark at or before an entry, by bisection. */
  #markOf(index: number): Mark | undefined {
    let low = 0;
    let high = this.#marks.length;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#marks[middle]!.first <= index) low = middle;
      else high = middle;
    }
    return this.#marks[low];
  }

  /** The frame that was read last is kept: readers come back for the next entries of it. */
  async #readFrame(at: Mark): Promise<Frame> {
    const kept = this.#lastRead;
    if (kept?.segment === at.segment && kept.offset === at.offset) return kept.frame;
    const frame = await this.#readFrameFromDisk(at);
    this.#lastRead = { segment: at.segment, offset: at.offset, frame };
    return frame;
  }

  async #readFrameFromDisk(at: Mark): Promise<Frame> {
    const file = await this.#openFile(join(this.#dir, at.segment), constants.O_RDONLY);
    try {
      const header = await readFully(file, at.offset, FRAME_HEADER_BYTES);
      const payloadBytes = (readHeader(header, 0)?.end ?? FRAME_HEADER_BYTES) - FRAME_HEADER_BYTES;
      const payload = await readFully(file, at.offset + FRAME_HEADER_BYTES, payloadBytes);
      const buffer = Buffer.concat([header, payload]);
      const span = scanSegment(buffer, at.first).frames[0];
      if (!span) throw tampered(at.segment, 'a frame changed', { index: at.first, offset: at.offset });
      return { buffer, span };
    } finally {
      await file.close();
    }
  }

  #following(mark: Mark, span: FrameSpan): Mark | undefined {
    const first = span.first + span.count;
    if (first >= this.#size) return undefined;
    const marked = this.#markOf(first);
    return marked?.first === first ? marked : { first, segment: mark.segment, offset: mark.offset + span.end };
  }
}

/** The bytes that an entry takes of `frameBytesMax`. */
export function bytesInFrame(entry: Uint8Array): number {
  return ENTRY_PREFIX_BYTES + entry.length;
}

/** Resolves when the bytes are on the disk, in a file that was opened with `SYNCED`. */
async function writeSynced(file: SegmentFile, bytes: Buffer, position: number): Promise<void> {
  await writeFully(file, bytes, position);
  if (!IS_SYNCED) await file.datasync();
}

async function writeFully(file: SegmentFile, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function readFully(file: SegmentFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes;
}

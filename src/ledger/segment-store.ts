import { constants, existsSync, rmSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { readJsonFile, syncFolder, writeDurably } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { EntryListener, EntryStore, EntryToStore, Payload, PayloadPlace, Recovered } from './entry-store.ts';
import {
  ENTRY_PREFIX_BYTES,
  encodeFrame,
  entriesOf,
  FRAME_HEADER_BYTES,
  type FrameSpan,
  payloadsIn,
  type SegmentScan,
  scanSegment,
  unwipedPayloads,
} from './frame.ts';
import { prunedBefore } from './ledger-fault.ts';
import { FrameIndex, type ReadFrame } from './frame-index.ts';
import { payloadAt, payloadBytesOf, type PayloadSpan, SECTION_BYTES } from './payload-section.ts';
import { wipePayloads } from './payload-wipe.ts';
import {
  listSegments,
  openSegmentFile,
  type OpenSegmentFile,
  type SegmentFile,
  segmentName,
  SYNCED,
  tamperedSegment,
  writeFully,
  writeSynced,
} from './segment-file.ts';

const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Large enough that the sync costs more than the bytes, small enough that one caller does not wait for many others. */
const FRAME_BYTES_MAX = 2 * 1024 * 1024;
/** Of a frame, besides what `bytesInGroup` counts. */
const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + SECTION_BYTES;
const SPARE_FILE = 'spare.tmp';
const RECOVERED_FILE = 'recovered.json';

export interface SegmentStoreOptions {
  /** The first entry that was not pruned: the beginning of a segment. What lies before it is passed over. */
  readonly first?: number;
  /** How many entries a signed checkpoint covers: fewer than these is tampering, never a torn tail. */
  readonly signedSize: number;
  readonly onEntry: EntryListener;
  /** Size of a new segment; at least 128 KiB. */
  readonly segmentBytes?: number;
  readonly openFile?: OpenSegmentFile;
  /** Asked before each write: whether this is still the one writer. */
  readonly isWriter?: () => boolean;
}

interface Tail {
  readonly name: string;
  readonly file: SegmentFile;
  readonly length: number;
  end: number;
}

interface FramePayloads {
  readonly frame: ReadFrame | undefined;
  readonly spans: readonly PayloadSpan[];
}

/** The fault of a writer when there is another one. */
export function superseded(dir: string): KinError {
  return new KinError('ledger.superseded', `another process writes ${dir}`, { details: { path: dir } });
}

function unwritable(path: string, cause: unknown): KinError {
  return new KinError('state.unwritable', `cannot write ${path}`, { cause, details: { path } });
}

/**
 * The entries on disk: append-only frames in preallocated segments. What `append` resolved for survives kill -9 and, as
 * far as the disk keeps its word, a power cut.
 */
export class SegmentStore implements EntryStore {
  recovered: Recovered | undefined;
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #openFile: OpenSegmentFile;
  readonly #frames: FrameIndex;
  readonly #isWriter: () => boolean;
  #first: number;
  #tail: Tail | undefined;
  #spare: Promise<void> | undefined;
  #size: number;
  #bytes = 0;
  #writing = false;
  /** A failed write left bytes behind its start that must be zero again before the next one. */
  #dirtyTo = 0;

  private constructor(dir: string, options: SegmentStoreOptions) {
    this.#dir = dir;
    this.#first = options.first ?? 0;
    this.#size = this.#first;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#openFile = options.openFile ?? openSegmentFile;
    this.#isWriter = options.isWriter ?? (() => true);
    this.#frames = new FrameIndex(dir, this.#openFile);
    assert(this.#segmentBytes >= 128 * 1024, 'a segment holds the largest entry');
  }

  /**
   * Reads and checks every frame. A tail that was cut off while it was written is removed and told by `recovered`. Rejects
   * with `ledger.tampered` for any other unsound byte and when fewer entries than `signedSize` are left (nothing is
   * changed then), or with `state.unwritable`.
   */
  static async open(dir: string, options: SegmentStoreOptions): Promise<SegmentStore> {
    const store = new SegmentStore(dir, options);
    try {
      await store.#load(options);
    } catch (error) {
      await store.#tail?.file.close();
      throw error;
    }
    return store;
  }

  get size(): number {
    return this.#size;
  }

  /** The first entry that is there; entries before it were pruned. */
  get first(): number {
    return this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get groupBytesMax(): number {
    return Math.min(FRAME_BYTES_MAX, this.#segmentBytes - FRAME_OVERHEAD_BYTES);
  }

  bytesInGroup({ bytes, payloads }: EntryToStore): number {
    return ENTRY_PREFIX_BYTES + bytes.length + (payloads ? payloadBytesOf(payloads) : 0);
  }

  async append(entries: readonly EntryToStore[], meanwhile?: () => void): Promise<void> {
    assert(!this.#writing, 'one write at a time');
    assert(entries.length > 0, 'a frame has entries');
    if (!this.#isWriter()) throw superseded(this.#dir);
    const frame = encodeFrame(this.#size, entries);
    assert(frame.length - FRAME_OVERHEAD_BYTES <= this.groupBytesMax, 'the entries fit in one frame');
    this.#writing = true;
    try {
      await this.#write(frame, meanwhile);
    } catch (cause) {
      await this.#cutBack().catch(() => undefined);
      throw unwritable(this.#dir, cause);
    } finally {
      this.#writing = false;
    }
    this.#advance({ first: this.#size, count: entries.length }, frame.length);
  }

  async read(from: number, limit: number): Promise<Buffer[]> {
    const to = Math.min(from + limit, this.#size);
    const found: Buffer[] = [];
    let bytes = 0;
    if (from >= to) return found;
    if (from < this.#first) throw prunedBefore(this.#first);
    for await (const { buffer, span } of this.#frames.framesFrom(from, to)) {
      let index = span.first;
      for (const entry of entriesOf(buffer, span)) {
        if (index >= from && index < to) {
          found.push(entry);
          bytes += entry.length;
        }
        index += 1;
      }
      if (bytes >= LIMITS.apiBodyBytes) break;
    }
    return found;
  }

  async payloadsOf(index: number): Promise<readonly Payload[]> {
    const { frame, spans } = await this.#payloadsIn(index);
    const entry = index - (frame?.span.first ?? 0);
    return frame ? spans.filter((span) => span.entry === entry).map((span) => payloadAt(frame.buffer, span)) : [];
  }

  async erasePayloads(places: readonly PayloadPlace[]): Promise<void> {
    const wipes = new Map<string, Pick<PayloadSpan, 'markAt' | 'length'>[]>();
    let read: FramePayloads | undefined;
    for (const { index, payload } of places.toSorted((a, b) => a.index - b.index)) {
      const { first = 0, count = 0 } = read?.frame?.span ?? {};
      if (!read || index < first || index >= first + count) read = await this.#payloadsIn(index);
      const { frame, spans } = read;
      const span = frame && spans.filter(({ entry }) => entry === index - frame.span.first)[payload];
      if (!span) throw new KinError('resource.unknown', `entry ${index} has no payload ${payload}`);
      const { segment, offset } = frame.place;
      wipes.set(segment, [...(wipes.get(segment) ?? []), { ...span, markAt: offset + span.markAt }]);
    }
    for (const [segment, payloads] of wipes) await this.#wipe(segment, payloads);
  }

  async #wipe(segment: string, payloads: readonly Pick<PayloadSpan, 'markAt' | 'length'>[]): Promise<void> {
    try {
      await wipePayloads(join(this.#dir, segment), payloads, this.#openFile);
    } catch (cause) {
      throw unwritable(this.#dir, cause);
    }
  }

  async #payloadsIn(index: number): Promise<FramePayloads> {
    const frame = await this.#frames.wholeFrameOf(index, this.#size);
    const spans = frame ? payloadsIn(frame.buffer, frame.span) : [];
    if (spans) return { frame, spans };
    const { segment, offset } = frame!.place;
    throw tamperedSegment(segment, 'which payloads there were can no longer be told', { index, offset });
  }

  /**
   * Removes the segments with the entries before `first`, which is the beginning of one. Rejects with `state.unwritable`;
   * what is left then goes at the next call or is passed over.
   */
  async dropBefore(first: number): Promise<void> {
    this.#first = first;
    this.#frames.dropBefore(first);
    try {
      for (const segment of listSegments(this.#dir).filter((each) => each.first < first)) {
        await rm(join(this.#dir, segment.name), { force: true });
      }
      syncFolder(this.#dir);
    } catch (cause) {
      throw unwritable(this.#dir, cause);
    }
  }

  forgetRead(): void {
    this.#frames.forget();
  }

  async settleRecovery(): Promise<void> {
    rmSync(join(this.#dir, RECOVERED_FILE), { force: true });
    this.recovered = undefined;
  }

  async close(): Promise<void> {
    await this.#spare?.catch(() => undefined);
    await this.#tail?.file.close();
    rmSync(join(this.#dir, SPARE_FILE), { force: true });
  }

  async #load({ signedSize, onEntry }: SegmentStoreOptions): Promise<void> {
    const segments = listSegments(this.#dir).filter((segment) => segment.first >= this.#first);
    for (const [position, { name, first }] of segments.entries()) {
      if (first !== this.#size)
        throw tamperedSegment(name, `entry ${this.#size} is missing`, { index: this.#size, offset: 0 });
      const bytes = await readFile(join(this.#dir, name));
      const isLast = position === segments.length - 1;
      const scan = scanSegment(bytes, first, isLast ? signedSize : Number.POSITIVE_INFINITY);
      this.#judge(name, scan, isLast);
      for (const frame of scan.frames) {
        for (const entry of entriesOf(bytes, frame)) onEntry(entry);
        this.#frames.add({ first: frame.first, segment: name, offset: frame.offset });
      }
      const unwiped = scan.frames.flatMap((frame) => unwipedPayloads(bytes, frame));
      if (unwiped.length > 0) await this.#wipe(name, unwiped);
      this.#size = scan.next;
      this.#bytes += scan.end;
      if (isLast) await this.#reopenTail(name, scan, bytes.length, signedSize);
    }
    if (this.#size < signedSize) {
      throw tamperedSegment(segments.at(-1)?.name ?? this.#dir, `signed entries from ${this.#size} on are missing`, {
        index: this.#size,
        offset: this.#tail?.end ?? 0,
      });
    }
    this.recovered = readRecovered(this.#dir);
  }

  #judge(name: string, scan: SegmentScan, isLast: boolean): void {
    const place = { index: scan.next, offset: scan.end };
    if (scan.rest.kind === 'damaged') throw tamperedSegment(name, scan.rest.reason, place);
    if (scan.rest.kind === 'torn' && !isLast)
      throw tamperedSegment(name, 'a frame that is followed by others is cut', place);
  }

  async #reopenTail(name: string, scan: SegmentScan, length: number, signedSize: number): Promise<void> {
    const whole = Math.max(length, this.#segmentBytes);
    const torn = scan.rest.kind === 'torn' ? scan.rest.bytes : 0;
    if (scan.next < signedSize) {
      throw tamperedSegment(name, `signed entries from ${scan.next} on are missing`, {
        index: scan.next,
        offset: scan.end,
      });
    }
    try {
      if (torn > 0) this.#noteRecovery({ droppedBytes: torn, atIndex: scan.next });
      const file = await this.#openFile(join(this.#dir, name), SYNCED);
      this.#tail = { name, file, length: whole, end: scan.end };
      if (length < whole) await file.truncate(whole);
      this.#dirtyTo = scan.end + torn;
      await this.#cutBack();
    } catch (cause) {
      throw unwritable(join(this.#dir, name), cause);
    }
  }

  /** Written before the cut, so that a crash between the cut and the entry about it does not hide it. */
  #noteRecovery(recovered: Recovered): void {
    const path = join(this.#dir, RECOVERED_FILE);
    const before = readRecovered(this.#dir);
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
    this.#frames.add({ first: frame.first, segment: tail.name, offset: tail.end });
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
}

/** What was cut off and is not on the record yet. Throws `ledger.tampered` for a file that no store wrote. */
function readRecovered(dir: string): Recovered | undefined {
  try {
    const found = readJsonFile(join(dir, RECOVERED_FILE)) as Partial<Recovered> | undefined;
    if (found === undefined) return undefined;
    const { droppedBytes, atIndex } = found;
    if (Number.isSafeInteger(droppedBytes) && Number.isSafeInteger(atIndex)) return found as Recovered;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  const reason = 'it is not as it was written';
  throw new KinError('ledger.tampered', `${RECOVERED_FILE}: ${reason}`, { details: { file: RECOVERED_FILE, reason } });
}

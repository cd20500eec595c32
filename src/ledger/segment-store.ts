import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { syncFolder } from '../base/durable-file.ts';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type {
  EntryListener,
  EntryStore,
  EntryToStore,
  Payload,
  PayloadPlace,
  Recovered,
  StoredSegment,
} from './entry-store.ts';
import {
  ENTRY_PREFIX_BYTES,
  encodeFrame,
  entriesOf,
  FRAME_HEADER_BYTES,
  type SegmentScan,
  scanSegment,
  unwipedPayloads,
} from './frame.ts';
import { prunedBefore } from './ledger-fault.ts';
import { FrameIndex } from './frame-index.ts';
import { payloadBytesOf, SECTION_BYTES } from './payload-section.ts';
import { forgetRecovered, noteRecovered, readRecovered } from './recovered-file.ts';
import {
  listSegmentFiles,
  listSegments,
  openSegmentFile,
  type OpenSegmentFile,
  type PackedTier,
  type SegmentName,
  segmentName,
  tamperedSegment,
} from './segment-file.ts';
import { SegmentPayloads } from './segment-payloads.ts';
import { SegmentTail } from './segment-tail.ts';
import { readAsWritten, SegmentBytes } from './tiers/segment-bytes.ts';
import { removeOldForms } from './tiers/segment-packer.ts';
import { SegmentPacking } from './tiers/segment-packing.ts';

const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Large enough that the sync costs more than the bytes, small enough that one caller does not wait for many others. */
const FRAME_BYTES_MAX = 2 * 1024 * 1024;
/** Of a frame, besides what `bytesInGroup` counts. */
const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + SECTION_BYTES;

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
  readonly #tail: SegmentTail;
  readonly #segments: SegmentBytes;
  readonly #frames: FrameIndex;
  readonly #payloads: SegmentPayloads;
  readonly #packing: SegmentPacking;
  readonly #isWriter: () => boolean;
  /** The bytes that each segment takes, by its first entry and in that order. */
  readonly #taken = new Map<number, number>();
  #first: number;
  #size: number;
  #bytes = 0;
  #writing = false;

  private constructor(dir: string, options: SegmentStoreOptions) {
    this.#dir = dir;
    this.#first = options.first ?? 0;
    this.#size = this.#first;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#openFile = options.openFile ?? openSegmentFile;
    this.#isWriter = options.isWriter ?? (() => true);
    this.#tail = new SegmentTail(dir, this.#segmentBytes, this.#openFile);
    this.#segments = new SegmentBytes(dir, this.#openFile);
    this.#frames = new FrameIndex(this.#segments);
    const files = { dir, openFile: this.#openFile, segments: this.#segments, frames: this.#frames };
    this.#payloads = new SegmentPayloads(files);
    this.#packing = new SegmentPacking({
      dir,
      openFile: this.#openFile,
      payloads: this.#payloads,
      segmentOf: (first) => {
        const isLast = [...this.#taken.keys()].at(-1) === first;
        return isLast || !this.#taken.has(first) ? undefined : this.#segments.fileOf(first);
      },
      isWanted: (first) => {
        if (!this.#isWriter()) throw superseded(dir);
        return first >= this.#first;
      },
      counts: ({ to, bytes }) => {
        this.#segments.add(to);
        this.#take(to.first, bytes);
      },
    });
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
      await store.#tail.close();
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
      const place = await this.#tail.write(this.#size, frame, meanwhile);
      if (place.offset === 0) this.#segments.add(hotSegment(place.segment));
      this.#frames.add({ first: this.#size, ...place });
      this.#take(place.segment, place.offset + frame.length);
      this.#size += entries.length;
    } catch (cause) {
      await this.#tail.cutBack().catch(() => undefined);
      throw unwritable(this.#dir, cause);
    } finally {
      this.#writing = false;
    }
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
    if (index < this.#first) throw prunedBefore(this.#first);
    return this.#payloads.of(index, this.#size);
  }

  damagedPayload(from: number, to: number): Promise<number | undefined> {
    return this.#payloads.damagedIn(from, Math.min(to, this.#size));
  }

  async erasePayloads(places: readonly PayloadPlace[]): Promise<void> {
    if (places.some(({ index }) => index < this.#first)) throw prunedBefore(this.#first);
    await this.#payloads.erase(places, this.#size);
  }

  async segments(): Promise<readonly StoredSegment[]> {
    const taken = [...this.#taken];
    return taken.map(([first, bytes], position) => {
      const { tier } = this.#segments.fileOf(first);
      return { first, next: taken[position + 1]?.[0] ?? this.#size, tier, bytes };
    });
  }

  pack(first: number, tier: PackedTier): Promise<void> {
    return this.#packing.pack(first, tier);
  }

  #take(segment: number, bytes: number): void {
    this.#bytes += bytes - (this.#taken.get(segment) ?? 0);
    this.#taken.set(segment, bytes);
  }

  /**
   * Removes the segments with the entries before `first`, which is the beginning of one. Rejects with `state.unwritable`;
   * what is left then goes at the next call or is passed over.
   */
  dropBefore(first: number): Promise<void> {
    this.#first = first;
    return this.#payloads.alone(async () => this.#drop(first));
  }

  #drop(first: number): void {
    this.#frames.dropBefore(first);
    this.#segments.dropBefore(first);
    for (const segment of [...this.#taken.keys()].filter((each) => each < first)) {
      this.#take(segment, 0);
      this.#taken.delete(segment);
    }
    try {
      for (const segment of listSegmentFiles(this.#dir).filter((each) => each.first < first)) {
        rmSync(join(this.#dir, segment.name), { force: true });
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
    forgetRecovered(this.#dir);
    this.recovered = undefined;
  }

  async close(): Promise<void> {
    await this.#packing.close();
    await this.#payloads.alone(() => this.#tail.close());
  }

  async #load({ signedSize, onEntry }: SegmentStoreOptions): Promise<void> {
    const segments = listSegments(this.#dir).filter((segment) => segment.first >= this.#first);
    let end = 0;
    for (const [position, segment] of segments.entries()) {
      const { name, first, tier } = segment;
      if (first !== this.#size)
        throw tamperedSegment(name, `entry ${this.#size} is missing`, { index: this.#size, offset: 0 });
      const { bytes } = await readAsWritten(this.#dir, first);
      const isTail = position === segments.length - 1 && tier === 'hot';
      const scan = scanSegment(bytes, first, isTail ? signedSize : Number.POSITIVE_INFINITY);
      this.#judge(name, scan, isTail);
      this.#segments.add(segment);
      for (const frame of scan.frames) {
        for (const entry of entriesOf(bytes, frame)) onEntry(entry);
        this.#frames.add({ first: frame.first, segment: first, offset: frame.offset });
      }
      const unwiped = scan.frames.flatMap((frame) => unwipedPayloads(bytes, frame));
      if (unwiped.length > 0) await this.#payloads.wipe(first, unwiped);
      this.#size = scan.next;
      end = scan.end;
      this.#take(first, tier === 'hot' ? scan.end : statSync(join(this.#dir, name)).size);
      if (isTail) await this.#reopenTail(segment, scan, bytes.length, signedSize);
    }
    if (this.#size < signedSize) throw this.#missing(segments.at(-1)?.name ?? this.#dir, end);
    await removeOldForms(this.#dir, this.#openFile).catch((cause: unknown) => {
      throw unwritable(this.#dir, cause);
    });
    this.recovered = readRecovered(this.#dir);
  }

  #judge(name: string, scan: SegmentScan, isTail: boolean): void {
    const place = { index: scan.next, offset: scan.end };
    if (scan.rest.kind === 'damaged') throw tamperedSegment(name, scan.rest.reason, place);
    if (scan.rest.kind === 'torn' && !isTail)
      throw tamperedSegment(name, 'a frame that is followed by others is cut', place);
  }

  async #reopenTail(
    { name, first }: SegmentName,
    scan: SegmentScan,
    length: number,
    signedSize: number,
  ): Promise<void> {
    const torn = scan.rest.kind === 'torn' ? scan.rest.bytes : 0;
    if (scan.next < signedSize) throw this.#missing(name, scan.end);
    try {
      if (torn > 0) noteRecovered(this.#dir, { droppedBytes: torn, atIndex: scan.next });
      await this.#tail.reopen(first, { end: scan.end, torn, length });
    } catch (cause) {
      throw unwritable(join(this.#dir, name), cause);
    }
  }

  #missing(name: string, offset: number): KinError {
    const index = this.#size;
    return tamperedSegment(name, `signed entries from ${index} on are missing`, { index, offset });
  }
}

function hotSegment(first: number): SegmentName {
  return { name: segmentName(first), first, tier: 'hot' };
}

import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../base/assert.ts';
import { prunedBefore } from '../ledger-fault.ts';
import { readPruned } from '../pruned-prefix.ts';
import {
  currentSegment,
  type OpenSegmentFile,
  readFully,
  type SegmentFile,
  type SegmentName,
  segmentName,
  tamperedSegment,
} from '../segment-file.ts';
import { PACK_HEADER_BYTES, type PackSpan, packAt, type Unpacked, unpack, unpackSegment } from './packed-segment.ts';

/** A pack with its place among the frames as they were written. */
interface PlacedPack {
  readonly span: PackSpan;
  readonly framesAt: number;
}

/**
 * Reads segments as they were written, in whatever tier they are. Places are offsets in the segment as it was written; the
 * segment is named by its first entry. It may change its tier while it is read.
 */
export class SegmentBytes {
  readonly #dir: string;
  readonly #openFile: OpenSegmentFile;
  readonly #segments = new Map<number, SegmentName>();
  #dropped = 0;
  /** Of the packed segment that was read last: its packs as far as they are known, and the one that was unpacked. */
  #packs: { readonly name: string; readonly placed: PlacedPack[] } | undefined;
  #last: (PlacedPack & { readonly name: string; readonly unpacked: Unpacked }) | undefined;

  constructor(dir: string, openFile: OpenSegmentFile) {
    this.#dir = dir;
    this.#openFile = openFile;
  }

  /** Takes note of a segment, or of the file in which it is from now on. */
  add(segment: SegmentName): void {
    this.#segments.set(segment.first, segment);
  }

  /** The file of a segment now. Throws `ledger.pruned` for one that was dropped. */
  fileOf(first: number): SegmentName {
    const segment = this.#segments.get(first);
    if (!segment) throw prunedBefore(this.#dropped);
    return segment;
  }

  dropBefore(first: number): void {
    this.#dropped = first;
    for (const known of [...this.#segments.keys()].filter((each) => each < first)) this.#segments.delete(known);
    this.forget();
  }

  /** The next read is from the disk. */
  forget(): void {
    this.#last = undefined;
    this.#packs = undefined;
  }

  /** The bytes at a place; zeros where the segment has ended. Rejects with `ledger.tampered` for a pack that is unsound. */
  async read(first: number, offset: number, length: number): Promise<Buffer> {
    const { name, tier } = this.fileOf(first);
    if (tier === 'hot') {
      const bytes = await this.#open(name, (file) => readFully(file, offset, length));
      return bytes ?? this.read(first, offset, length);
    }
    const pack = await this.#packOf(first, name, offset);
    if (!pack) return this.read(first, offset, length);
    const bytes = Buffer.alloc(length);
    pack.unpacked.frames.copy(bytes, 0, offset - pack.framesAt);
    return bytes;
  }

  /** Where a byte of a payload section lies in the file of its segment. */
  async positionOf(first: number, offset: number): Promise<number> {
    const { name, tier } = this.fileOf(first);
    if (tier === 'hot') return offset;
    const pack = await this.#packOf(first, name, offset);
    const at = offset - (pack?.framesAt ?? 0);
    const section = pack?.unpacked.sections.find((each) => at >= each.at && at < each.at + each.length);
    assert(section, 'payloads lie in payload sections');
    return section.fileAt + at - section.at;
  }

  async #packOf(first: number, name: string, offset: number) {
    const last = this.#last;
    if (last?.name === name && isWithin(last, offset)) return last;
    return this.#open(name, async (file) => {
      const placed = await this.#findPack(file, first, name, offset);
      const { span } = placed;
      const unpacked = unpack(await readFully(file, span.at, span.end - span.at), span);
      if (!unpacked) throw damagedPack(name, span.first, span.at);
      this.#last = { ...placed, name, unpacked };
      return this.#last;
    });
  }

  async #findPack(file: SegmentFile, first: number, name: string, offset: number): Promise<PlacedPack> {
    if (this.#packs?.name !== name) this.#packs = { name, placed: [] };
    const { placed } = this.#packs;
    const known = placed.find((each) => isWithin(each, offset));
    if (known) return known;
    for (;;) {
      const before = placed.at(-1);
      const at = before?.span.end ?? 0;
      const next = before ? before.span.first + before.span.count : first;
      const span = packAt(await readFully(file, at, PACK_HEADER_BYTES), at);
      if (span?.first !== next) throw damagedPack(name, next, at);
      const framesAt = before ? before.framesAt + before.span.framesBytes : 0;
      placed.push({ span, framesAt });
      if (isWithin({ span, framesAt }, offset)) return { span, framesAt };
    }
  }

  /** Undefined when the file is gone because its segment is in another one by now. */
  async #open<T>(name: string, use: (file: SegmentFile) => Promise<T>): Promise<T | undefined> {
    let file: SegmentFile;
    try {
      file = await this.#openFile(join(this.#dir, name), constants.O_RDONLY);
    } catch (error) {
      if (isMissing(error) && ![...this.#segments.values()].some((segment) => segment.name === name)) return undefined;
      throw error;
    }
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }
}

function isWithin({ span, framesAt }: PlacedPack, offset: number): boolean {
  return offset >= framesAt && offset < framesAt + span.framesBytes;
}

function damagedPack(name: string, index: number, offset: number) {
  return tamperedSegment(name, 'a pack is not as it was written', { index, offset });
}

/** A segment as it was written. */
export interface WholeSegment {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * Reads a segment as it was written, without the process that writes the ledger: that one may change its tier meanwhile.
 * Rejects with `ledger.pruned` when it went after its retention, or with `ledger.tampered`.
 */
export async function readAsWritten(dir: string, first: number): Promise<WholeSegment> {
  for (;;) {
    const segment = currentSegment(dir, first);
    if (!segment) {
      const pruned = readPruned(dir).first;
      if (first < pruned) throw prunedBefore(pruned);
      throw tamperedSegment(segmentName(first), 'it is missing', { index: first, offset: 0 });
    }
    const { name, tier } = segment;
    const bytes = await readFile(join(dir, name)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      return undefined;
    });
    // What is left of a form that does not count any more is overwritten.
    const isStill = currentSegment(dir, first)?.name === name;
    if (bytes && isStill) return { name, bytes: tier === 'hot' ? bytes : unpackSegment(bytes, name, first) };
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

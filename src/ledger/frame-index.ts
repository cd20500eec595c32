import { areEntriesSound, FRAME_HEADER_BYTES, type FrameSpan, readHeader } from './frame.ts';
import { tamperedSegment } from './segment-file.ts';
import type { SegmentBytes } from './tiers/segment-bytes.ts';

/** Reads start at a mark and walk on from frame to frame; more marks cost memory, fewer cost reading. */
const ENTRIES_PER_MARK = 256;

/** Where a frame begins: in the segment whose first entry is given. */
export interface FramePlace {
  readonly first: number;
  readonly segment: number;
  readonly offset: number;
}

/** A frame with its bytes; the offsets of its span count from the beginning of `buffer`. */
export interface ReadFrame {
  readonly place: FramePlace;
  readonly buffer: Buffer;
  readonly span: FrameSpan;
}

/** Finds frames by the entries in them, and reads them. */
export class FrameIndex {
  readonly #segments: SegmentBytes;
  readonly #marks: FramePlace[] = [];
  #last: ReadFrame | undefined;

  constructor(segments: SegmentBytes) {
    this.#segments = segments;
  }

  /** Takes note of a frame behind all others. */
  add(place: FramePlace): void {
    const last = this.#marks.at(-1);
    if (last && last.segment === place.segment && place.first - last.first < ENTRIES_PER_MARK) return;
    this.#marks.push(place);
  }

  /** Forgets the frames before an entry with which a segment begins. */
  dropBefore(first: number): void {
    const kept = this.#marks.findIndex((mark) => mark.first >= first);
    this.#marks.splice(0, kept < 0 ? this.#marks.length : kept);
    this.forget();
  }

  /** The next read is from the disk. */
  forget(): void {
    this.#last = undefined;
    this.#segments.forget();
  }

  /** The frames from the one on that holds `index`, without their payloads, before `size`. */
  async *framesFrom(index: number, size: number): AsyncGenerator<ReadFrame> {
    for (let place = this.#markOf(index); place && place.first < size; ) {
      const frame: ReadFrame = await this.#read(place);
      const first = frame.span.first + frame.span.count;
      if (first > index) yield frame;
      const marked: FramePlace | undefined = this.#markOf(first);
      place = marked?.first === first ? marked : { ...place, first, offset: place.offset + frame.span.end };
    }
  }

  /** The frame that holds an entry, with its payloads, from the disk; undefined when there is none below `size`. */
  async wholeFrameOf(index: number, size: number): Promise<ReadFrame | undefined> {
    for await (const { place, span } of this.framesFrom(index, size)) {
      const buffer = await this.#readBytes(place, span.end);
      return { place, buffer, span };
    }
    return undefined;
  }

  /** The last mark at or before an entry, by bisection. */
  #markOf(index: number): FramePlace | undefined {
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
  async #read(place: FramePlace): Promise<ReadFrame> {
    const kept = this.#last;
    if (kept?.place.segment === place.segment && kept.place.offset === place.offset) return kept;
    const header = readHeader(await this.#readBytes(place, FRAME_HEADER_BYTES), 0);
    const buffer = await this.#readBytes(place, header?.payloadsAt ?? FRAME_HEADER_BYTES);
    const span = readHeader(buffer, 0);
    if (span?.first !== place.first || !areEntriesSound(buffer, span)) {
      const { name } = this.#segments.fileOf(place.segment);
      throw tamperedSegment(name, 'a frame changed', { index: place.first, offset: place.offset });
    }
    this.#last = { place, buffer, span };
    return this.#last;
  }

  #readBytes({ segment, offset }: FramePlace, length: number): Promise<Buffer> {
    return this.#segments.read(segment, offset, length);
  }
}

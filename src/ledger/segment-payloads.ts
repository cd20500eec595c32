import { join } from 'node:path';
import { KinError } from '../base/errors.ts';
import type { Payload, PayloadPlace } from './entry-store.ts';
import { payloadsIn } from './frame.ts';
import type { FrameIndex, ReadFrame } from './frame-index.ts';
import { damagedEntry, payloadAt, type PayloadSpan } from './payload-section.ts';
import { wipePayloads } from './payload-wipe.ts';
import { type OpenSegmentFile, tamperedSegment } from './segment-file.ts';
import type { SegmentBytes } from './tiers/segment-bytes.ts';

interface Files {
  readonly dir: string;
  readonly openFile: OpenSegmentFile;
  readonly segments: SegmentBytes;
  readonly frames: FrameIndex;
}

interface FramePayloads {
  readonly frame: ReadFrame | undefined;
  readonly spans: readonly PayloadSpan[];
}

/** Where a payload lies in its segment as it was written. */
type WipedSpan = Pick<PayloadSpan, 'markAt' | 'length'>;

/** The payloads in the segments of a store. Whatever reads, erases or moves them comes one after the other. */
export class SegmentPayloads {
  readonly #files: Files;
  #erasures = 0;
  #work: Promise<unknown> = Promise.resolve();

  constructor(files: Files) {
    this.#files = files;
  }

  /** Grows with each erasure: who copied payloads before has copied too much. */
  get erasures(): number {
    return this.#erasures;
  }

  /** Does something while no payload is read or erased. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => undefined);
    return done;
  }

  /** As of `EntryStore`, for the first `size` entries. */
  of(index: number, size: number): Promise<readonly Payload[]> {
    return this.alone(async () => {
      const { frame, spans } = await this.#in(index, size);
      const entry = index - (frame?.span.first ?? 0);
      return frame ? spans.filter((span) => span.entry === entry).map((span) => payloadAt(frame.buffer, span)) : [];
    });
  }

  /** As of `EntryStore`. */
  damagedIn(from: number, to: number): Promise<number | undefined> {
    return this.alone(async () => {
      for await (const { place, span } of this.#files.frames.framesFrom(from, to)) {
        if (span.first < from || span.payloadsAt === span.end) continue;
        const bytes = await this.#files.segments.read(place.segment, place.offset, span.end);
        const damaged = damagedEntry(bytes, span.payloadsAt, span.end);
        if (damaged !== undefined) return span.first + damaged;
      }
      return undefined;
    });
  }

  /** As of `EntryStore`, for the first `size` entries. */
  erase(places: readonly PayloadPlace[], size: number): Promise<void> {
    return this.alone(async () => {
      this.#erasures += 1;
      const wipes = new Map<number, WipedSpan[]>();
      let read: FramePayloads | undefined;
      for (const { index, payload } of places.toSorted((a, b) => a.index - b.index)) {
        const { first = 0, count = 0 } = read?.frame?.span ?? {};
        if (!read || index < first || index >= first + count) read = await this.#in(index, size);
        const { frame, spans } = read;
        const span = frame && spans.filter(({ entry }) => entry === index - frame.span.first)[payload];
        if (!span) throw new KinError('resource.unknown', `entry ${index} has no payload ${payload}`);
        const { segment, offset } = frame.place;
        wipes.set(segment, [...(wipes.get(segment) ?? []), { ...span, markAt: offset + span.markAt }]);
      }
      for (const [segment, payloads] of wipes) await this.wipe(segment, payloads);
    });
  }

  /** Overwrites payloads of one segment. Rejects with `state.unwritable`. */
  async wipe(segment: number, payloads: readonly WipedSpan[]): Promise<void> {
    const { dir, openFile, segments } = this.#files;
    const path = join(dir, segments.fileOf(segment).name);
    const placed: WipedSpan[] = [];
    for (const { markAt, length } of payloads) {
      placed.push({ markAt: await segments.positionOf(segment, markAt), length });
    }
    try {
      await wipePayloads(path, placed, openFile);
    } catch (cause) {
      throw new KinError('state.unwritable', `cannot write ${path}`, { cause, details: { path } });
    } finally {
      segments.forget();
    }
  }

  async #in(index: number, size: number): Promise<FramePayloads> {
    const { frames, segments } = this.#files;
    const frame = await frames.wholeFrameOf(index, size);
    const spans = frame ? payloadsIn(frame.buffer, frame.span) : [];
    if (spans) return { frame, spans };
    const { segment, offset } = frame!.place;
    const { name } = segments.fileOf(segment);
    throw tamperedSegment(name, 'which payloads there were can no longer be told', { index, offset });
  }
}

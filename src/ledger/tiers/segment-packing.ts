import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import { type OpenSegmentFile, type PackedTier, type SegmentName, segmentName } from '../segment-file.ts';
import type { SegmentPayloads } from '../segment-payloads.ts';
import { type PackedFile, packBeside, replaceForm } from './segment-packer.ts';

interface Packed {
  readonly dir: string;
  readonly openFile: OpenSegmentFile;
  readonly payloads: Pick<SegmentPayloads, 'erasures' | 'alone'>;
  /** The segment that begins so; undefined when there is none, or it is written to. */
  readonly segmentOf: (first: number) => SegmentName | undefined;
  /** Asked when all is ready: whether the segment is still there; throws when somebody else writes the store. */
  readonly isWanted: (first: number) => boolean;
  /** Hears of each form that counts from now on. */
  readonly counts: (packed: PackedFile) => void;
}

/** Packs segments of an open store, one after the other, while it is read, written behind and erased from. */
export class SegmentPacking {
  readonly #packed: Packed;
  readonly #closing = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(packed: Packed) {
    this.#packed = packed;
  }

  /** As of `EntryStore`. */
  pack(first: number, tier: PackedTier): Promise<void> {
    const packed = this.#work.then(() => this.#pack(first, tier));
    this.#work = packed.catch(() => undefined);
    return packed;
  }

  /** Breaks off what is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#work;
  }

  async #pack(first: number, tier: PackedTier): Promise<void> {
    const { dir, openFile, payloads, isWanted, counts } = this.#packed;
    const from = this.#packed.segmentOf(first);
    const { signal } = this.#closing;
    const packing = { dir, openFile, clock: systemClock, signal };
    const { erasures } = payloads;
    if (!from || !isLater(tier, from) || signal.aborted) return;
    try {
      const packed = await packBeside(from, tier, packing);
      await payloads.alone(async () => {
        // What was erased meanwhile would come back.
        if (!isWanted(first) || erasures !== payloads.erasures) return;
        await replaceForm(packed, packing, () => counts(packed));
      });
    } catch (cause) {
      if (signal.aborted || !isWanted(first)) return;
      if (cause instanceof KinError) throw cause;
      throw new KinError('state.unwritable', `cannot compress ${from.name}`, { cause, details: { path: dir } });
    } finally {
      rmSync(join(dir, `${segmentName(first, tier)}.tmp`), { force: true });
    }
  }
}

function isLater(tier: PackedTier, { tier: now }: SegmentName): boolean {
  return now === 'hot' || (now === 'warm' && tier === 'cold');
}

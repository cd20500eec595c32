import type { PackedTier, Tier } from './segment-file.ts';

/** What is appended: the bytes that are hashed, and what belongs to them and can be erased. */
export interface EntryToStore {
  /** 1 to 65,535 bytes, not ending in a zero (JSON never does). */
  readonly bytes: Buffer;
  /** Sealed personal data, in the order in which the entry lists them; together at most 32 KiB, at most 16. */
  readonly payloads?: readonly Uint8Array[];
}

/** A payload as it is found. `damaged` is neither as it was written nor erased by `erasePayloads`. */
export type Payload =
  | { readonly kind: 'kept'; readonly bytes: Buffer }
  | { readonly kind: 'erased'; readonly length: number }
  | { readonly kind: 'damaged'; readonly length: number };

/** Which payload: the index of its entry and its number among the payloads of that entry, from 0. */
export interface PayloadPlace {
  readonly index: number;
  readonly payload: number;
}

/** What a restart had to cut off: a write that was never acknowledged. */
export interface Recovered {
  readonly droppedBytes: number;
  /** The index that the first dropped entry would have had. */
  readonly atIndex: number;
}

/** Entries that are kept, compressed and dropped together. */
export interface StoredSegment {
  readonly first: number;
  /** Behind its last entry; also the first of the next one. */
  readonly next: number;
  /** Absent where the store has no tiers. */
  readonly tier?: Tier;
  /** That it takes. */
  readonly bytes: number;
}

/**
 * Where the entries of one ledger are kept, in order, for ever; their payloads until they are erased. It knows nothing of
 * trees and signatures. One writer, whose calls of `append` must not overlap; all else may come at any time, and sees what is
 * durable.
 */
export interface EntryStore {
  /** How many entries are durable; also the index of the next one. */
  readonly size: number;
  /** Bytes that they take. */
  readonly bytes: number;
  /** The most that one append may hold, by the sum of `bytesInGroup`. */
  readonly groupBytesMax: number;
  /** What was cut off at this start or at one before that did not come as far as `settleRecovery`. */
  readonly recovered: Recovered | undefined;
  /** The length that an entry takes of `groupBytesMax`. */
  bytesInGroup(entry: EntryToStore): number;
  /**
   * Makes the entries durable, all or none; `meanwhile` is called once while that is under way, and not at all when it
   * fails before. Nobody may change their bytes until it has ended. Rejects with `state.unwritable`, and then none of them
   * is in the log; the next append starts from the same place. Rejects with `ledger.superseded` when another writer took
   * over, then and for ever.
   */
  append(entries: readonly EntryToStore[], meanwhile?: () => void): Promise<void>;
  /**
   * Entries from index `from` on: at most `limit`, fewer when they are many bytes, none behind the end. Damage to payloads
   * does not matter to it. Rejects with `ledger.tampered` when an entry is not as it was written.
   */
  read(from: number, limit: number): Promise<Buffer[]>;
  /**
   * The payloads of the entry at `index`, in the order in which they were given; none for an entry without. Rejects with
   * `ledger.tampered` when it can no longer be told which there were.
   */
  payloadsOf(index: number): Promise<readonly Payload[]>;
  /**
   * The first entry with a payload that is neither as it was given nor erased, in the groups (each what one append wrote)
   * that begin from `from` on and before `to`.
   */
  damagedPayload(from: number, to: number): Promise<number | undefined>;
  /**
   * Overwrites payloads with zeros where they lie and marks them as erased, both durable when it resolves. What is erased
   * already stays so, and an erasure that is cut off is finished when the store is opened next. Rejects with
   * `resource.unknown` or `ledger.tampered` for a payload that there is none of or that cannot be found, before anything
   * is erased, or with `state.unwritable`: call again then.
   */
  erasePayloads(places: readonly PayloadPlace[]): Promise<void>;
  /** What there is, in order. The last one is written to. */
  segments(): Promise<readonly StoredSegment[]>;
  /**
   * Compresses the segment that begins with `first`, slowly, unless it is the last one or is so already; it is read, and
   * payloads of it are erased, as before and meanwhile. A payload that is erased meanwhile ends it: call again then. Does
   * nothing where there are no tiers. Rejects with `ledger.tampered` when the segment is not sound, and with
   * `state.unwritable`: then it is as it was.
   */
  pack(first: number, tier: PackedTier): Promise<void>;
  /** The next read is from where the entries lie, also of what was read just before. */
  forgetRead(): void;
  /** Forgets what was recovered, once that is on the record. */
  settleRecovery(): Promise<void>;
  close(): Promise<void>;
}

/** Called for each stored entry in order, before a store is open. The bytes are lent for the call only. */
export type EntryListener = (entry: Buffer) => void;

import type { EntryStore } from './entry-store.ts';
import type { SignedCheckpoint } from './ledger-directory.ts';
import type { NewEntry } from './sequencer.ts';
import type { NoteKey } from './tlog/note-key.ts';

/** Takes entries and gives each its place. */
export interface Appender {
  /** Entries that were not answered yet. */
  readonly queued: number;
  /** Group commits since the start. */
  readonly commits: number;
  /** Why the last group could not be written, until one can. */
  readonly fault: string | undefined;
  /**
   * Resolves with the index of each entry, in the order given, when all are durable and in the tree; an entry whose id is
   * known already keeps the index it has. Rejects with `ledger.entry-too-large`, `request.invalid` (more entries than the
   * queue ever holds) or `ledger.overloaded` before anything is queued; with `state.unwritable` when the disk failed or
   * `ledger.superseded` when another writer took over: then some of the entries may be in the log.
   */
  append(entries: readonly NewEntry[]): Promise<number[]>;
  /** Where the event with an id stands, as far as that is remembered (the last 100,000 entries surely are). */
  indexOf(id: string): Promise<number | undefined>;
  /** Calls `listener` after each commit until the returned function is called. */
  onCommit(listener: () => void): () => void;
}

/** The entries of a ledger, for those who do not write them. */
export type StoredEntries = Omit<EntryStore, 'append' | 'close' | 'groupBytesMax' | 'bytesInGroup'>;

/** The tree over all entries that were answered. */
export interface ProvenTree {
  readonly size: number;
  /** The proof that leaf `index` is in the tree of the first `size` leaves; 0 <= index < size <= the tree's. */
  inclusionProof(index: number, size: number): Promise<Buffer[]>;
  /** The proof that the tree of `newSize` leaves continues the one of `oldSize`; oldSize <= newSize <= the tree's. */
  consistencyProof(oldSize: number, newSize: number): Promise<Buffer[]>;
  /** The root of the first `size` leaves. */
  rootAt(size: number): Promise<Buffer>;
  /** Side by side, the hashes of `count` complete subtrees of a level from 8 on, from `index` on. */
  kept(level: number, index: number, count: number): Promise<Buffer>;
}

/** A ledger that this process writes, in whatever thread the work is done. */
export interface OpenLedger {
  readonly sequencer: Appender;
  readonly store: StoredEntries;
  readonly nodes: ProvenTree;
  readonly key: NoteKey;
  readonly vkey: string;
  /** The latest signed checkpoint: its note and what it says. */
  readonly signed: () => SignedCheckpoint;
  /**
   * Signs and stores a checkpoint when there is something new. Rejects with `state.unwritable`, or with `state.in-use` or
   * `ledger.superseded` when another writer took over: nothing is ever signed again then.
   */
  sign(): Promise<void>;
  /** The first entry that is there; those before it were pruned. */
  readonly first: () => number;
  /** The latest time that any of those bears, in milliseconds since 1970; 0 when nothing was pruned. */
  readonly prunedMs: () => number;
  /**
   * Removes the entries before `first`, with which a segment begins, and keeps their hashes. An entry under a signed
   * checkpoint must say so already: without it the ledger counts as tampered with. `latestMs` is the latest time of what
   * goes. Rejects with `state.unwritable`; it may be called again.
   */
  prune(first: number, latestMs: number): Promise<void>;
  /** Resolves when a signed checkpoint covers the entry at `index`; rejects with `ledger.unreachable` on `signal`. */
  covers(index: number, signal: AbortSignal): Promise<void>;
  /** Waits for what is queued, signs a last time and lets go of the folder. */
  close(): Promise<void>;
}

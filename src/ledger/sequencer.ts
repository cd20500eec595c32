import { assert } from '../base/assert.ts';
import { describeError, KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { RecentIds } from './recent-ids.ts';
import { bytesInFrame, type SegmentStore } from './segment-store.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import type { TreeNodes } from './tree-nodes.ts';

/** An event as it will be stored. */
export interface NewEntry {
  readonly id: string;
  readonly bytes: Buffer;
}

/** Bounds of what waits for the disk. A call that finds the queue empty is taken whatever its size. */
const QUEUE_ENTRIES_MAX = 65_536;
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;
const FRAME_ENTRIES_MAX = 8192;

/** One call of `append`: it ends when the last of its entries does. */
interface Call {
  readonly indices: number[];
  open: number;
  readonly resolve: (indices: number[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Waiting extends NewEntry {
  readonly calls: { readonly call: Call; readonly position: number }[];
}

/**
 * Gives each entry its place. While one group of entries is on its way to the disk, the calls that come in form the next
 * group, so the cost of a sync is shared by all who wait for it.
 */
export class Sequencer {
  /** Group commits since the start. */
  commits = 0;
  /** Why the last group could not be written, until one can. */
  fault: string | undefined;
  readonly #store: SegmentStore;
  readonly #nodes: TreeNodes;
  readonly #recent: RecentIds;
  readonly #listeners = new Set<() => void>();
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** By id, what is queued or on its way to the disk. */
  readonly #waiting = new Map<string, Waiting>();
  #running: Promise<void> | undefined;

  constructor(store: SegmentStore, nodes: TreeNodes, recent: RecentIds) {
    this.#store = store;
    this.#nodes = nodes;
    this.#recent = recent;
  }

  /** Entries that are not durable yet. */
  get queued(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves with the index of each entry, in the order given, when all are durable and in the tree; an entry whose id is
   * known already keeps the index it has. Rejects with `ledger.entry-too-large` or `ledger.overloaded` before anything is
   * queued, or with `state.unwritable` when the disk failed; then some of the entries may be in the log.
   */
  append(entries: readonly NewEntry[]): Promise<number[]> {
    const refusal = this.#refusal(entries);
    if (refusal) return Promise.reject(refusal);
    if (entries.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const call: Call = { indices: [], open: entries.length, resolve, reject };
      for (const [position, entry] of entries.entries()) this.#place(entry, call, position);
      if (this.#queue.length > 0) this.#running ??= this.#commitAll();
    });
  }

  /** Where the event with an id stands, as far as that is remembered (the last 100,000 entries surely are). */
  indexOf(id: string): number | undefined {
    return this.#recent.get(id);
  }

  /** Calls `listener` after each commit until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when nothing is queued. */
  async drain(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #refusal(entries: readonly NewEntry[]): KinError | undefined {
    const large = entries.find((entry) => entry.bytes.length > LIMITS.ledgerEntryBytes);
    if (large) {
      const details = { bytes: large.bytes.length, limitBytes: LIMITS.ledgerEntryBytes };
      return new KinError('ledger.entry-too-large', `entry of ${large.bytes.length} bytes`, { details });
    }
    if (this.#queue.length === 0) return undefined;
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, this.#queuedBytes);
    if (this.#queue.length + entries.length <= QUEUE_ENTRIES_MAX && bytes <= QUEUE_BYTES_MAX) return undefined;
    const details = { queued: this.#queue.length, queuedBytes: this.#queuedBytes };
    return new KinError('ledger.overloaded', `${this.#queue.length} entries wait for the disk`, { details });
  }

  #place(entry: NewEntry, call: Call, position: number): void {
    const known = this.#recent.get(entry.id);
    if (known !== undefined) {
      settle(call, position, known);
      return;
    }
    const same = this.#waiting.get(entry.id);
    if (same) {
      same.calls.push({ call, position });
      return;
    }
    const waiting = { ...entry, calls: [{ call, position }] };
    this.#waiting.set(entry.id, waiting);
    this.#queue.push(waiting);
    this.#queuedBytes += entry.bytes.length;
  }

  async #commitAll(): Promise<void> {
    while (this.#queue.length > 0) await this.#commit(this.#takeGroup());
    this.#running = undefined;
  }

  /** As much of the front of the queue as one frame holds. */
  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      bytes += bytesInFrame(entry.bytes);
      if (bytes > this.#store.frameBytesMax || count === FRAME_ENTRIES_MAX) break;
      count += 1;
      this.#queuedBytes -= entry.bytes.length;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return group;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const first = this.#store.size;
    try {
      const durable = this.#store.append(group.map((entry) => entry.bytes));
      // The disk works while the processor hashes.
      const leaves = group.map((entry) => leafHash(entry.bytes));
      await durable;
      for (const leaf of leaves) this.#nodes.tree.add(leaf);
    } catch (error) {
      this.fault = describeError(error);
      for (const entry of group) {
        this.#waiting.delete(entry.id);
        for (const { call } of entry.calls) call.reject(error);
      }
      return;
    }
    assert(this.#nodes.tree.size === this.#store.size, 'the tree holds what the store holds');
    this.commits += 1;
    this.fault = undefined;
    for (const [offset, entry] of group.entries()) {
      this.#waiting.delete(entry.id);
      this.#recent.add(entry.id, first + offset);
      for (const { call, position } of entry.calls) settle(call, position, first + offset);
    }
    for (const listener of this.#listeners) listener();
  }
}

function settle(call: Call, position: number, index: number): void {
  call.indices[position] = index;
  call.open -= 1;
  if (call.open === 0) call.resolve(call.indices);
}

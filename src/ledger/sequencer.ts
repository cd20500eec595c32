import { assert } from '../base/assert.ts';
import { describeError } from '../base/errors.ts';
import { refusalOf } from './append-limits.ts';
import type { Appender } from './open-ledger.ts';
import type { RecentIds } from './recent-ids.ts';
import type { EntryStore, EntryToStore } from './entry-store.ts';
import { LINK_BYTES_MAX, type TenantChains, tenantOf } from './tenant-chains.ts';
import { HASH_BYTES, leafHashInto } from './tlog/merkle-tree.ts';
import type { TreeNodes } from './tree-nodes.ts';

/** An event as it will be stored. */
export interface NewEntry extends EntryToStore {
  readonly id: string;
}

/** More would only make the first wait longer. */
const FRAME_ENTRIES_MAX = 8192;

/** One call of `append`: it ends when the last of its entries does. */
interface Call {
  readonly indices: number[];
  open: number;
  readonly resolve: (indices: number[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Who waits for an entry, and where its index goes in the answer. */
interface Place {
  readonly call: Call;
  readonly position: number;
}

interface Waiting extends Place {
  readonly entry: NewEntry;
  /** Calls that sent the same id meanwhile. */
  also: Place[] | undefined;
}

/**
 * Gives each entry its place. While one group of entries is on its way to the disk, the calls that come in form the next
 * group, so the cost of a sync is shared by all who wait for it; and the processor deals with the group before.
 */
export class Sequencer implements Appender {
  commits = 0;
  fault: string | undefined;
  readonly #store: EntryStore;
  readonly #nodes: TreeNodes;
  /** Where entries stand, or will stand when all that waits before them is written. */
  readonly #recent: RecentIds;
  readonly #chains: TenantChains;
  readonly #listeners = new Set<() => void>();
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** The group on its way to the disk, and the one before it whose calls are not answered yet. */
  #writing: readonly Waiting[] = [];
  #written: readonly Waiting[] = [];
  /** The hashes of its entries, side by side. */
  #leaves = Buffer.alloc(0);
  /** Entries that were answered, now or in earlier runs: the index of the first that waits. */
  #settled: number;
  #running: Promise<void> | undefined;

  constructor(store: EntryStore, nodes: TreeNodes, recent: RecentIds, chains: TenantChains) {
    this.#store = store;
    this.#nodes = nodes;
    this.#recent = recent;
    this.#chains = chains;
    this.#settled = store.size;
  }

  get queued(): number {
    return this.#written.length + this.#writing.length + this.#queue.length;
  }

  append(entries: readonly NewEntry[]): Promise<number[]> {
    const refusal = refusalOf(entries, { entries: this.#queue.length, bytes: this.#queuedBytes });
    return refusal ? Promise.reject(refusal) : this.sequence(entries);
  }

  /** As `append`, for entries that somebody else has let in. */
  sequence(entries: readonly NewEntry[]): Promise<number[]> {
    if (entries.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const call: Call = { indices: [], open: entries.length, resolve, reject };
      for (let position = 0; position < entries.length; position += 1) this.#place(entries[position]!, call, position);
      if (this.#queue.length > 0) this.#running ??= this.#commitAll();
    });
  }

  async indexOf(id: string): Promise<number | undefined> {
    const index = this.#recent.get(id);
    return index !== undefined && index < this.#settled ? index : undefined;
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when nothing is queued. */
  async drain(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #place(entry: NewEntry, call: Call, position: number): void {
    const { id } = entry;
    const known = this.#recent.get(id);
    if (known === undefined) {
      this.#recent.add(id, this.#settled + this.queued);
      this.#queue.push({ entry, call, position, also: undefined });
      this.#queuedBytes += this.#bytesOf(entry);
    } else if (known < this.#settled) {
      answer({ call, position }, known);
    } else {
      const same = this.#waitingAt(known - this.#settled);
      same.also ??= [];
      same.also.push({ call, position });
    }
  }

  /** The entry that `offset` others wait before. */
  #waitingAt(offset: number): Waiting {
    const behindWritten = offset - this.#written.length;
    const behindWriting = behindWritten - this.#writing.length;
    const waiting = this.#written[offset] ?? this.#writing[behindWritten] ?? this.#queue[behindWriting];
    assert(waiting, 'an id that is remembered and not settled waits');
    return waiting;
  }

  async #commitAll(): Promise<void> {
    // All who call at this moment share the group of the first.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#commit(this.#takeGroup());
      // More wait than were answered: the disk goes on first. Otherwise those who are answered may come again and share.
      if (this.#queue.length < this.#written.length) this.#settle();
    }
    this.#settle();
    this.#running = undefined;
  }

  /** As much of the front of the queue as one frame holds. */
  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { entry } of this.#queue) {
      const length = this.#bytesOf(entry);
      bytes += length;
      if (bytes > this.#store.groupBytesMax || count === FRAME_ENTRIES_MAX) break;
      count += 1;
      this.#queuedBytes -= length;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return group;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    this.#writing = group;
    const leaves = Buffer.allocUnsafe(group.length * HASH_BYTES);
    try {
      const entries = this.#link(group, leaves);
      await this.#store.append(entries, () => {
        this.#settle();
        for (let n = 0; n < entries.length; n += 1) {
          if (entries[n] === group[n]!.entry) leafHashInto(entries[n]!.bytes, leaves, n * HASH_BYTES);
        }
      });
    } catch (error) {
      this.#chains.undo();
      this.#fail(group, error);
      return;
    }
    this.#written = group;
    this.#leaves = leaves;
    this.#writing = [];
    this.commits += 1;
    this.fault = undefined;
  }

  /** Ties each tenant's entry to the one before. That one's hash is part of it, so these are hashed here already. */
  #link(group: readonly Waiting[], leaves: Buffer): EntryToStore[] {
    this.#chains.begin();
    return group.map(({ entry }, n) => {
      const tenant = tenantOf(entry.bytes);
      if (tenant === undefined) return entry;
      const bytes = this.#chains.link(entry.bytes, tenant, leaves, n * HASH_BYTES);
      return entry.payloads ? { bytes, payloads: entry.payloads } : { bytes };
    });
  }

  #bytesOf(entry: NewEntry): number {
    return this.#store.bytesInGroup(entry) + LINK_BYTES_MAX;
  }

  /** Puts what is durable into the tree and answers its calls. */
  #settle(): void {
    const group = this.#written;
    if (group.length === 0) return;
    for (let at = 0; at < this.#leaves.length; at += HASH_BYTES) {
      this.#nodes.tree.add(this.#leaves, at);
    }
    const first = this.#settled;
    this.#written = [];
    this.#settled += group.length;
    assert(this.#nodes.tree.size === this.#settled, 'the tree holds what is settled');
    for (const listener of this.#listeners) listener();
    for (let offset = 0; offset < group.length; offset += 1) {
      const entry = group[offset]!;
      answer(entry, first + offset);
      for (const place of entry.also ?? []) answer(place, first + offset);
    }
  }

  /** What was to stand behind the group now stands where it was to stand. */
  #fail(group: readonly Waiting[], error: unknown): void {
    this.fault = describeError(error);
    this.#writing = [];
    for (const { entry } of group) this.#recent.forget(entry.id);
    const next = this.#settled + this.#written.length;
    for (const [offset, { entry }] of this.#queue.entries()) this.#recent.move(entry.id, next + offset);
    for (const { call, also } of group) {
      call.reject(error);
      for (const place of also ?? []) place.call.reject(error);
    }
  }
}

function answer({ call, position }: Place, index: number): void {
  call.indices[position] = index;
  call.open -= 1;
  if (call.open === 0) call.resolve(call.indices);
}

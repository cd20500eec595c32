import { Worker } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { ChunkedAppends } from './chunked-appends.ts';
import { Coverage } from './coverage.ts';
import type { Payload, StoredSegment } from './entry-store.ts';
import type { SignedCheckpoint } from './ledger-directory.ts';
import type { StorageChoice } from './ledger-storage.ts';
import type { Appender, OpenLedger, ProvenTree, StoredEntries } from './open-ledger.ts';
import {
  errorOf,
  type FromThread,
  type Levels,
  type Packed,
  type Question,
  type SignedNote,
  type ThreadStart,
  type ToThread,
  unpack,
} from './thread-protocol.ts';
import { parseCheckpoint } from './tlog/checkpoint.ts';
import { parseVkey } from './tlog/note-key.ts';
import { textOfNote } from './tlog/signed-note.ts';

export interface ThreadedLedgerOptions {
  readonly clock: Clock;
  /** Size of a new segment in bytes; for tests. */
  readonly segmentBytes?: number;
  /** As of `openLedgerDirectory`. */
  readonly storage?: StorageChoice | undefined;
}

/**
 * Opens a ledger as `openLedgerDirectory` does, in a thread of its own: that thread sequences, hashes, writes and signs,
 * and this one only copies what is appended. A fault in the thread that is nobody's answer ends the process, as it would
 * without a thread.
 */
export async function threadedLedger(dir: string, options: ThreadedLedgerOptions): Promise<OpenLedger> {
  const { clock, segmentBytes, storage } = options;
  const start: ThreadStart = { dir, segmentBytes, storage };
  const worker = new Worker(new URL('./ledger-thread.ts', import.meta.url), { workerData: start });
  const opened = await new Promise<Opened>((resolve, reject) => {
    worker.once('message', (message: FromThread) => {
      if (message.kind === 'opened') resolve(message);
      else reject(message.kind === 'not-opened' ? errorOf(message.fault) : new Error('the thread did not open'));
    });
    worker.once('exit', () => reject(new Error('the thread of the ledger ended')));
  });
  return new ThreadedLedger(worker, opened, clock).asOpenLedger();
}

type Opened = Extract<FromThread, { kind: 'opened' }>;

interface Asked {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

class ThreadedLedger {
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #vkey: string;
  readonly #appends: ChunkedAppends;
  readonly #asked = new Map<number, Asked>();
  readonly #listeners = new Set<() => void>();
  readonly #coverage: Coverage;
  #lastId = 0;
  #isOver = false;
  #levels: Levels;
  #signed: SignedCheckpoint;

  constructor(worker: Worker, { vkey, levels }: Opened, clock: Clock) {
    this.#worker = worker;
    this.#clock = clock;
    this.#vkey = vkey;
    this.#levels = levels;
    assert(levels.signed, 'a ledger has a checkpoint from its birth on');
    this.#signed = checkpointOf(levels.signed);
    this.#coverage = new Coverage(this.#signed.checkpoint.size);
    this.#appends = new ChunkedAppends((chunk, used) => this.#post({ kind: 'append', chunk, used }, [chunk.buffer]));
    worker.on('message', (message: FromThread) => this.#hear(message));
    worker.once('exit', () => this.#abandon());
  }

  asOpenLedger(): OpenLedger {
    const key = parseVkey(this.#vkey);
    assert(key, 'the thread gives its key');
    return {
      sequencer: this.#sequencer(),
      store: this.#store(),
      nodes: this.#nodes(),
      key,
      vkey: this.#vkey,
      signed: () => this.#signed,
      sign: async () => {
        if (this.#levels.treeSize === this.#signed.checkpoint.size) return;
        await this.#ask({ ask: 'sign', nowMs: this.#clock.now() });
      },
      first: () => this.#levels.first,
      prunedMs: () => this.#levels.prunedMs,
      prune: (first, latestMs) => this.#ask<undefined>({ ask: 'prune', first, latestMs }),
      covers: (index, signal) => this.#coverage.covers(index, signal),
      close: async () => {
        await this.#ask({ ask: 'close', nowMs: this.#clock.now() });
      },
    };
  }

  #sequencer(): Appender {
    const appends = this.#appends;
    const levels = () => this.#levels;
    return {
      get queued() {
        return appends.queued;
      },
      get commits() {
        return levels().commits;
      },
      get fault() {
        return levels().fault;
      },
      append: (entries) => (this.#isOver ? Promise.reject(closed()) : appends.append(entries)),
      indexOf: (id) => this.#ask<number | undefined>({ ask: 'indexOf', id }),
      onCommit: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  #store(): StoredEntries {
    const levels = () => this.#levels;
    return {
      get size() {
        return levels().size;
      },
      get bytes() {
        return levels().bytes;
      },
      get recovered() {
        return levels().recovered;
      },
      read: async (from, limit) => unpack(await this.#ask<Packed>({ ask: 'read', from, limit })),
      payloadsOf: async (index) => (await this.#ask<readonly Payload[]>({ ask: 'payloadsOf', index })).map(withBuffer),
      erasePayloads: (places) => this.#ask<undefined>({ ask: 'erasePayloads', places }),
      damagedPayload: (from, to) => this.#ask<number | undefined>({ ask: 'damagedPayload', from, to }),
      segments: () => this.#ask<readonly StoredSegment[]>({ ask: 'segments' }),
      pack: (first, tier) => this.#ask<undefined>({ ask: 'pack', first, tier }),
      // A ledger that is closed meanwhile has nothing to forget.
      forgetRead: () => void this.#ask({ ask: 'forgetRead' }).catch(() => undefined),
      settleRecovery: () => this.#ask<undefined>({ ask: 'settleRecovery' }),
    };
  }

  #nodes(): ProvenTree {
    const levels = () => this.#levels;
    const hashes = async (question: Question) => unpack(await this.#ask<Packed>(question));
    return {
      get size() {
        return levels().treeSize;
      },
      inclusionProof: (index, size) => hashes({ ask: 'inclusionProof', index, size }),
      consistencyProof: (oldSize, newSize) => hashes({ ask: 'consistencyProof', oldSize, newSize }),
      rootAt: async (size) => (await hashes({ ask: 'rootAt', size }))[0]!,
      kept: async (level, index, count) => (await hashes({ ask: 'kept', level, index, count }))[0]!,
    };
  }

  #ask<T>(question: Question): Promise<T> {
    if (this.#isOver) return Promise.reject(closed());
    return new Promise<T>((resolve, reject) => {
      this.#lastId += 1;
      this.#asked.set(this.#lastId, { resolve: resolve as (answer: unknown) => void, reject });
      this.#post({ kind: 'question', id: this.#lastId, question });
    });
  }

  #post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #hear(message: FromThread): void {
    if (message.kind === 'not-opened') return;
    this.#see(message.levels);
    if (message.kind === 'appended') {
      this.#appends.settle(message.chunk, message.indices);
    } else if (message.kind === 'not-appended') {
      this.#appends.settle(message.chunk, errorOf(message.fault));
    } else if (message.kind !== 'opened') {
      const asked = this.#asked.get(message.id);
      this.#asked.delete(message.id);
      if (message.kind === 'answer') asked?.resolve(message.answer);
      else asked?.reject(errorOf(message.fault));
    }
  }

  #see(levels: Levels): void {
    const { commits } = this.#levels;
    this.#levels = levels;
    if (levels.signed) {
      this.#signed = checkpointOf(levels.signed);
      this.#coverage.reach(this.#signed.checkpoint.size);
    }
    if (levels.commits !== commits) for (const listener of this.#listeners) listener();
  }

  #abandon(): void {
    this.#isOver = true;
    const error = closed();
    this.#appends.abandon(error);
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}

function closed(): KinError {
  return new KinError('ledger.unreachable', 'the ledger is closed');
}

function checkpointOf({ note, timeS }: SignedNote): SignedCheckpoint {
  const checkpoint = parseCheckpoint(textOfNote(note) ?? '');
  assert(checkpoint, 'what the thread signed is a checkpoint');
  return { note, checkpoint, ...(timeS === undefined ? {} : { timeS }) };
}

/** Buffers arrive from another thread as plain arrays. */
function withBuffer(payload: Payload): Payload {
  if (payload.kind !== 'kept') return payload;
  const { buffer, byteOffset, byteLength } = payload.bytes;
  return { kind: 'kept', bytes: Buffer.from(buffer, byteOffset, byteLength) };
}

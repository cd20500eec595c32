import { assert } from '../base/assert.ts';
import { refusalOf } from './append-limits.ts';
import { bytesInChunk, writeEntry } from './append-chunk.ts';
import type { NewEntry } from './sequencer.ts';

const CHUNK_BYTES = 512 * 1024;
/** Chunks that are kept for the next entries. */
const SPARE_CHUNKS = 8;

/** One call of `append`: it ends when the last of its entries does. */
interface Call {
  readonly indices: number[];
  open: number;
  readonly resolve: (indices: number[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Entries that are gathered or under way together; `calls[n]` waits for the n-th of them. */
interface Chunk {
  readonly memory: Buffer<ArrayBuffer>;
  used: number;
  readonly calls: Call[];
}

/** Hands a chunk over; its memory belongs to the other side until `settle`. */
export type SendChunk = (memory: Uint8Array<ArrayBuffer>, used: number) => void;

/**
 * Gathers what is appended in one turn of the event loop and hands it over in one piece: the thread that makes entries does
 * nothing for each but copy it. What is handed over is not touched until it comes back.
 */
export class ChunkedAppends {
  readonly #send: SendChunk;
  /** In the order in which they are answered. */
  readonly #underWay: Chunk[] = [];
  readonly #spare: Buffer<ArrayBuffer>[] = [];
  #open: Chunk | undefined;
  #queued = 0;
  #queuedBytes = 0;

  constructor(send: SendChunk) {
    this.#send = send;
  }

  /** Entries that were not answered yet. */
  get queued(): number {
    return this.#queued;
  }

  /** As `Appender.append`. */
  append(entries: readonly NewEntry[]): Promise<number[]> {
    const refusal = refusalOf(entries, { entries: this.#queued, bytes: this.#queuedBytes });
    if (refusal) return Promise.reject(refusal);
    if (entries.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const call: Call = { indices: [], open: entries.length, resolve, reject };
      for (const entry of entries) this.#add(entry, call);
    });
  }

  /** The chunk that was sent first of those under way came back: the index of its first entry when all follow each other, the index of each, or an error. */
  settle(memory: Uint8Array<ArrayBuffer>, indices: number | readonly number[] | Error): void {
    const chunk = this.#underWay.shift();
    assert(chunk, 'a chunk comes back once');
    this.#queued -= chunk.calls.length;
    this.#queuedBytes -= chunk.used;
    if (this.#spare.length < SPARE_CHUNKS && memory.length === CHUNK_BYTES)
      this.#spare.push(Buffer.from(memory.buffer));
    for (let n = 0; n < chunk.calls.length; n += 1) {
      const call = chunk.calls[n]!;
      if (indices instanceof Error) {
        call.reject(indices);
        continue;
      }
      call.indices.push(typeof indices === 'number' ? indices + n : indices[n]!);
      call.open -= 1;
      if (call.open === 0) call.resolve(call.indices);
    }
  }

  /** Nothing will come back any more. */
  abandon(error: Error): void {
    this.#flush();
    for (let chunk = this.#underWay[0]; chunk; chunk = this.#underWay[0]) this.settle(chunk.memory, error);
  }

  #add(entry: NewEntry, call: Call): void {
    const most = bytesInChunk(entry);
    let chunk = this.#open;
    if (!chunk || chunk.used + most > chunk.memory.length) chunk = this.#openChunk(most);
    const end = writeEntry(chunk.memory, chunk.used, entry);
    this.#queuedBytes += end - chunk.used;
    this.#queued += 1;
    chunk.used = end;
    chunk.calls.push(call);
  }

  #openChunk(bytes: number): Chunk {
    if (this.#open) this.#flush();
    else queueMicrotask(() => this.#flush());
    const memory = bytes > CHUNK_BYTES ? undefined : this.#spare.pop();
    this.#open = { memory: memory ?? Buffer.from(new ArrayBuffer(Math.max(bytes, CHUNK_BYTES))), used: 0, calls: [] };
    return this.#open;
  }

  #flush(): void {
    const chunk = this.#open;
    if (!chunk) return;
    this.#open = undefined;
    this.#underWay.push(chunk);
    this.#send(chunk.memory, chunk.used);
  }
}

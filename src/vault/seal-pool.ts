import { Worker } from 'node:worker_threads';
import type { UsableKey } from './key-store.ts';

/** A text for one subject. */
export interface SealJob {
  readonly key: UsableKey;
  /** As `payloadAad` gives it. */
  readonly aad: string;
  readonly text: string;
}

export interface Sealed {
  readonly bytes: Uint8Array;
  /** Of the bytes, in base64: what an entry commits to. */
  readonly sha256: string;
}

export type ToSealer =
  | {
      readonly kind: 'seal';
      readonly id: number;
      /** Keys that this thread does not know yet. */
      readonly given: readonly UsableKey[];
      readonly jobs: readonly { readonly kid: string; readonly aad: string; readonly text: string }[];
    }
  | { readonly kind: 'forget'; readonly id: number; readonly kids: readonly string[] };

export interface FromSealer {
  readonly id: number;
  readonly payloads: readonly Sealed[];
}

/** What a thread may remember; then it is told to forget all. */
const KNOWN_MAX = 10_000;

interface Waiting {
  readonly resolve: (payloads: readonly Sealed[]) => void;
  readonly reject: (error: Error) => void;
}

/** Threads that seal, so that the one which takes requests does not: sealing costs more than everything else of a record. */
export class SealPool {
  readonly #threads: Thread[];

  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, () => new Thread());
  }

  /** The payloads of the jobs, in the order given. */
  seal(jobs: readonly SealJob[]): Promise<readonly Sealed[]> {
    const idlest = this.#threads.reduce((best, thread) => (thread.load < best.load ? thread : best));
    return idlest.seal(jobs);
  }

  /** No thread has these keys any more when it resolves, and what was to be sealed with them before is done. */
  async forget(kids: readonly string[]): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.forget(kids)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

class Thread {
  /** Jobs that it has not done yet. */
  load = 0;
  #worker: Worker | undefined;
  #next = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #known = new Set<string>();

  async seal(jobs: readonly SealJob[]): Promise<readonly Sealed[]> {
    if (this.#known.size > KNOWN_MAX) await this.forget([...this.#known]);
    const given = new Map<string, UsableKey>();
    for (const { key } of jobs) if (!this.#known.has(key.kid)) given.set(key.kid, key);
    for (const kid of given.keys()) this.#known.add(kid);
    const named = jobs.map(({ key, aad, text }) => ({ kid: key.kid, aad, text }));
    this.load += jobs.length;
    try {
      return await this.#ask((id) => ({ kind: 'seal', id, given: [...given.values()], jobs: named }));
    } finally {
      this.load -= jobs.length;
    }
  }

  async forget(kids: readonly string[]): Promise<void> {
    const known = kids.filter((kid) => this.#known.delete(kid));
    if (known.length > 0) await this.#ask((id) => ({ kind: 'forget', id, kids: known }));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(message: (id: number) => ToSealer): Promise<readonly Sealed[]> {
    this.#worker ??= this.#start();
    const id = this.#next;
    this.#next += 1;
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage(message(id));
    });
  }

  /** A thread that died is followed by another when it is next needed; what it had to do is to be asked for again. */
  #start(): Worker {
    const worker = new Worker(new URL('./seal-worker.ts', import.meta.url));
    worker.unref();
    worker.on('message', ({ id, payloads }: FromSealer) => {
      this.#waiting.get(id)?.resolve(payloads);
      this.#waiting.delete(id);
    });
    worker.on('error', (error: Error) => this.#abandon(error));
    worker.on('exit', () => this.#abandon(new Error('the sealing thread ended')));
    return worker;
  }

  #abandon(error: Error): void {
    this.#worker = undefined;
    this.#known.clear();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

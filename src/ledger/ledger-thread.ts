/** The thread in which a ledger sequences, hashes, writes and signs. `threadedLedger` starts it and talks with it. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { readEntries } from './append-chunk.ts';
import type { Payload } from './entry-store.ts';
import { type LedgerDirectory, openLedgerDirectory } from './ledger-directory.ts';
import {
  faultOf,
  type FromThread,
  type Levels,
  pack,
  type Question,
  type ThreadStart,
  type ToThread,
} from './thread-protocol.ts';

class LedgerThread {
  readonly #port: MessagePort;
  readonly #ledger: LedgerDirectory;
  readonly #time: { nowMs: number | undefined };
  #toldNote: string | undefined;
  /** Resolves when all chunks that came so far are answered. */
  #answered: Promise<unknown> = Promise.resolve();

  constructor(port: MessagePort, ledger: LedgerDirectory, time: { nowMs: number | undefined }) {
    this.#port = port;
    this.#ledger = ledger;
    this.#time = time;
  }

  /** Says that it is open, and answers from then on. */
  listen(): void {
    this.#send({ kind: 'opened', vkey: this.#ledger.vkey, levels: this.#levels() });
    this.#port.on('message', (message: ToThread) => {
      if (message.kind === 'append') this.#append(message);
      else void this.#answer(message);
    });
  }

  #append({ chunk, used }: Extract<ToThread, { kind: 'append' }>): void {
    const entries = readEntries(Buffer.from(chunk.buffer), used);
    const answer = this.#ledger.sequencer.sequence(entries).then(
      (indices) => ({ kind: 'appended', indices: inARow(indices) ? indices[0]! : indices }) as const,
      (error: unknown) => ({ kind: 'not-appended', fault: faultOf(error) }) as const,
    );
    this.#answered = Promise.all([answer, this.#answered]).then(([known]) => {
      this.#send({ ...known, chunk, levels: this.#levels() }, [chunk.buffer]);
    });
  }

  async #answer({ id, question }: Extract<ToThread, { kind: 'question' }>): Promise<void> {
    try {
      const answer = await this.#reply(question);
      this.#send({ kind: 'answer', id, answer, levels: this.#levels() });
    } catch (error) {
      this.#send({ kind: 'refused', id, fault: faultOf(error), levels: this.#levels() });
    }
    if (question.ask === 'close') this.#port.close();
  }

  async #reply(question: Question): Promise<unknown> {
    const { nodes, store, sequencer } = this.#ledger;
    switch (question.ask) {
      case 'sign':
        this.#time.nowMs = question.nowMs;
        return this.#ledger.sign();
      case 'read':
        return pack(await store.read(question.from, question.limit));
      case 'payloadsOf':
        return (await store.payloadsOf(question.index)).map(copyOf);
      case 'erasePayloads':
        return store.erasePayloads(question.places);
      case 'indexOf':
        return sequencer.indexOf(question.id);
      case 'inclusionProof':
        return pack(await nodes.inclusionProof(question.index, question.size));
      case 'consistencyProof':
        return pack(await nodes.consistencyProof(question.oldSize, question.newSize));
      case 'rootAt':
        return pack([await nodes.rootAt(question.size)]);
      case 'kept':
        return pack([await nodes.kept(question.level, question.index, question.count)]);
      case 'prune':
        return this.#ledger.prune(question.first, question.latestMs);
      case 'damagedPayload':
        return store.damagedPayload(question.from, question.to);
      case 'segments':
        return store.segments();
      case 'pack':
        return store.pack(question.first, question.tier);
      case 'forgetRead':
        return store.forgetRead();
      case 'settleRecovery':
        return store.settleRecovery();
      case 'close':
        await this.#answered;
        this.#time.nowMs = question.nowMs;
        return this.#ledger.close();
    }
  }

  #levels(): Levels {
    const { store, nodes, sequencer } = this.#ledger;
    const { size, bytes, recovered } = store;
    const [first, prunedMs] = [this.#ledger.first(), this.#ledger.prunedMs()];
    const { note, timeS } = this.#ledger.signed();
    const signed = note === this.#toldNote ? undefined : { note, ...(timeS === undefined ? {} : { timeS }) };
    this.#toldNote = note;
    return {
      first,
      prunedMs,
      size,
      bytes,
      treeSize: nodes.size,
      commits: sequencer.commits,
      fault: sequencer.fault,
      recovered,
      signed,
    };
  }

  #send(message: FromThread, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }
}

/** Memory of its own: what crosses threads takes all of its memory along. */
function copyOf(payload: Payload): Payload {
  return payload.kind === 'kept' ? { kind: 'kept', bytes: Buffer.from(new Uint8Array(payload.bytes).buffer) } : payload;
}

function inARow(indices: readonly number[]): boolean {
  return indices.every((index, at) => index === indices[0]! + at);
}

async function main(port: MessagePort, { dir, segmentBytes, storage }: ThreadStart): Promise<void> {
  // What is signed bears the time of who asks for it.
  const time = { nowMs: undefined as number | undefined };
  const clock = { ...systemClock, now: () => time.nowMs ?? systemClock.now() };
  try {
    const options = { clock, storage, ...(segmentBytes === undefined ? {} : { segmentBytes }) };
    const thread = new LedgerThread(port, await openLedgerDirectory(dir, options), time);
    thread.listen();
  } catch (error) {
    port.postMessage({ kind: 'not-opened', fault: faultOf(error) } satisfies FromThread);
    port.close();
  }
}

assert(parentPort, 'this file is the program of a thread');
await main(parentPort, workerData as ThreadStart);

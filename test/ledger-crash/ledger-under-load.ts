import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { ledgerClient } from '../../src/ledger/client.ts';
import type { LedgerEvent } from '../../src/ledger/entry.ts';
import { parseCheckpoint } from '../../src/ledger/tlog/checkpoint.ts';
import { textOfNote } from '../../src/ledger/tlog/signed-note.ts';

const PROCESS = join(import.meta.dirname, '../fixtures/ledger-process.ts');
const SEGMENT_KIB = 128;
const PRODUCERS = 8;
const START_MS = 120_000;

/** What others were told by a ledger: where their entries stand, and heads of its tree. */
export interface Told {
  readonly acknowledged: Map<string, number>;
  readonly heads: Map<number, string>;
}

export const nothingTold = (): Told => ({ acknowledged: new Map(), heads: new Map() });

export function eventOf(id: string): LedgerEvent {
  const actor = { kind: 'tenant', name: 'clinic' } as const;
  const data = { status: 200, fill: 'x'.repeat((id.length * 37) % 400) };
  const rest = { type: 'request.served', class: 6003, actor, subject: 'Workload/records', data };
  return { id, at: '2026-01-02T03:04:05.678Z', ...rest };
}

/** The ledger's real process with clients that append to it all the time. */
export class LedgerUnderLoad {
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  readonly #client: ReturnType<typeof ledgerClient>;
  readonly #told: Told;

  constructor(dir: string, socketPath: string, told: Told) {
    this.#child = spawn(process.execPath, [PROCESS, dir, socketPath, String(SEGMENT_KIB)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#gone = once(this.#child, 'exit');
    this.#client = ledgerClient(socketPath);
    this.#told = told;
  }

  /** Resolves when the process takes entries; rejects when it ends instead. */
  async ready(): Promise<void> {
    const signal = systemClock.deadline(START_MS);
    const ended = this.#gone.then(() => Promise.reject(new Error('the ledger did not start')));
    await Promise.race([once(this.#child.stdout!, 'data', { signal }), ended]);
  }

  /** Resolves when the process has taken the lock of its folder, and is at work to open it. */
  async opening(dir: string): Promise<void> {
    const signal = systemClock.deadline(START_MS);
    while (!lockOf(dir).startsWith(`${this.#child.pid} `)) await systemClock.sleep(1, signal);
  }

  /** Appends until the process is gone; resolves when it has acknowledged `count` more entries, or is gone. */
  async load(round: string, count: number): Promise<void> {
    const { acknowledged, heads } = this.#told;
    const enough = acknowledged.size + count;
    await new Promise<void>((resolve) => {
      const producers = Array.from({ length: PRODUCERS }, async (_, producer) => {
        for (let n = 0; ; n += 1) {
          const ids = Array.from({ length: 1 + ((n + producer) % 5) }, (_, i) => `${round}/${producer}/${n}/${i}`);
          const answer = await this.#client.append(ids.map(eventOf)).catch(() => undefined);
          if (!answer) return;
          for (const [at, index] of answer.indices.entries()) acknowledged.set(ids[at]!, index);
          if (n % 10 === 0) await this.#note(heads);
          if (acknowledged.size >= enough) resolve();
        }
      });
      void Promise.all(producers).then(() => resolve());
    });
  }

  /** Ends the process as a power cut or a kernel would, and waits until nothing of it is left. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#gone;
    await this.#client.close();
  }

  async #note(heads: Map<number, string>): Promise<void> {
    const note = await this.#client.checkpoint().catch(() => '');
    const checkpoint = parseCheckpoint(textOfNote(note) ?? '');
    if (checkpoint) heads.set(checkpoint.size, checkpoint.root.toString('base64'));
  }
}

function lockOf(dir: string): string {
  try {
    return readFileSync(join(dir, 'lock'), 'utf8');
  } catch {
    return '';
  }
}

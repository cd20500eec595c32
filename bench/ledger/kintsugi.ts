import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { ledgerClient } from '../../src/ledger/client.ts';
import type { LedgerEvent } from '../../src/ledger/entry.ts';
import { openLedgerDirectory } from '../../src/ledger/ledger-directory.ts';
import { threadedLedger } from '../../src/ledger/threaded-ledger.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { batched, type Contestant } from './contestant.ts';

const PROGRAM = join(import.meta.dirname, '../../test/fixtures/ledger-process.ts');
const CHECKPOINT_MS = 1000;
const EVENTS_PER_REQUEST = 400;
/** Several gateways send at a time. */
const REQUESTS_AT_ONCE = 8;

/** Ours in the process of the caller, with its checkpoint of each second. */
export function ledgerInProcess(inFlight: number): Contestant {
  return {
    name: 'kintsugi',
    inFlight,
    async open() {
      const root = await mkdtemp(join(tmpdir(), 'kin-bench-'));
      const ledger = await threadedLedger(join(root, 'ledger'), { clock: systemClock });
      const stop = systemClock.every(CHECKPOINT_MS, () => ledger.sign());
      return {
        append: async (id, entry) => void (await ledger.sequencer.append([{ id, bytes: Buffer.from(entry) }])),
        bytesPerEntry: async () => ledger.store.bytes / ledger.store.size,
        async close() {
          stop();
          await ledger.close();
          await rm(root, { recursive: true, force: true });
        },
      };
    },
  };
}

/** Ours as it runs in a stack: a process of its own behind a Unix socket, as a database is. */
export function ledgerOverSocket(inFlight: number): Contestant {
  return {
    name: 'kintsugi over its socket',
    inFlight,
    async open() {
      const root = await mkdtemp(join(tmpdir(), 'kin-bench-'));
      const socketPath = join(root, 'ledger.sock');
      const child = spawn(process.execPath, [PROGRAM, join(root, 'ledger'), socketPath], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      const client = ledgerClient(socketPath);
      const send = async (events: readonly LedgerEvent[]) => {
        await client.append(events);
      };
      const senders = Array.from({ length: REQUESTS_AT_ONCE }, () => send);
      const append = batched(senders, EVENTS_PER_REQUEST);
      return {
        append: (_, entry) => append(JSON.parse(entry) as LedgerEvent),
        bytesPerEntry: async () => undefined,
        async close() {
          await client.close();
          await end(child);
          await rm(root, { recursive: true, force: true });
        },
      };
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
}

/** Entries a second that the offline verifier checks, over a ledger of `count` entries. */
export async function verificationSpeed(count: number, entryOf: (id: string) => string): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), 'kin-bench-'));
  const dir = join(root, 'ledger');
  try {
    const ledger = await openLedgerDirectory(dir, { clock: systemClock });
    for (let first = 0; first < count; first += 8192) {
      const ids = Array.from({ length: Math.min(8192, count - first) }, (_, n) => `evt_${first + n}`);
      await ledger.sequencer.append(ids.map((id) => ({ id, bytes: Buffer.from(entryOf(id)) })));
    }
    await ledger.close();
    const before = performance.now();
    const verdict = await verifyLedger(dir);
    if (verdict.kind !== 'intact' || verdict.size !== count) throw new Error('the ledger of the bench is not intact');
    return (count * 1000) / (performance.now() - before);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

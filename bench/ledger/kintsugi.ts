import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { ledgerClient } from '../../src/ledger/client.ts';
import { Custody } from '../../src/ledger/custody.ts';
import type { LedgerEvent, NewEvent, PersonalPart } from '../../src/ledger/entry.ts';
import { openLedgerDirectory } from '../../src/ledger/ledger-directory.ts';
import { threadedLedger } from '../../src/ledger/threaded-ledger.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { type DatabaseConnection, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { localKeyProvider } from '../../src/vault/local-key-provider.ts';
import { batched, type Contestant } from './contestant.ts';
import { entryOf } from './trial.ts';

const PROGRAM = join(import.meta.dirname, '../../test/fixtures/ledger-process.ts');
const CHECKPOINT_MS = 1000;
const EVENTS_PER_REQUEST = 400;
/** Several gateways send at a time. */
const REQUESTS_AT_ONCE = 8;

export const OURS = 'kintsugi';
export const OURS_IN_DATABASE = 'kintsugi in PostgreSQL';
export const OURS_WITH_PAYLOADS = 'kintsugi with payloads';
export const OURS_OVER_SOCKET = 'kintsugi over its socket';
export const OURS_SEALED = 'kintsugi, sealed';

export interface LedgerVariant {
  /** Bytes of sealed personal data beside each entry. */
  readonly payloadBytes?: number;
  /** A server in which the entries are kept instead of in files. */
  readonly connection?: DatabaseConnection;
}

/** Ours in the process of the caller, its work in a thread, with its checkpoint of each second. */
export function ledgerInProcess(inFlight: number, { payloadBytes, connection }: LedgerVariant = {}): Contestant {
  const payloads = payloadBytes === undefined ? undefined : [randomBytes(payloadBytes)];
  return {
    name: connection ? OURS_IN_DATABASE : payloads ? OURS_WITH_PAYLOADS : OURS,
    inFlight,
    async open() {
      const root = await mkdtemp(join(tmpdir(), 'kin-bench-'));
      if (connection) await forgetLedger(connection);
      const storage = connection && ({ kind: 'postgresql', connection } as const);
      const ledger = await threadedLedger(join(root, 'ledger'), { clock: systemClock, storage });
      const stop = systemClock.every(CHECKPOINT_MS, () => ledger.sign());
      return {
        async append(id, entry) {
          const bytes = Buffer.from(entry);
          await ledger.sequencer.append([payloads ? { id, bytes, payloads } : { id, bytes }]);
        },
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

/** People whose data are sealed, each under a key of their own. */
const PEOPLE = 1000;

/**
 * As the process of a stack takes records of people: each has its actor's data sealed in the threads of the vault, beside
 * the entry, under that person's key.
 */
export function sealedLedger(inFlight: number): Contestant {
  return {
    name: OURS_SEALED,
    inFlight,
    async open() {
      const root = await mkdtemp(join(tmpdir(), 'kin-bench-'));
      const ledger = await threadedLedger(join(root, 'ledger'), { clock: systemClock });
      const provider = await localKeyProvider(join(root, 'kek'));
      const log = createLog('bench', 'error');
      const custody = await Custody.open(ledger, {
        vault: { dir: join(root, 'vault'), provider },
        clock: systemClock,
        log,
      });
      const stop = systemClock.every(CHECKPOINT_MS, () => ledger.sign());
      const send = async (events: readonly NewEvent[]) => {
        await ledger.sequencer.append(await custody.entriesOf(events));
      };
      const append = batched(
        Array.from({ length: REQUESTS_AT_ONCE }, () => send),
        EVENTS_PER_REQUEST,
      );
      const event = eventOf(entryOf('evt_template'));
      let count = 0;
      return {
        append: (id) => {
          count += 1;
          return append({ ...event, id, personal: [personOf(count)] });
        },
        bytesPerEntry: async () => ledger.store.bytes / ledger.store.size,
        async close() {
          stop();
          await custody.close();
          await ledger.close();
          await rm(root, { recursive: true, force: true });
        },
      };
    },
  };
}

/** The event of an entry: the version is given to it by the ledger. */
function eventOf(entry: string): LedgerEvent {
  const { v: _, ...event } = JSON.parse(entry) as LedgerEvent & { readonly v: number };
  return event;
}

function personOf(count: number): PersonalPart {
  const subject = `patient-${count % PEOPLE}`;
  return {
    role: 'actor',
    subject,
    data: { user: subject, address: '203.0.113.77', agent: 'Mozilla/5.0 (X11; Linux)' },
  };
}

/** Each trial begins with an empty ledger, as the tables do. */
async function forgetLedger(connection: DatabaseConnection): Promise<void> {
  await migrate(connection);
  const database = await openDatabase(connection);
  await sql`truncate ledger_head, ledger_group, ledger_payload`.execute(database.kysely);
  await database.close();
}

/**
 * The bench alone: what it costs to make an entry and to wait, with nothing that keeps it. What others cost the thread of
 * the caller is what they cost more.
 */
export function nothingKept(inFlight: number): Contestant {
  return {
    name: 'nothing kept',
    inFlight,
    async open() {
      let waiting: (() => void)[] = [];
      const answer = () => {
        const answered = waiting;
        waiting = [];
        for (const resolve of answered) resolve();
      };
      return {
        async append(_, entry) {
          const bytes = Buffer.from(entry);
          await new Promise<void>((resolve) => {
            if (waiting.length === 0) setImmediate(answer);
            if (bytes.length > 0) waiting.push(resolve);
          });
        },
        bytesPerEntry: async () => undefined,
        close: async () => undefined,
      };
    },
  };
}

/** Ours as it runs in a stack: a process of its own behind a Unix socket, as a database is. */
export function ledgerOverSocket(inFlight: number): Contestant {
  return {
    name: OURS_OVER_SOCKET,
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
        append: (_, entry) => append(eventOf(entry)),
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

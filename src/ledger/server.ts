import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type Clock, toIso } from '../base/clock.ts';
import { describeError, isFault } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Log } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import { Cosigner, readWitnessed, readWitnessPolicy, requireContinued } from './cosigner.ts';
import { OCSF } from './entry.ts';
import type { VaultOptions } from '../vault/vault.ts';
import { Custody } from './custody.ts';
import { Eraser, type ErasureStep } from './eraser.ts';
import { entryOf } from './event-form.ts';
import type { OpenLedger } from './open-ledger.ts';
import { LedgerService } from './ledger-service.ts';
import type { StorageChoice } from './ledger-storage.ts';
import type { Recovered } from './entry-store.ts';
import { LedgerWorkers } from './ledger-workers.ts';
import { readHolds } from './retention/legal-holds.ts';
import { threadedLedger } from './threaded-ledger.ts';

/** An acknowledged entry is unsigned for at most this long. */
const CHECKPOINT_MS = 1000;
/** Between two looks at the age of the keys of personal data. */
const ROTATION_CHECK_MS = 60_000;
/** What a client may take to end its requests before they are broken off. */
const CLOSE_MS = 2000;

export interface LedgerOptions {
  readonly dir: string;
  /** Where keys of personal data are; without one, events that hold such data are refused. */
  readonly vault?: Omit<VaultOptions, 'clock'>;
  /** Hears of each step of an erasure; for tests that kill the process there. */
  readonly onErasureStep?: (step: ErasureStep) => void;
  /** How long an epoch of keys lasts at the most. */
  readonly epochMs?: number;
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Size of a new segment in bytes; for tests. */
  readonly segmentBytes?: number;
  /** As of `openLedgerDirectory`. */
  readonly storage?: StorageChoice | undefined;
  /** Whether its start and its end are entries too, as those of the ledger of a stack are (PCI DSS 10.2.1.6). */
  readonly recordsTurns?: boolean;
}

export interface RunningLedger {
  /** Gives the key that its checkpoints verify with. */
  readonly vkey: string;
  /** Ends requests, writes what is queued, signs a last checkpoint and lets go of the folder. */
  close(): Promise<void>;
}

/**
 * Opens the ledger in `dir` (creating it) and serves it on a Unix socket. Throws what `openOpenLedger` throws. A
 * write that an earlier end of the process cut off is on the record as `ledger.recovered` before
 * the first request.
 */
export async function startLedger(options: LedgerOptions): Promise<RunningLedger> {
  const { dir, socketPath, clock, log, segmentBytes, storage, recordsTurns = false } = options;
  const ledger = await threadedLedger(dir, { clock, storage, ...(segmentBytes === undefined ? {} : { segmentBytes }) });
  const cosigner = await openCosigner(ledger, options);
  const custody = await openCustody(ledger, options);
  const eraser = custody && (await openEraser(ledger, custody, options));
  const workers = new LedgerWorkers({ dir, ledger, cosigner, eraser, hasTiers: storage === undefined, clock, log });
  const service = new LedgerService({ ledger, workers, custody, eraser }, options);
  const server = createServer((request, response) => void service.handle(request, response));
  try {
    if (ledger.store.recovered) await recordRecovery(ledger, ledger.store.recovered, clock);
    if (recordsTurns) await recordTurn(ledger, 'ledger.started', clock);
    await listenOnSocket(server, socketPath);
  } catch (error) {
    await custody?.close();
    await ledger.close();
    throw error;
  }
  const stopRotating = clock.every(ROTATION_CHECK_MS, () => custody?.rotateInTime());
  const stopSigning = clock.every(CHECKPOINT_MS, () => service.sign());
  workers.start();
  log.info({ vkey: ledger.vkey, size: ledger.store.size }, 'ledger is open');
  return {
    vkey: ledger.vkey,
    async close() {
      stopRotating();
      stopSigning();
      workers.end();
      service.end();
      await closeServer(server, clock);
      if (recordsTurns) await recordStop(ledger, options);
      await custody?.close();
      await ledger.close();
    },
  };
}

async function openCustody(ledger: OpenLedger, options: LedgerOptions): Promise<Custody | undefined> {
  const { vault } = options;
  if (!vault) return undefined;
  try {
    return await Custody.open(ledger, { ...options, vault });
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

/** An erasure that was cut off is gone on with before anybody asks; one that fails again is told, and stops nothing. */
async function openEraser(ledger: OpenLedger, custody: Custody, options: LedgerOptions): Promise<Eraser> {
  const { clock, log, onErasureStep } = options;
  const never = new AbortController().signal;
  const eraser = new Eraser({
    dir: options.vault!.dir,
    custody,
    store: ledger.store,
    first: ledger.first,
    legalHolds: () => readHolds(options.dir),
    covered: async (index) => {
      await ledger.sign();
      await ledger.covers(index, never);
    },
    clock,
    random: systemRandom,
    onStep: onErasureStep,
  });
  await eraser.resume().catch((error: unknown) => {
    log.error({ fault: describeError(error) }, 'an erasure cannot be gone on with');
  });
  return eraser;
}

/** A policy that cannot be used is told, and stops nothing: records matter more than their witnesses. */
async function openCosigner(ledger: OpenLedger, options: LedgerOptions): Promise<Cosigner | undefined> {
  const { dir, log } = options;
  try {
    const policy = readWitnessPolicy(dir, ledger.key);
    if (!policy) return undefined;
    const witnessed = readWitnessed(dir, policy);
    if (witnessed) await requireContinued(witnessed, ledger);
    return new Cosigner({ ...options, policy, ledger }, witnessed);
  } catch (error) {
    if (isFault(error, 'request.invalid')) {
      log.error({ fault: describeError(error) }, 'the ledger goes without witnesses');
      return undefined;
    }
    await ledger.close();
    throw error;
  }
}

async function recordRecovery(ledger: OpenLedger, { droppedBytes, atIndex }: Recovered, clock: Clock): Promise<void> {
  await recordTurn(ledger, 'ledger.recovered', clock, atIndex, { droppedBytes });
  await ledger.store.settleRecovery();
}

/** A disk that takes no more must not keep the process from ending. */
async function recordStop(ledger: OpenLedger, { clock, log }: LedgerOptions): Promise<void> {
  await recordTurn(ledger, 'ledger.stopped', clock).catch((error: unknown) =>
    log.error({ fault: describeError(error) }, 'that the ledger ends is not on record'),
  );
}

async function recordTurn(
  { sequencer, store }: OpenLedger,
  type: 'ledger.recovered' | 'ledger.started' | 'ledger.stopped',
  clock: Clock,
  atIndex = store.size,
  details: JsonObject = {},
): Promise<void> {
  const at = toIso(clock.now());
  const event = {
    id: `${type}/${atIndex}/${at}`,
    at,
    type,
    class: OCSF.applicationLifecycle,
    actor: { kind: 'system', name: 'ledger' } as const,
    subject: 'Ledger',
    data: { ...details, atIndex },
  };
  await sequencer.append([entryOf(event)]);
}

async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const cancel = clock.after(CLOSE_MS, () => server.closeAllConnections());
  await closed;
  cancel();
}

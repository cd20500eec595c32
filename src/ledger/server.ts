import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Clock, toIso } from '../base/clock.ts';
import { dutyCycle } from '../base/duty-cycle.ts';
import { describeError, isFault, KinError } from '../base/errors.ts';
import { toProblem } from '../base/problem.ts';
import type { Log } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import { Cosigner, readWitnessed, readWitnessPolicy, requireContinued } from './cosigner.ts';
import { type NewEvent, OCSF } from './entry.ts';
import type { VaultOptions } from '../vault/vault.ts';
import { Custody } from './custody.ts';
import { Eraser, type ErasureStep } from './eraser.ts';
import { subjectRoutes } from './subject-routes.ts';
import { entryOf, eventsOfBody } from './event-form.ts';
import { sealEvents } from './sealing.ts';
import type { OpenLedger } from './open-ledger.ts';
import { ledgerSource } from './ledger-source.ts';
import { ledgerMetrics } from './metrics.ts';
import { isPublicPath, sendPublicFile } from './public-files.ts';
import type { StorageChoice } from './ledger-storage.ts';
import { indexOfEvent, receiptOf } from './receipt.ts';
import { ledgerStatus } from './ledger-status.ts';
import { HoldDesk } from './retention/hold-desk.ts';
import { Pruner } from './retention/pruner.ts';
import type { Recovered } from './entry-store.ts';
import { SelfCheck } from './self-check.ts';
import type { NewEntry } from './sequencer.ts';
import { threadedLedger } from './threaded-ledger.ts';
import type { LogSource } from './tlog/log-source.ts';

/** An acknowledged entry is unsigned for at most this long. */
const CHECKPOINT_MS = 1000;
/** Between two looks at the age of the keys of personal data. */
const ROTATION_CHECK_MS = 60_000;
/** Between two parts of the ledger that are read again. */
const SELF_CHECK_MS = 1000;
/** Of a core, however long the ledger is. */
const SELF_CHECK_SHARE = 0.03;
/** Between two looks for what has outlived its retention. */
const PRUNE_MS = 600_000;
/** And for this long when somebody waits for the checkpoint. */
const SOON_MS = 50;
/** What a client may take to end its requests before they are broken off. */
const CLOSE_MS = 2000;
/** An append; larger ones are sent in parts by `ledgerClient`. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
const ENTRIES_MAX = 1000;
const JSON_TYPE = 'application/json';

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
}

export interface RunningLedger {
  /** Gives the key that its checkpoints verify with. */
  readonly vkey: string;
  /** Ends requests, writes what is queued, signs a last checkpoint and lets go of the folder. */
  close(): Promise<void>;
}

/**
 * Opens the ledger in `dir` (creating it) and serves it on a Unix socket. Throws what `openOpenLedger` throws. A
 * write that an earlier end of the process cut off is on the record as `ledger.recovered` before the first request.
 */
export async function startLedger(options: LedgerOptions): Promise<RunningLedger> {
  const { dir, socketPath, clock, log, segmentBytes, storage } = options;
  const ledger = await threadedLedger(dir, { clock, storage, ...(segmentBytes === undefined ? {} : { segmentBytes }) });
  const cosigner = await openCosigner(ledger, options);
  const custody = await openCustody(ledger, options);
  const eraser = custody && (await openEraser(ledger, custody, options));
  const service = new LedgerService({ ledger, cosigner, custody, eraser }, options);
  const server = createServer((request, response) => void service.handle(request, response));
  try {
    if (ledger.store.recovered) await recordRecovery(ledger, ledger.store.recovered, clock);
    await listenOnSocket(server, socketPath);
  } catch (error) {
    await custody?.close();
    await ledger.close();
    throw error;
  }
  const stopRotating = clock.every(ROTATION_CHECK_MS, () => custody?.rotateInTime());
  const stopSigning = clock.every(CHECKPOINT_MS, () => service.sign());
  const stopChecking = dutyCycle(clock, SELF_CHECK_MS, SELF_CHECK_SHARE, () => service.selfCheck.step());
  const stopPruning = clock.every(PRUNE_MS, () => service.pruner.step());
  const stopAsking = clock.every(CHECKPOINT_MS, () => cosigner?.ask());
  log.info({ vkey: ledger.vkey, size: ledger.store.size }, 'ledger is open');
  return {
    vkey: ledger.vkey,
    async close() {
      stopRotating();
      stopSigning();
      stopAsking();
      stopChecking();
      stopPruning();
      service.end();
      await closeServer(server, clock);
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

async function recordRecovery({ sequencer, store }: OpenLedger, recovered: Recovered, clock: Clock): Promise<void> {
  const at = toIso(clock.now());
  const event = {
    id: `ledger.recovered/${recovered.atIndex}/${at}`,
    at,
    type: 'ledger.recovered',
    class: OCSF.applicationLifecycle,
    actor: { kind: 'system', name: 'ledger' } as const,
    subject: 'Ledger',
    data: { droppedBytes: recovered.droppedBytes, atIndex: recovered.atIndex },
  };
  await sequencer.append([entryOf(event)]);
  await store.settleRecovery();
}

async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const cancel = clock.after(CLOSE_MS, () => server.closeAllConnections());
  await closed;
  cancel();
}

type Handler = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => Promise<void> | void;

/** What the service stands on. */
interface LedgerParts {
  readonly ledger: OpenLedger;
  readonly cosigner: Cosigner | undefined;
  readonly custody: Custody | undefined;
  readonly eraser: Eraser | undefined;
}

class LedgerService {
  readonly selfCheck: SelfCheck;
  readonly pruner: Pruner;
  readonly #ledger: OpenLedger;
  readonly #cosigner: Cosigner | undefined;
  readonly #custody: Custody | undefined;
  #subjects: ReturnType<typeof subjectRoutes> = new Map();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: ReturnType<typeof ledgerMetrics>;
  readonly #routes: ReadonlyMap<string, Handler>;
  readonly #ending = new AbortController();
  readonly #source: LogSource;
  #signFault: string | undefined;
  #signsSoon = false;

  constructor({ ledger, cosigner, custody, eraser }: LedgerParts, { dir, clock, log }: LedgerOptions) {
    this.#ledger = ledger;
    this.#cosigner = cosigner;
    this.#custody = custody;
    if (custody && eraser) this.#subjects = subjectRoutes(custody, eraser, ledger.store);
    this.#clock = clock;
    const { nodes, store } = ledger;
    this.#source = ledgerSource({
      nodes,
      read: (from, limit) => store.read(from, limit),
      first: ledger.first,
      published: () => cosigner?.published() ?? ledger.signed(),
    });
    this.#log = log;
    this.selfCheck = new SelfCheck(ledger, { clock, log });
    const subjectHolds = () => eraser?.holds ?? [];
    this.pruner = new Pruner({ dir, ledger, clock, log, subjectHolds, signal: this.#ending.signal });
    const workers = { cosigner, selfCheck: this.selfCheck, pruner: this.pruner };
    const holds = new HoldDesk({ dir, ledger, clock });
    this.#metrics = ledgerMetrics(ledger, workers);
    this.#routes = new Map<string, Handler>([
      ['POST /v1/append', (request, response, query) => this.#append(request, response, query)],
      ['GET /v1/checkpoint', (_, response, query) => this.#checkpoint(response, query)],
      ['GET /v1/entries', (_, response, query) => this.#entries(response, query)],
      ['GET /v1/tail', (_, response, query) => this.#tail(response, query)],
      ['GET /v1/proof', (_, response, query) => this.#proof(response, query)],
      ['GET /v1/consistency', (_, response, query) => this.#consistency(response, query)],
      ['GET /v1/receipt', (_, response, query) => this.#receipt(response, query)],
      ['GET /v1/witnesses', (_, response) => this.#witnesses(response)],
      ['GET /v1/status', (_, response) => sendJson(response, ledgerStatus(dir, ledger, workers))],
      ['POST /v1/holds', async (request, response) => sendJson(response, await holds.set(await readJson(request)))],
      [
        'POST /v1/holds/lift',
        async (request, response) => sendJson(response, await holds.lift(await readJson(request))),
      ],
      ['GET /v1/self-check', (_, response) => this.#selfCheck(response)],
      ['GET /livez', (_, response) => send(response, 200, 'text/plain', 'ok\n')],
      ['GET /readyz', (_, response) => this.#readyz(response)],
      [
        'GET /metrics',
        async (_, response) => send(response, 200, this.#metrics.contentType, await this.#metrics.text()),
      ],
    ]);
  }

  /** Ends the streams and refuses appends from now on. */
  end(): void {
    this.#ending.abort();
  }

  /** A checkpoint that cannot be written is tried again at the next beat; entries are taken meanwhile. */
  async sign(): Promise<void> {
    try {
      await this.#ledger.sign();
      this.#signFault = undefined;
    } catch (error) {
      const fault = describeError(error);
      if (fault !== this.#signFault) this.#log.error({ fault }, 'cannot sign a checkpoint');
      this.#signFault = fault;
    }
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('finish', () => {
      if (this.#ending.signal.aborted) request.socket.end();
    });
    try {
      const url = new URL(request.url ?? '/', 'http://ledger');
      if (isPublicPath(url.pathname)) return await sendPublicFile(this.#source, request, response);
      const subject = request.method === 'POST' ? this.#subjects.get(url.pathname) : undefined;
      if (subject) return await this.#subject(subject, request, response);
      const handler = this.#routes.get(`${request.method} ${url.pathname}`);
      if (!handler) throw new KinError('resource.unknown', `no ${request.method} ${url.pathname} here`);
      await handler(request, response, url.searchParams);
    } catch (error) {
      if (!(error instanceof KinError)) this.#log.error({ fault: describeError(error) }, 'request failed');
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const { status, body } = toProblem(error);
      send(response, status, 'application/problem+json', JSON.stringify(body));
    }
  }

  /** The answer waits until the entries are durable or, with `until=checkpoint`, under a signed checkpoint. */
  async #append(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const until = query.get('until') ?? 'durable';
    if (until !== 'durable' && until !== 'checkpoint') {
      throw new KinError('request.invalid', `until is durable or checkpoint, not ${until}`);
    }
    const body = await readJson(request);
    if (this.#ending.signal.aborted) throw new KinError('ledger.unreachable', 'the ledger is closing');
    const indices = await this.#ledger.sequencer.append(await this.#entriesOf(eventsOfBody(body)));
    if (until === 'checkpoint') await this.#covered(indices.reduce((a, b) => Math.max(a, b), -1));
    send(response, 200, JSON_TYPE, JSON.stringify({ indices }));
  }

  async #subject(act: (body: unknown) => unknown, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await act(await readJson(request));
    send(response, 200, JSON_TYPE, JSON.stringify(answer));
  }

  #entriesOf(events: readonly NewEvent[]): Promise<NewEntry[]> {
    if (this.#custody) return this.#custody.entriesOf(events);
    return sealEvents(undefined, events, this.#log);
  }

  #checkpoint(response: ServerResponse, query: URLSearchParams): void {
    const { note } = this.#ledger.signed();
    if (query.get('as') === 'json') send(response, 200, JSON_TYPE, JSON.stringify({ note }));
    else send(response, 200, 'text/plain; charset=utf-8', note);
  }

  async #entries(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const from = Math.max(numberOf(query, 'from', 0), this.#ledger.first());
    const entries = await this.#ledger.store.read(from, Math.min(numberOf(query, 'limit', 100), ENTRIES_MAX));
    const items = entries.map((entry, offset) => indexed(from + offset, entry));
    send(response, 200, JSON_TYPE, `{"entries":[${items.join(',')}]}`);
  }

  /** Entries that are there, then each new one as soon as it is durable, until either side ends. */
  async #tail(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { store, sequencer } = this.#ledger;
    let next = Math.max(numberOf(query, 'from', 0), this.#ledger.first());
    let wake = () => {};
    const stop = sequencer.onCommit(() => wake());
    const isOver = () => response.destroyed || (this.#ending.signal.aborted && next >= store.size);
    const onEnd = () => wake();
    response.on('close', onEnd);
    response.on('drain', onEnd);
    this.#ending.signal.addEventListener('abort', onEnd);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    try {
      while (!isOver()) {
        if (response.writableNeedDrain || next >= store.size) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const entries = await store.read(next, ENTRIES_MAX);
        const lines = entries.map((entry, offset) => `${indexed(next + offset, entry)}\n`);
        next += entries.length;
        response.write(lines.join(''));
      }
    } finally {
      stop();
      this.#ending.signal.removeEventListener('abort', onEnd);
      response.end();
    }
  }

  async #proof(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { nodes } = this.#ledger;
    const size = this.#sizeOf(query, 'size');
    const index = numberOf(query, 'index');
    if (index >= size) throw new KinError('request.invalid', `entry ${index} is not in a tree of ${size}`);
    const [root, path] = [await nodes.rootAt(size), await nodes.inclusionProof(index, size)];
    send(response, 200, JSON_TYPE, JSON.stringify({ index, size, root: base64(root), path: path.map(base64) }));
  }

  async #consistency(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { nodes } = this.#ledger;
    const size = this.#sizeOf(query, 'size');
    const from = numberOf(query, 'from');
    if (from > size) throw new KinError('request.invalid', `a tree of ${from} is no beginning of one of ${size}`);
    const [root, path] = [await nodes.rootAt(size), await nodes.consistencyProof(from, size)];
    send(response, 200, JSON_TYPE, JSON.stringify({ from, size, root: base64(root), path: path.map(base64) }));
  }

  /** Somebody waits, so the next checkpoint comes earlier; not at once: others may come to share it. */
  async #covered(index: number): Promise<void> {
    if (index >= this.#ledger.signed().checkpoint.size && !this.#signsSoon) {
      this.#signsSoon = true;
      this.#clock.after(SOON_MS, () => {
        this.#signsSoon = false;
        if (!this.#ending.signal.aborted) void this.sign();
      });
    }
    await this.#ledger.covers(index, this.#ending.signal);
  }

  async #receipt(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const id = query.get('id') ?? '';
    const known = await this.#ledger.sequencer.indexOf(id);
    const index = known ?? (await indexOfEvent(this.#source, id, this.#ledger.signed().checkpoint.size));
    await this.#covered(index);
    const receipt = await receiptOf(this.#source, index);
    if (!receipt) throw new KinError('ledger.unwitnessed', `too few witnesses have seen entry ${index} yet`);
    send(response, 200, 'text/plain; charset=utf-8', receipt.text);
  }

  #selfCheck(response: ServerResponse): void {
    send(response, 200, JSON_TYPE, JSON.stringify(this.selfCheck.state()));
  }

  #witnesses(response: ServerResponse): void {
    const state = { unwitnessedMs: this.#cosigner?.unwitnessedMs() ?? 0, witnesses: this.#cosigner?.states() ?? [] };
    send(response, 200, JSON_TYPE, JSON.stringify(state));
  }

  /** A size of the tree; without one, the size that is signed. */
  #sizeOf(query: URLSearchParams, name: string): number {
    const size = numberOf(query, name, this.#ledger.signed().checkpoint.size);
    if (size <= this.#ledger.nodes.size) return size;
    throw new KinError('request.invalid', `the log has ${this.#ledger.nodes.size} entries, not ${size}`);
  }

  #readyz(response: ServerResponse): void {
    const found = this.selfCheck.state().fault;
    const damage = found && `entry ${found.index}: ${found.reason}`;
    const fault = this.#signFault ?? this.#ledger.sequencer.fault ?? damage;
    send(response, fault === undefined ? 200 : 503, 'text/plain', `${fault ?? 'ok'}\n`);
  }
}

const base64 = (hash: Buffer) => hash.toString('base64');

/** Entries leave as the bytes they are stored as, not as a second rendering of them. */
function indexed(index: number, entry: Buffer): string {
  return `{"index":${index},"event":${entry.toString('utf8')}}`;
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function sendJson(response: ServerResponse, document: unknown): void {
  send(response, 200, JSON_TYPE, JSON.stringify(document));
}

function numberOf(query: URLSearchParams, name: string, fallback?: number): number {
  const text = query.get(name);
  if (text === null && fallback !== undefined) return fallback;
  const value = /^\d{1,16}$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new KinError('request.invalid', `${name} is not a whole number`);
  return value;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new KinError('request.invalid', `a body has at most ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new KinError('request.invalid', 'the body is not JSON', { cause });
  }
}

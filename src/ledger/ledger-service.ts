import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { describeError, KinError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { toProblem } from '../base/problem.ts';
import { numberOf, readJson, send, sendJson, sendJsonText } from './answer.ts';
import type { Custody } from './custody.ts';
import type { NewEvent } from './entry.ts';
import type { Eraser } from './eraser.ts';
import { eventsOfBody } from './event-form.ts';
import { ledgerSource } from './ledger-source.ts';
import { ledgerStatus } from './ledger-status.ts';
import type { LedgerWorkers } from './ledger-workers.ts';
import { ledgerMetrics } from './metrics.ts';
import type { OpenLedger } from './open-ledger.ts';
import { isPublicPath, sendPublicFile } from './public-files.ts';
import { indexOfEvent, receiptOf } from './receipt.ts';
import { sealEvents } from './sealing.ts';
import type { NewEntry } from './sequencer.ts';
import { subjectRoutes } from './subject-routes.ts';
import type { LogSource } from './tlog/log-source.ts';

/** A checkpoint comes after this long when somebody waits for it. */
const SOON_MS = 50;
const ENTRIES_MAX = 1000;

type Handler = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => Promise<void> | void;

/** What the service stands on. */
interface LedgerParts {
  readonly ledger: OpenLedger;
  readonly workers: LedgerWorkers;
  readonly custody: Custody | undefined;
  readonly eraser: Eraser | undefined;
}

interface ServiceOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a ledger answers to requests. */
export class LedgerService {
  readonly #ledger: OpenLedger;
  readonly #workers: LedgerWorkers;
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

  constructor({ ledger, workers, custody, eraser }: LedgerParts, { dir, clock, log }: ServiceOptions) {
    this.#ledger = ledger;
    this.#workers = workers;
    this.#custody = custody;
    if (custody && eraser) this.#subjects = subjectRoutes(custody, eraser, workers.holds, ledger.store);
    this.#clock = clock;
    const { nodes, store } = ledger;
    const startedAt = store.size;
    this.#source = ledgerSource({
      nodes,
      read: (from, limit) => store.read(from, limit),
      first: ledger.first,
      published: () => workers.cosigner?.published() ?? ledger.signed(),
    });
    this.#log = log;
    const { holds } = workers;
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
      [
        'GET /v1/status',
        async (_, response) => sendJson(response, await ledgerStatus(dir, ledger, workers, startedAt)),
      ],
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
    sendJson(response, { indices });
  }

  async #subject(act: (body: unknown) => unknown, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await act(await readJson(request));
    sendJson(response, answer);
  }

  #entriesOf(events: readonly NewEvent[]): Promise<NewEntry[]> {
    if (this.#custody) return this.#custody.entriesOf(events);
    return sealEvents(undefined, events, this.#log);
  }

  #checkpoint(response: ServerResponse, query: URLSearchParams): void {
    const { note } = this.#ledger.signed();
    if (query.get('as') === 'json') sendJson(response, { note });
    else send(response, 200, 'text/plain; charset=utf-8', note);
  }

  async #entries(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const from = Math.max(numberOf(query, 'from', 0), this.#ledger.first());
    const entries = await this.#ledger.store.read(from, Math.min(numberOf(query, 'limit', 100), ENTRIES_MAX));
    const items = entries.map((entry, offset) => indexed(from + offset, entry));
    sendJsonText(response, `{"entries":[${items.join(',')}]}`);
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
    sendJson(response, { index, size, root: base64(root), path: path.map(base64) });
  }

  async #consistency(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { nodes } = this.#ledger;
    const size = this.#sizeOf(query, 'size');
    const from = numberOf(query, 'from');
    if (from > size) throw new KinError('request.invalid', `a tree of ${from} is no beginning of one of ${size}`);
    const [root, path] = [await nodes.rootAt(size), await nodes.consistencyProof(from, size)];
    sendJson(response, { from, size, root: base64(root), path: path.map(base64) });
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
    sendJson(response, this.#workers.selfCheck.state());
  }

  #witnesses(response: ServerResponse): void {
    const state = {
      unwitnessedMs: this.#workers.cosigner?.unwitnessedMs() ?? 0,
      witnesses: this.#workers.cosigner?.states() ?? [],
    };
    sendJson(response, state);
  }

  /** A size of the tree; without one, the size that is signed. */
  #sizeOf(query: URLSearchParams, name: string): number {
    const size = numberOf(query, name, this.#ledger.signed().checkpoint.size);
    if (size <= this.#ledger.nodes.size) return size;
    throw new KinError('request.invalid', `the log has ${this.#ledger.nodes.size} entries, not ${size}`);
  }

  #readyz(response: ServerResponse): void {
    const found = this.#workers.selfCheck.state().fault;
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

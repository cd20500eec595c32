import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ErrorCode } from '../../base/error-catalogue.ts';
import { describeError, KinError } from '../../base/errors.ts';
import { toProblem } from '../../base/problem.ts';
import { LIMITS } from '../../base/limits.ts';
import { listenOnSocket } from '../../base/socket-http.ts';
import type { LocalKeeper } from './keeper.ts';
import {
  checked,
  checkedId,
  epochCommandSchema,
  signalCommandSchema,
  startCommandSchema,
  stopCommandSchema,
  stopOrderSchema,
} from './keeper-commands.ts';
import { keeperMetrics } from './keeper-metrics.ts';
import { readLogTail } from './log-capture.ts';

/** The keeper's door: HTTP over its Unix socket, as `protocol.ts` says. */
export interface KeeperServer {
  /** From now on `/readyz` says yes. */
  ready(): void;
  /** Ends the streams and stops listening; answers under way get a moment to leave. */
  close(): Promise<void>;
}

const HEARTBEAT_MS = 1_000;
const CLOSE_MS = 500;
/** A reader that lets this much pile up has stopped reading. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;
const LOG_LINES_MAX = 10_000;

interface Exchange {
  readonly keeper: LocalKeeper;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly id: string;
  /** Keeps the answer open until the client or the keeper leaves; `stop` is called then. */
  readonly hold: (stop: () => void) => void;
}

type Handler = (exchange: Exchange) => unknown;

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /v1/children': ({ keeper }) => keeper.children(),
  'PUT /v1/children/:id': async ({ keeper, request, id }) =>
    keeper.startInstance(id, checked(startCommandSchema, await bodyOf(request))),
  'POST /v1/children/:id/stop': async ({ keeper, request, id }) =>
    keeper.stopInstance(id, checked(stopCommandSchema, await bodyOf(request))),
  'POST /v1/children/:id/signal': async ({ keeper, request, id }) =>
    keeper.signalChild(id, checked(signalCommandSchema, await bodyOf(request))),
  'PUT /v1/epoch': async ({ keeper, request, response }) => {
    keeper.raiseFence(checked(epochCommandSchema, await bodyOf(request)));
    response.writeHead(204).end();
  },
  'PUT /v1/order': async ({ keeper, request, response }) => {
    keeper.setStopOrder(checked(stopOrderSchema, await bodyOf(request)));
    response.writeHead(204).end();
  },
  'POST /v1/down': ({ keeper, response }) => {
    response.writeHead(202).end();
    void keeper.down();
  },
  'GET /v1/events': streamEvents,
  'GET /v1/logs/:id': streamLog,
  'GET /livez': ({ response }) => void response.end('ok\n'),
};

export async function serveKeeper(keeper: LocalKeeper): Promise<KeeperServer> {
  let isReady = false;
  const holds = new Set<() => void>();
  const metrics = keeperMetrics(keeper);
  const routes: Record<string, Handler> = {
    ...ROUTES,
    'GET /readyz': ({ response }) => void response.writeHead(isReady ? 200 : 503).end(isReady ? 'ok\n' : 'starting\n'),
    'GET /metrics': async ({ response }) => {
      const text = await metrics.metrics();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    },
  };
  const server = createServer((request, response) => void answer(keeper, routes, holds, request, response));
  await listenOnSocket(server, keeper.state.socket('keeper'));
  return {
    ready() {
      isReady = true;
    },
    async close() {
      for (const release of holds) release();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cancel = keeper.clock.after(CLOSE_MS, () => server.closeAllConnections());
      await closed;
      cancel();
    },
  };
}

async function answer(
  keeper: LocalKeeper,
  routes: Readonly<Record<string, Handler>>,
  holds: Set<() => void>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on('error', () => {});
  try {
    const url = new URL(request.url ?? '/', 'http://keeper');
    const { handler, id } = route(routes, request.method ?? 'GET', url.pathname);
    const hold = (stop: () => void) => holdOpen(holds, response, stop);
    const result = await handler({ keeper, request, response, query: url.searchParams, id, hold });
    if (result !== undefined) sendJson(response, 200, result);
  } catch (error) {
    const { status, body } = toProblem(error);
    if (!(error instanceof KinError)) keeper.log.error({ reason: describeError(error) }, 'request failed');
    if (!response.headersSent) sendJson(response, status, body, 'application/problem+json');
    else response.destroy();
  }
}

function route(
  routes: Readonly<Record<string, Handler>>,
  method: string,
  path: string,
): { handler: Handler; id: string } {
  const match = /^(\/v1\/(?:children|logs)\/)([^/]+)(.*)$/.exec(path);
  const handler = routes[`${method} ${match ? `${match[1]}:id${match[3]}` : path}`];
  if (!handler) throw new KinError('resource.unknown', `no ${method} ${path} here`);
  return { handler, id: match ? checkedId(match[2] ?? '') : '' };
}

function sendJson(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type }).end(`${JSON.stringify(body)}\n`);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > LIMITS.apiBodyBytes) throw invalid('the body is too large');
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw invalid('the body is not JSON', cause);
  }
}

function invalid(message: string, cause?: unknown): KinError {
  const code: ErrorCode = 'request.invalid';
  return new KinError(code, message, { cause });
}

function numberOf(query: URLSearchParams, name: string, fallback: number): number {
  const value = Number(query.get(name) ?? fallback);
  if (!Number.isSafeInteger(value) || value < 0) throw invalid(`${name} must be a whole number from 0`);
  return value;
}

function holdOpen(holds: Set<() => void>, response: ServerResponse, stop: () => void): void {
  const release = () => {
    if (!holds.delete(release)) return;
    stop();
    response.end();
  };
  holds.add(release);
  response.once('close', release);
}

function streamEvents({ keeper, response, query, hold }: Exchange): void {
  const after = numberOf(query, 'after', 0);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  const unfollow = keeper.events.follow(after, (event) => write(response, `${JSON.stringify(event)}\n`));
  const cancel = keeper.clock.every(HEARTBEAT_MS, () => write(response, '\n'));
  hold(() => {
    unfollow();
    cancel();
  });
}

function streamLog({ keeper, response, query, id, hold }: Exchange): void {
  const count = Math.min(numberOf(query, 'lines', 100), LOG_LINES_MAX);
  const child = keeper.child(id);
  const tail = readLogTail(keeper.state.logs, id, count);
  if (!child && !tail) throw new KinError('resource.unknown', `no log of ${id}`, { details: { id } });
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.flushHeaders();
  for (const line of tail ?? []) response.write(`${line}\n`);
  if (!child || query.get('follow') !== 'true') return void response.end();
  hold(child.capture.onLine((line) => write(response, `${line}\n`)));
}

function write(response: ServerResponse, text: string): void {
  if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
  else response.write(text);
}

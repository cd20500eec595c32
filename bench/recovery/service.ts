/**
 * The service that every contestant keeps alive: 2 ms of waiting a request, nothing behind it. `/_slow` is how the bench
 * makes one instance slow; health checks stay fast, as they do when a cache or a query is to blame.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const WORK_MS = 2;
const ITEMS_MAX = 1_000;
const BODY_BYTES_MAX = 4_096;
/** Longer than the balancers keep an idle connection, so that none of them sends into one that is being closed. */
const KEEP_ALIVE_MS = 75_000;

const items = new Map<string, string>();
let extraMs = 0;

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw new Error('body too long');
  }
  return text;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function work(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const body = await bodyOf(request);
  await sleep(WORK_MS + extraMs);
  if (request.method === 'PUT' && (items.has(path) || items.size < ITEMS_MAX)) items.set(path, body);
  answer(response, 200, { path, length: items.get(path)?.length ?? 0 });
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '/';
  if (path === '/health') return answer(response, 200, { pid: process.pid });
  if (path.startsWith('/task/')) return work(request, response, path);
  if (path !== '/_slow' || request.method !== 'PUT') return answer(response, 404, {});
  extraMs = Number(await bodyOf(request));
  return answer(response, 200, { extraMs });
}

const server = createServer((request, response) => {
  handle(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = KEEP_ALIVE_MS;
server.listen(Number(process.env['PORT']), process.env['HOST'] ?? '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

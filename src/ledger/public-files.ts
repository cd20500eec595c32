import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { BUNDLE_BYTES_MAX } from './tlog/entry-bundle.ts';
import { CHECKPOINT_PATH, type LogSource, MINIMUM_INDEX_PATH, readMinimumIndex } from './tlog/log-source.ts';
import { parseTilePath, TILE_WIDTH } from './tlog/tile.ts';

const compress = promisify(gzip);

/** A checkpoint is replaced within a second; whoever may be a second behind may share one answer. */
const TEXT_HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'public, max-age=1' };
const TILE_HEADERS = {
  'content-type': 'application/octet-stream',
  'cache-control': 'public, max-age=31536000, immutable',
};

/** Whether a request is for a path of C2SP tlog-tiles, so that `sendPublicFile` answers it. */
export function isPublicPath(pathname: string): boolean {
  return pathname === `/${CHECKPOINT_PATH}` || pathname === `/${MINIMUM_INDEX_PATH}` || pathname.startsWith('/tile/');
}

/**
 * Answers GET and HEAD for a public file of a log, with the headers that caches need: what has its size in its name never
 * changes. What was pruned is 410, anything else 404, or 405 for other methods. Rejects with what the source rejects with, before any byte.
 */
export async function sendPublicFile(source: LogSource, request: IncomingMessage, response: ServerResponse) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return sendText(response, 405, 'GET or HEAD only\n');
  const path = new URL(request.url ?? '/', 'http://log').pathname.slice(1);
  const isText = path === CHECKPOINT_PATH || path === MINIMUM_INDEX_PATH;
  const isPublic = isText || parseTilePath(path) !== undefined;
  const bytes = isPublic ? await source.read(path, BUNDLE_BYTES_MAX) : undefined;
  if (bytes === undefined && isPublic && (await isPruned(source, path))) {
    return sendText(response, 410, 'this was pruned after its retention; see /minimum-index\n');
  }
  // A tile that is not there yet may come: its absence is not to be remembered.
  if (bytes === undefined) return sendText(response, 404, 'there is no such file of this log\n');
  const headers = isText ? TEXT_HEADERS : TILE_HEADERS;
  // Hashes do not compress; entries do.
  const isGzip = path.startsWith('tile/entries/') && acceptsGzip(request);
  const body = isGzip ? await compress(bytes) : bytes;
  const vary = path.startsWith('tile/entries/') ? { vary: 'accept-encoding' } : {};
  const encoding = isGzip ? { 'content-encoding': 'gzip' } : {};
  response.writeHead(200, { ...headers, ...vary, ...encoding, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Hashes of pruned tiles are kept; entries and their own hashes are not. */
async function isPruned(source: LogSource, path: string): Promise<boolean> {
  const tile = parseTilePath(path);
  if (!tile || (tile.level !== 'entries' && tile.level > 0)) return false;
  return (tile.index + 1) * TILE_WIDTH <= (await readMinimumIndex(source, Number.MAX_SAFE_INTEGER));
}

function sendText(response: ServerResponse, status: number, body: string): void {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  const allow = status === 405 ? { allow: 'GET, HEAD' } : {};
  response.writeHead(status, { ...headers, ...allow, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function acceptsGzip({ headers }: IncomingMessage): boolean {
  const accepted = (headers['accept-encoding'] ?? '').split(',');
  return accepted.some((each) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(each));
}

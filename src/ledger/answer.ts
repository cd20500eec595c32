import type { IncomingMessage, ServerResponse } from 'node:http';
import { KinError } from '../base/errors.ts';

/** An append; larger ones are sent in parts by `ledgerClient`. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;

export function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

export function sendJson(response: ServerResponse, document: unknown): void {
  sendJsonText(response, JSON.stringify(document));
}

/** For what is JSON already. */
export function sendJsonText(response: ServerResponse, text: string): void {
  send(response, 200, 'application/json', text);
}

/** A whole number of a query. Throws `request.invalid` for what is none, and where there is none without a fallback. */
export function numberOf(query: URLSearchParams, name: string, fallback?: number): number {
  const text = query.get(name);
  if (text === null && fallback !== undefined) return fallback;
  const value = /^\d{1,16}$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new KinError('request.invalid', `${name} is not a whole number`);
  return value;
}

/** The JSON in the body of a request. Rejects with `request.invalid` when it is too large or none. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
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

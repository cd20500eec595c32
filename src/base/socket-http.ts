import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { Agent, request } from 'undici';
import { CATALOGUE, type ErrorCode } from './error-catalogue.ts';
import { KinError } from './errors.ts';
import type { Redacted } from './redacted.ts';

/**
 * HTTP over a Unix socket, the one way in which the processes of Kintsugi on one machine talk. Only the owner of the
 * state directory can open the socket, so the hop needs no further authentication.
 */
export interface SocketClient {
  /** Sends JSON and resolves with the parsed JSON answer. Faults of the other side arrive as the same `KinError`. */
  call<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
  /** The lines of a streaming NDJSON answer, parsed, until the other side ends or `signal` aborts. */
  lines<T>(path: string, signal: AbortSignal): AsyncIterable<T>;
  close(): Promise<void>;
}

/** `unreachable` is the fault that callers see when nobody listens on the socket or the connection breaks. */
export function socketClient(socketPath: string, unreachable: ErrorCode): SocketClient {
  const dispatcher = new Agent({ connect: { socketPath }, connections: 16, headersTimeout: 0, bodyTimeout: 0 });
  return clientOf({ origin: 'http://socket', where: socketPath, dispatcher, headers: {} }, unreachable);
}

/** The same calls over the network, by whoever has no access to the socket and was given a token. */
export function tokenClient(url: string, token: Redacted<string>, unreachable: ErrorCode): SocketClient {
  // A connection for each request: what stands between may drop an idle one at any time.
  const dispatcher = new Agent({ connections: 16, pipelining: 0, headersTimeout: 0, bodyTimeout: 0 });
  const headers = { authorization: `Bearer ${token.reveal()}` };
  return clientOf({ origin: url.replace(/\/+$/, ''), where: url, dispatcher, headers }, unreachable);
}

interface Door {
  readonly origin: string;
  /** For messages. */
  readonly where: string;
  readonly dispatcher: Agent;
  readonly headers: Readonly<Record<string, string>>;
}

function clientOf({ origin, where, dispatcher, headers }: Door, unreachable: ErrorCode): SocketClient {
  const send = async (method: string, path: string, body?: unknown, signal?: AbortSignal) => {
    try {
      return await request(`${origin}${path}`, {
        method: method as 'GET',
        dispatcher,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      });
    } catch (cause) {
      throw new KinError(unreachable, `no answer on ${where}`, { cause });
    }
  };
  return {
    async call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
      const answer = await send(method, path, body, signal);
      const text = await answer.body.text();
      if (answer.statusCode >= 400) throw faultOf(answer.statusCode, text, unreachable);
      return (text ? JSON.parse(text) : undefined) as T;
    },
    async *lines<T>(path: string, signal: AbortSignal): AsyncIterable<T> {
      const answer = await send('GET', path, undefined, signal);
      if (answer.statusCode >= 400) throw faultOf(answer.statusCode, await answer.body.text(), unreachable);
      let rest = '';
      try {
        for await (const chunk of answer.body) {
          const parts = (rest + String(chunk)).split('\n');
          rest = parts.pop() ?? '';
          for (const part of parts) if (part) yield JSON.parse(part) as T;
        }
      } catch (cause) {
        if (signal.aborted) return;
        throw new KinError(unreachable, `connection to ${where} broke`, { cause });
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function faultOf(status: number, text: string, fallback: ErrorCode): KinError {
  const body = parse(text);
  const code = typeof body['code'] === 'string' && body['code'] in CATALOGUE ? (body['code'] as ErrorCode) : fallback;
  const detail = typeof body['detail'] === 'string' ? body['detail'] : `status ${status}`;
  const details = typeof body['details'] === 'object' && body['details'] !== null ? body['details'] : {};
  return new KinError(code, detail, { details: details as Record<string, string> });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/**
 * Listens on a Unix socket for its owner only. A socket file left by a dead process is replaced. Idle connections stay
 * open until the caller closes them: who was busy with something else for seconds would write into a connection that the
 * server had given up, and could not know whether the request was done.
 */
export async function listenOnSocket(server: Server, socketPath: string): Promise<void> {
  server.keepAliveTimeout = 0;
  rmSync(socketPath, { force: true });
  server.listen(socketPath);
  await once(server, 'listening');
  chmodSync(socketPath, 0o600);
}

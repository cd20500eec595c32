import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { newId } from '../base/ids.ts';
import type { Random } from '../base/random.ts';

/** Names that belong to one connection (RFC 9110, 7.6.1) or that the gateway sets itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const SET_BY_GATEWAY = new Set([
  'content-length',
  'expect',
  'forwarded',
  'traceparent',
  'tracestate',
  'x-api-key',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]);
const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;

/** The id that the client gave, if it is a plain one, or a new one. */
export function requestIdOf(headers: IncomingHttpHeaders, random: Random): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : newId('req', random);
}

/** What the gateway says about a request to the instance. */
export interface Passport {
  readonly tenant: string;
  readonly requestId: string;
  readonly keyInAuthorization: boolean;
  /** Whether the client is another instance: then what it says about its own client is kept. */
  readonly internal: boolean;
  readonly scheme: 'http' | 'https';
}

/**
 * The headers for whichever instance gets it, name and value in turn; without those of the connection, of keys, of
 * impostors, and of the trace, which name the instance (`traceHeaders`).
 */
export function headersForInstance(request: IncomingMessage, passport: Passport): string[] {
  const { rawHeaders, headers } = request;
  const named = namedByConnection(headers.connection);
  const out: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || lower.startsWith('x-kintsugi-') || named?.includes(lower)) continue;
    if (SET_BY_GATEWAY.has(lower) && !(passport.internal && lower.startsWith('x-forwarded-'))) continue;
    if (lower === 'authorization' && passport.keyInAuthorization) continue;
    out.push(name, rawHeaders[at + 1] as string);
  }
  out.push('x-kintsugi-tenant', passport.tenant, 'x-request-id', passport.requestId);
  if (!passport.internal) {
    out.push('x-forwarded-for', request.socket.remoteAddress ?? '', 'x-forwarded-proto', passport.scheme);
    out.push('x-forwarded-host', headers.host ?? '');
  }
  return out;
}

/** The headers for the client. */
export function headersForClient(headers: IncomingHttpHeaders, requestId: string): Record<string, string | string[]> {
  const named = namedByConnection(headers.connection);
  const out: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || HOP_BY_HOP.has(name) || name.startsWith('x-kintsugi-') || named?.includes(name))
      continue;
    out[name] = value;
  }
  out['x-request-id'] = requestId;
  return out;
}

function namedByConnection(connection: string | undefined): string[] | undefined {
  if (connection === undefined) return undefined;
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

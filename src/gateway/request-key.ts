import { createHmac } from 'node:crypto';
import type { Exchange } from './exchange.ts';
import type { RequestBody } from './request-body.ts';

/** What says "the same request again" without saying what it was. */
export interface RequestKey {
  readonly tenant: string;
  readonly workload: string;
  /** Method and path with everything that could be somebody's number or name replaced: `GET /patients/:id`. */
  readonly route: string;
  /** Keyed digest over method, path, query and body; without the fleet's key nothing can be guessed back from it. */
  readonly fingerprint: string;
}

const SEGMENTS_MAX = 8;
const WORD = /^[a-z][a-z_.-]{0,30}$/i;
const VERSION = /^v\d{1,3}$/;
const FINGERPRINT_CHARS = 16;

/**
 * The route that a path belongs to. Only plain words are kept: a segment with a digit, a sign or more than 31 characters
 * may be an id, a name or a mail address, and becomes `:id`.
 */
export function routeTemplate(method: string, path: string): string {
  const end = path.indexOf('?');
  const segments = (end < 0 ? path : path.slice(0, end)).split('/').slice(1, SEGMENTS_MAX + 1);
  const kept = segments.map((each) => (each === '' || WORD.test(each) || VERSION.test(each) ? each : ':id'));
  return `${method} /${kept.join('/')}`;
}

/** A body that is streamed is told apart by its announced length alone. */
export function requestKey(exchange: Exchange, body: RequestBody, secret: string): RequestKey {
  const { tenant, route, request, path } = exchange;
  const method = request.method ?? 'GET';
  const digest = createHmac('sha256', secret).update(`${tenant.name}\n${route.workload}\n${method}\n${path}\n`);
  if (body.kind === 'kept' && body.bytes) digest.update(body.bytes);
  else if (body.kind === 'stream') digest.update(`length ${body.length ?? 'unknown'}`);
  return {
    tenant: tenant.name,
    workload: route.workload,
    route: routeTemplate(method, path),
    fingerprint: digest.digest('hex').slice(0, FINGERPRINT_CHARS),
  };
}

import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../base/error-catalogue.ts';
import { BODY_BYTES_MAX } from './request-body.ts';

const HEADERS_MAX = 100;
const URL_CHARS_MAX = 8 * 1024;

/** A dot segment, plain or percent-encoded, behind any kind of slash: two servers could disagree on where it leads. */
const DOT_SEGMENT = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\]|%2f|%5c|$)/i;

/** A request's target in its parts. */
export interface Target {
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
}

export function targetOf(url: string): Target {
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark) };
}

/** What is wrong with the form of a request, beyond what Node's strict parser refuses; undefined for nothing. */
export function faultOfShape(request: IncomingMessage, target: Target): ErrorCode | undefined {
  const { url = '', rawHeaders, headers } = request;
  if (url.length > URL_CHARS_MAX || rawHeaders.length / 2 > HEADERS_MAX) return 'gateway.too-large';
  if (Number(headers['content-length'] ?? 0) > BODY_BYTES_MAX) return 'gateway.too-large';
  if (!url.startsWith('/') || DOT_SEGMENT.test(target.path)) return 'gateway.malformed';
  if (timesGiven(rawHeaders, 'host') > 1 || timesGiven(rawHeaders, 'x-api-key') > 1) return 'gateway.malformed';
  return timesGiven(rawHeaders, 'authorization') > 1 ? 'gateway.malformed' : undefined;
}

function timesGiven(rawHeaders: readonly string[], name: string): number {
  let times = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at] as string;
    if (given.length === name.length && given.toLowerCase() === name) times += 1;
  }
  return times;
}

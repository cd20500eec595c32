import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Random } from '../base/random.ts';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** Our key in `tracestate`. */
const VENDOR = 'kintsugi';
const MARK_DIGITS = 8;
/** Longer than W3C asks anybody to pass on. */
const STATE_CHARS_MAX = 512;

/** The trace that a request belongs to: what it came with, or a new one. */
export interface Trace {
  readonly id: string;
  readonly flags: string;
  /** What others put into `tracestate`. */
  readonly others: string;
}

/**
 * Which instance a trace was last given to. The gateway writes it where whoever calls on passes it on (W3C Trace
 * Context): into its entry of `tracestate`, which libraries for tracing keep, and into the first half of its span id, which
 * those keep who only forward `traceparent`. So any gateway knows who calls, without asking another.
 */
export function markOf(instance: string): string {
  return createHash('sha256').update(instance).digest('hex').slice(0, MARK_DIGITS);
}

/** The marks that a request of another instance carries, the surest first. */
export function marksIn(headers: IncomingHttpHeaders): readonly string[] {
  const own = statesIn(headers).find(({ vendor }) => vendor === VENDOR)?.value;
  const parent = TRACEPARENT.exec(String(headers['traceparent'] ?? ''))?.[2]?.slice(0, MARK_DIGITS);
  return [own, parent].filter((mark) => mark !== undefined);
}

/** The trace that the client gave, or a new one. */
export function traceOf(headers: IncomingHttpHeaders, random: Random): Trace {
  const given = TRACEPARENT.exec(String(headers['traceparent'] ?? ''));
  const isValid = given !== null && !/^0+$/.test(given[1]!) && !/^0+$/.test(given[2]!);
  if (!isValid) return { id: hex(32, random), flags: '01', others: '' };
  const others = statesIn(headers).filter(({ vendor }) => vendor !== VENDOR);
  return { id: given[1]!, flags: given[3]!, others: others.map(({ vendor, value }) => `${vendor}=${value}`).join(',') };
}

/** The headers for one try, name and value in turn: a span of our own in the trace, marked with whom it goes to. */
export function traceHeaders({ id, flags, others }: Trace, instance: string, random: Random): readonly string[] {
  const mark = markOf(instance);
  const state = others === '' ? `${VENDOR}=${mark}` : `${VENDOR}=${mark},${others}`;
  return ['traceparent', `00-${id}-${mark}${hex(16 - MARK_DIGITS, random)}-${flags}`, 'tracestate', state];
}

function statesIn(headers: IncomingHttpHeaders): readonly { readonly vendor: string; readonly value: string }[] {
  const given = String(headers['tracestate'] ?? '');
  if (given === '' || given.length > STATE_CHARS_MAX) return [];
  return given.split(',').flatMap((entry) => {
    const cut = entry.indexOf('=');
    return cut > 0 ? [{ vendor: entry.slice(0, cut).trim(), value: entry.slice(cut + 1).trim() }] : [];
  });
}

function hex(digits: number, random: Random): string {
  let text = '';
  while (text.length < digits)
    text += Math.floor(random.next() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return text;
}

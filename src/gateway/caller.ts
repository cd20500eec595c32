import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import type { JsonObject } from '../base/json.ts';
import type { PersonalPart } from '../ledger/entry.ts';

const AGENT_CHARS_MAX = 256;
const SUBJECT_CHARS_MAX = 200;
/** With the caller they are as many payloads as an entry may have. */
const SUBJECTS_MAX = 15;
const JWT = /^bearer +[\w-]+\.([\w-]+)\.[\w-]*$/i;

/**
 * Who called, for the vault: the API key by its name, whom the application's own token names, the address and the browser.
 * A key of a data subject is chosen by the surest of them. The gateway does not verify tokens of the application: `accepted`
 * tells that an instance did not refuse the request for want of authentication, and only then the token is believed.
 */
export function callerOf(request: IncomingMessage, keyName: string | undefined, accepted: boolean): PersonalPart {
  const address = addressOf(request);
  const sub = accepted ? subOf(request.headers.authorization) : undefined;
  const agent = request.headers['user-agent']?.slice(0, AGENT_CHARS_MAX);
  const data: JsonObject = {
    ...(keyName === undefined ? {} : { key: keyName }),
    ...(sub === undefined ? {} : { sub }),
    ip: address,
    ...(agent === undefined ? {} : { agent }),
  };
  const key = keyName === undefined ? `ip:${networkOf(address)}` : `key:${keyName}`;
  return { role: 'actor', subject: sub === undefined ? key : `sub:${sub}`, data };
}

/**
 * Whose record was touched, as the workload says in `x-kintsugi-subject`: one or more names, percent-encoded where they
 * hold a comma or more than ASCII.
 */
export function subjectsOf(header: string | string[] | undefined): PersonalPart[] {
  const names = (Array.isArray(header) ? header.join(',') : (header ?? ''))
    .split(',')
    .map((name) => decoded(name.trim()));
  const known = [...new Set(names)].filter((name) => name !== '' && name.length <= SUBJECT_CHARS_MAX);
  return known.slice(0, SUBJECTS_MAX).map((name) => ({ role: 'subject', subject: name, data: { name } }));
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function addressOf({ socket }: IncomingMessage): string {
  return (socket.remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
}

/** One household or machine has 2^64 addresses of IPv6. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  const zeros = address.includes('::') ? Array.from({ length: 8 - left.length - right.length }, () => '0') : [];
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}

function subOf(authorization: string | undefined): string | undefined {
  const [, claims] = JWT.exec(authorization ?? '') ?? [];
  if (claims === undefined) return undefined;
  try {
    const { sub } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { sub?: unknown };
    return typeof sub === 'string' && sub !== '' && sub.length <= SUBJECT_CHARS_MAX ? sub : undefined;
  } catch {
    return undefined;
  }
}

import type { Random } from '../../base/random.ts';
import type { Measured } from '../fact.ts';
import { unknown, Unmeasured, value } from './place-collector.ts';
import { type Credential, FOREIGN_TENANT, type SessionCalls } from './session-calls.ts';
import { newPassword } from './session-passwords.ts';

/** Kinds of bad credentials that were tried, and those of them that opened the session's door. */
export interface TokenTrial {
  readonly tried: readonly string[];
  readonly accepted: readonly string[];
  /** Kinds that could not be tried, each with the reason. */
  readonly untried: readonly string[];
}

/**
 * Credentials that nobody should accept: a wrong password, and what is made of a session that is good: forged, unsigned, of another tenant, and after its
 * logout. The session is ended by it. Rejects with `Unmeasured` when its door stands open to everybody, since nothing can be
 * told by such a door.
 */
export async function tryTokens(calls: SessionCalls, account: string, good: Credential, random: Random) {
  if (await calls.opens(undefined)) throw new Unmeasured('what is declared to need a session answers without one too');
  if (!(await calls.opens(good))) throw new Unmeasured('a new session does not open what is declared for it');
  const tried = ['wrong password'];
  const accepted = (await calls.login(account, newPassword(random))) ? ['wrong password'] : [];
  const untried: string[] = [];
  for (const [kind, credential] of Object.entries(forgedOf(good, random))) {
    tried.push(kind);
    if (await calls.opens(credential)) accepted.push(kind);
  }
  tried.push('foreign tenant');
  if (await calls.opens(good, FOREIGN_TENANT)) accepted.push('foreign tenant');
  if (await calls.logout(good, account)) {
    tried.push('logged out');
    if (await calls.opens(good)) accepted.push('logged out');
  } else untried.push('after the logout (none is declared, or it was refused)');
  if (isSigned(good)) untried.push('made for another audience');
  return { tried, accepted, untried } satisfies TokenTrial;
}

/** What has expired was tried by then, or it is not known. That none of the others was accepted says nothing of it. */
export function acceptedTokens({ accepted, untried }: TokenTrial, isExpiredTried: boolean): Measured {
  if (accepted.length > 0) return value(accepted.length);
  const missing = [...untried, ...(isExpiredTried ? [] : ['that has expired'])];
  if (missing.length === 0) return value(0);
  return unknown(`bad credentials were refused, and not tried is one ${missing.join(', one ')}`);
}

/** A JSON Web Token (RFC 7519) tells itself by its three parts. */
const SIGNED = /^(?<header>eyJ[\w-]+)\.(?<claims>eyJ[\w-]+)\.[\w-]+$/;

function isSigned({ value }: Credential): boolean {
  return SIGNED.test(tokenOf(value));
}

function tokenOf(value: string): string {
  return value.replace(/^Bearer /, '').replace(/^[^=;\s]+=/, '');
}

function forgedOf(good: Credential, random: Random): Readonly<Record<string, Credential>> {
  const claims = { sub: 'kintsugi-canary', exp: 4_102_444_800 };
  const forged = {
    unknown: { ...good, value: unknownOf(good, random) },
    unsigned: { header: 'authorization', value: `Bearer ${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.` },
  } as const;
  const parts = SIGNED.exec(tokenOf(good.value))?.groups;
  if (!parts) return forged;
  const own = readPart(parts['claims'] ?? '');
  const signature = tokenOf(good.value).split('.')[2] ?? '';
  const later = part({ ...own, exp: 4_102_444_800, aud: 'kintsugi-canary' });
  const as = (token: string) => ({ ...good, value: good.value.replace(tokenOf(good.value), token) });
  return {
    ...forged,
    unsigned: as(`${part({ ...readPart(parts['header'] ?? ''), alg: 'none' })}.${parts['claims']}.`),
    altered: as(`${parts['header']}.${later}.${signature}`),
  };
}

/** Of the same form and length, and nobody's. */
function unknownOf({ header, value }: Credential, random: Random): string {
  if (header === 'authorization') return `Bearer ${random.token(Math.max(8, value.length - 'Bearer '.length))}`;
  return value.replaceAll(/=([^;]*)/g, (_, own: string) => `=${random.token(Math.max(8, own.length))}`);
}

function part(json: unknown): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}

function readPart(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString()) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

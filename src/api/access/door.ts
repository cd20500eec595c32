import { AsyncLocalStorage } from 'node:async_hooks';
import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { assert, InvariantError } from '../../base/assert.ts';
import { digestOf } from '../../base/digest.ts';
import { KinError } from '../../base/errors.ts';
import type { Redacted } from '../../base/redacted.ts';
import { OwnWords } from '../../evidence/own-words.ts';
import { ruleOf } from './access-table.ts';
import { ownOnly } from './own-only.ts';
import type { RefusalLog } from './refusal-log.ts';
import { type Caller, OWNER } from './role.ts';
import type { TokenStore } from './token-store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once it is known who asks. */
    caller: Caller | null;
  }
}

/** Set by the server on what comes in by the socket, and taken off everything else. */
export const DOOR = 'x-kintsugi-door';

/** The socket in the state directory, or the address of the API. */
type Door = 'socket' | 'api';

const passing = new AsyncLocalStorage<Door>();

/** By which door the request came that is being answered; undefined where none is. */
export function doorOfNow(): Door | undefined {
  return passing.getStore();
}

export interface DoorOptions {
  readonly tokens: Pick<TokenStore, 'find'>;
  /** That of the state directory: its owner's. */
  readonly ownToken: Redacted<string>;
  readonly refusals: RefusalLog;
  /** Names of all tenants. */
  readonly tenants: () => readonly string[];
}

/**
 * Lets in who may come in, by the table of routes, before a handler is asked, and keeps the names of other tenants out of
 * every answer to whoever is bound to one. A route that is not in the table cannot be added. To be called before any is.
 */
export function guardDoor(app: FastifyInstance, options: DoorOptions): void {
  app.decorateRequest('caller', null);
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat())
      assert(ruleOf(each, url) !== undefined, `the table of access says who may use ${each} ${url}`);
  });
  app.addHook('onRequest', (request) => admit(request, options));
  app.addHook('preHandler', async (request) => keepToOwn(request, options));
  // After the body was read: what reads it would lose the context.
  app.addHook('preHandler', (request, _reply, done) => passing.run(cameBySocket(request) ? 'socket' : 'api', done));
  app.addHook('preSerialization', async (request, _reply, answer) => {
    const words = wordsFor(request, options);
    return words ? ownOnly(answer, words) : answer;
  });
}

/** The one tenant that an answer to the caller may be about; undefined for all. Only for routes that are not open to everybody. */
export function scopeOf(caller: Caller | null): string | undefined {
  if (!caller) throw new InvariantError('who asks is known before a handler is called');
  return caller.tenant ?? undefined;
}

/** What keeps other tenants out of an answer; undefined for a caller that may see them. */
export function wordsFor(request: FastifyRequest, { tenants }: Pick<DoorOptions, 'tenants'>): OwnWords | undefined {
  const own = request.caller?.tenant ?? null;
  return own === null ? undefined : new OwnWords(own, tenants());
}

async function admit(request: FastifyRequest, options: DoorOptions): Promise<void> {
  const rule = ruleOf(request.method, request.routeOptions.url);
  if (rule === 'open') return;
  const caller = await identify(request, options);
  if (!caller) throw refuse(request, options, undefined, 'request.unauthorized', 'no valid token');
  request.caller = caller;
  if (request.is404) return;
  if (rule === undefined || (rule === 'inside' && !cameBySocket(request)))
    throw refuse(request, options, caller, 'request.forbidden', 'only for processes of Kintsugi');
  if (rule === 'inside') return;
  if (!rule.roles.includes(caller.role)) {
    const reason = `a token of the role ${caller.role} may not; it takes ${rule.roles.join(' or ')}`;
    throw refuse(request, options, caller, 'request.forbidden', reason);
  }
  if (rule.reach === 'all' && caller.tenant !== null)
    throw refuse(request, options, caller, 'request.forbidden', `a token for ${caller.tenant} alone may not`);
}

function cameBySocket({ headers }: FastifyRequest): boolean {
  return headers[DOOR] === 'socket';
}

async function identify(request: FastifyRequest, { tokens, ownToken }: DoorOptions): Promise<Caller | undefined> {
  // The socket is in a folder that only its owner can enter; that is the authentication.
  if (cameBySocket(request)) return OWNER;
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) return undefined;
  // Equal lengths by hashing: the comparison must not tell how long the token is.
  if (timingSafeEqual(Buffer.from(digestOf(given)), Buffer.from(digestOf(ownToken.reveal())))) return OWNER;
  return given.startsWith('kin_tok_') ? tokens.find(given) : undefined;
}

/** Nobody asks about another tenant than its own, or acts under another name than that of its token. */
async function keepToOwn(request: FastifyRequest, options: DoorOptions): Promise<void> {
  const caller = request.caller;
  if (!caller) return;
  for (const part of [request.params, request.query, request.body]) {
    if (typeof part !== 'object' || part === null) continue;
    const named = (part as { tenant?: unknown }).tenant;
    if (caller.tenant !== null && named !== undefined && named !== caller.tenant)
      throw refuse(request, options, caller, 'request.forbidden', `a token for ${caller.tenant} alone may not`);
    if (caller.name !== null && 'by' in part) part.by = caller.name;
  }
}

function refuse(
  request: FastifyRequest,
  { refusals }: DoorOptions,
  caller: Caller | undefined,
  code: 'request.unauthorized' | 'request.forbidden',
  reason: string,
): KinError {
  // The template of the route and never its address: that could hold anything.
  refusals.note(`${request.method} ${request.routeOptions.url ?? 'unknown'}`, reason, caller);
  return new KinError(code, reason);
}

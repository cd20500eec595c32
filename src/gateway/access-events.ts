import { type Clock, toIso } from '../base/clock.ts';
import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../base/error-catalogue.ts';
import { newId } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { type LedgerEvent, type NewEvent, OCSF, type PersonalPart } from '../ledger/entry.ts';
import { callerOf, subjectsOf } from './caller.ts';
import type { Exchange } from './exchange.ts';

/** A request that was not carried out, as far as it was understood. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly status: number;
  readonly request: IncomingMessage;
  readonly tenant: string | undefined;
  /** With its declared prefix; undefined when no route was found. */
  readonly route: { readonly workload: string; readonly pathPrefix: string | null } | undefined;
  /** Asked by a probe of Kintsugi's own. */
  readonly isCanary: boolean;
}

/** HTTP methods are tokens of any kind; only known ones are put on record. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * Writes what happened as events for the ledger: names of declared things, ids and rounded numbers; no path. Who called and
 * whose record it was are apart from that, to be sealed.
 */
export class AccessEvents {
  readonly #ordinal: number;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { ordinal: number; clock: Clock; random: Random }) {
    this.#ordinal = options.ordinal;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  served(exchange: Exchange, status: number): NewEvent {
    const entry = exchange.instance?.entry;
    const accepted = exchange.instance !== undefined && status !== 401 && status !== 403;
    const actor = callerOf(exchange.request, exchange.keyName, accepted);
    const personal = [actor, ...subjectsOf(exchange.subjects)];
    const data = {
      method: methodOf(exchange.request.method),
      route: exchange.route.pathPrefix,
      status,
      durationMs: Math.round(this.#clock.monotonicMs() - exchange.startedMs),
      requestBytes: roundedUp(exchange.requestBytes),
      responseBytes: roundedUp(exchange.responseBytes),
      attempts: exchange.attempts,
      instance: entry?.id ?? null,
      version: entry?.version ?? null,
      region: entry?.region ?? null,
      requestId: exchange.requestId,
      ...(exchange.isCanary ? { canary: true } : {}),
      gateway: this.#ordinal,
    };
    return this.#event('request.served', exchange.tenant.name, `Workload/${exchange.route.workload}`, data, personal);
  }

  /** `requestId` for one refusal, `count` for several of a kind. */
  refused(refusal: Refusal, which: { requestId: string } | { count: number }): NewEvent {
    const subject = refusal.route ? `Workload/${refusal.route.workload}` : `Gateway/${this.#ordinal}`;
    const personal = 'count' in which ? [] : [callerOf(refusal.request, undefined, false)];
    const data = {
      method: methodOf(refusal.request.method),
      route: refusal.route?.pathPrefix ?? null,
      status: refusal.status,
      reason: refusal.code,
      ...which,
      ...(refusal.isCanary ? { canary: true } : {}),
      gateway: this.#ordinal,
    };
    return this.#event('request.refused', refusal.tenant, subject, data, personal);
  }

  #event(
    type: string,
    tenant: string | undefined,
    subject: string,
    data: LedgerEvent['data'],
    personal: readonly PersonalPart[],
  ): NewEvent {
    return {
      id: newId('evt', this.#random),
      at: toIso(this.#clock.now()),
      type,
      class: OCSF.apiActivity,
      actor: { kind: 'tenant', name: tenant ?? 'unknown' },
      subject,
      ...(tenant === undefined ? {} : { tenant }),
      data,
      ...(personal.length > 0 ? { personal } : {}),
    };
  }
}

/** Exact lengths tell records apart: powers of two, from 64 on. */
function roundedUp(bytes: number): number {
  return bytes === 0 ? 0 : Math.max(64, 2 ** Math.ceil(Math.log2(bytes)));
}

function methodOf(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : 'OTHER';
}

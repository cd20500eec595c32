import { type Clock, toIso } from '../base/clock.ts';
import type { ErrorCode } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { type LedgerEvent, OCSF } from '../ledger/entry.ts';
import type { Exchange } from './exchange.ts';

/** A request that was not carried out, as far as it was understood. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly status: number;
  readonly method: string;
  readonly tenant: string | undefined;
  /** With its declared prefix; undefined when no route was found. */
  readonly route: { readonly workload: string; readonly pathPrefix: string | null } | undefined;
}

/** HTTP methods are tokens of any kind; only known ones are put on record. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Writes what happened as events for the ledger: names of declared things, ids and numbers; no path, no address. */
export class AccessEvents {
  readonly #ordinal: number;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { ordinal: number; clock: Clock; random: Random }) {
    this.#ordinal = options.ordinal;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  served(exchange: Exchange, status: number): LedgerEvent {
    const entry = exchange.instance?.entry;
    return this.#event('request.served', exchange.tenant.name, `Workload/${exchange.route.workload}`, {
      method: methodOf(exchange.request.method),
      route: exchange.route.pathPrefix,
      status,
      durationMs: Math.round(this.#clock.monotonicMs() - exchange.startedMs),
      attempts: exchange.attempts,
      instance: entry?.id ?? null,
      version: entry?.version ?? null,
      region: entry?.region ?? null,
      requestId: exchange.requestId,
      gateway: this.#ordinal,
    });
  }

  /** `requestId` for one refusal, `count` for several of a kind. */
  refused(refusal: Refusal, which: { requestId: string } | { count: number }): LedgerEvent {
    const subject = refusal.route ? `Workload/${refusal.route.workload}` : `Gateway/${this.#ordinal}`;
    return this.#event('request.refused', refusal.tenant, subject, {
      method: methodOf(refusal.method),
      route: refusal.route?.pathPrefix ?? null,
      status: refusal.status,
      reason: refusal.code,
      ...which,
      gateway: this.#ordinal,
    });
  }

  #event(type: string, tenant: string | undefined, subject: string, data: LedgerEvent['data']): LedgerEvent {
    return {
      id: newId('evt', this.#random),
      at: toIso(this.#clock.now()),
      type,
      class: OCSF.apiActivity,
      actor: { kind: 'tenant', name: tenant ?? 'unknown' },
      subject,
      ...(tenant === undefined ? {} : { tenant }),
      data,
    };
  }
}

function methodOf(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : 'OTHER';
}

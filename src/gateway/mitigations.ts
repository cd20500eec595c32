import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { routeTemplate } from './request-key.ts';
import type { Snapshot } from './snapshot.ts';
import type { Held } from './tenant-limits.ts';

type Entry = Snapshot['mitigations'][number];

interface Bucket {
  tokens: number;
  refilledMs: number;
}

/** A request as far as a mitigation asks about it. */
export interface Claimant {
  readonly tenant: string;
  readonly emergencyKeySha256: readonly string[];
  readonly workload: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

const RETRY_AFTER_S = 30;

/**
 * Limits that a repair put on less than everything: a tenant, a workload, a route, one kind of request, one API key. All
 * that are named must fit. Towards its end a limit lets more and more through (the ramp), so that nobody returns all at
 * once and a poison that is still there shows at the first drop.
 */
export class Mitigations {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #workers: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: { readonly clock: Clock; readonly random: Random; readonly workers: number }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#workers = options.workers;
  }

  /**
   * Whether one of those that need no fingerprint holds the request. What refuses a whole tenant or workload lets those
   * through that hold a key for emergencies; a rate binds them too.
   */
  holdAtDoor(entries: readonly Entry[], claimant: Claimant): Held | undefined {
    return this.#hold(entries, (each) => each.fingerprint === null && fits(each, claimant) && !passes(each, claimant));
  }

  /** Whether one of those on exactly this request holds it. */
  holdFingerprint(entries: readonly Entry[], tenant: string, fingerprint: string): Held | undefined {
    return this.#hold(entries, (each) => each.fingerprint === fingerprint && (each.tenant ?? tenant) === tenant);
  }

  #hold(entries: readonly Entry[], isMeant: (entry: Entry) => boolean): Held | undefined {
    for (const entry of entries) {
      if (!isMeant(entry)) continue;
      const held = this.#judge(entry, this.#clock.now());
      if (held) return held;
    }
    return undefined;
  }

  #judge(entry: Entry, now: number): Held | undefined {
    const { until, rampFrom, kind, share } = entry;
    if (now >= until) return undefined;
    const released = now <= rampFrom ? 0 : (now - rampFrom) / Math.max(1, until - rampFrom);
    if (kind === 'throttle') return this.#take(entry, 1 + 9 * released);
    const refused = (kind === 'shed' ? share : 1) * (1 - released);
    if (refused < 1 && this.#random.next() >= refused) return undefined;
    return { code: 'gateway.quarantined', retryAfterS: RETRY_AFTER_S };
  }

  /** A token bucket of one second; at the end of the ramp ten times as wide as at its start. */
  #take({ id, requestsPerSecond }: Entry, times: number): Held | undefined {
    const nowMs = this.#clock.monotonicMs();
    const rate = (requestsPerSecond * times) / this.#workers;
    const bucket = this.#buckets.get(id) ?? { tokens: Math.max(1, rate), refilledMs: nowMs };
    this.#buckets.set(id, bucket);
    bucket.tokens = Math.min(Math.max(1, rate), bucket.tokens + ((nowMs - bucket.refilledMs) / 1_000) * rate);
    bucket.refilledMs = nowMs;
    if (bucket.tokens < 1) return { code: 'gateway.limited', retryAfterS: 1 };
    bucket.tokens -= 1;
    return undefined;
  }

  /** Forgets the buckets of limits that are gone. */
  keepOnly(entries: readonly Entry[]): void {
    const ids = new Set(entries.map(({ id }) => id));
    for (const id of this.#buckets.keys()) if (!ids.has(id)) this.#buckets.delete(id);
  }
}

function fits(entry: Entry, { tenant, workload, method, path, headers }: Claimant): boolean {
  if (entry.tenant !== null && entry.tenant !== tenant) return false;
  if (entry.workload !== null && entry.workload !== workload) return false;
  if (entry.route !== null && entry.route !== routeTemplate(method, path)) return false;
  return entry.keySha256 === null || entry.keySha256 === digestOfKey(headers);
}

function passes({ kind, route, keySha256 }: Entry, { emergencyKeySha256, headers }: Claimant): boolean {
  if (kind === 'throttle' || route !== null || keySha256 !== null || emergencyKeySha256.length === 0) return false;
  return emergencyKeySha256.includes(digestOfKey(headers) ?? '');
}

function digestOfKey(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-api-key'];
  const key = typeof own === 'string' ? own : /^bearer +([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  return key === undefined ? undefined : hash('sha256', key, 'hex');
}

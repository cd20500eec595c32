import type { ErrorCode } from '../base/error-catalogue.ts';
import type { TenantEntry } from './routing-table.ts';

/** Why a request is not let in now. */
export interface Held {
  readonly code: Extract<ErrorCode, 'gateway.limited' | 'gateway.crowded' | 'gateway.quarantined'>;
  readonly retryAfterS: number;
}

interface Meter {
  tokens: number;
  refilledMs: number;
  inflight: number;
}

const RETRY_AFTER_MAX_S = 60;

/**
 * Rate (a token bucket) and concurrency of each tenant at this gateway. Gateways share nothing: each grants its part of
 * the declared limits, rounded up.
 */
export class TenantLimits {
  readonly #meters = new Map<string, Meter>();
  readonly #workers: number;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Takes one token; undefined when there was one. */
  admit(tenant: TenantEntry, nowMs: number): Held | undefined {
    const { rate, burst } = this.#shareOf(tenant);
    const meter = this.#meterOf(tenant, nowMs, burst);
    meter.tokens = Math.min(burst, meter.tokens + ((nowMs - meter.refilledMs) / 1000) * rate);
    meter.refilledMs = nowMs;
    if (meter.tokens >= 1) {
      meter.tokens -= 1;
      return undefined;
    }
    const waitS = rate > 0 ? Math.ceil((1 - meter.tokens) / rate) : RETRY_AFTER_MAX_S;
    return { code: 'gateway.limited', retryAfterS: Math.min(Math.max(waitS, 1), RETRY_AFTER_MAX_S) };
  }

  /** Takes one place; undefined when there was one. Each place taken is given back by `leave`. */
  enter(tenant: TenantEntry, nowMs: number): Held | undefined {
    const { concurrency, burst } = this.#shareOf(tenant);
    const meter = this.#meterOf(tenant, nowMs, burst);
    if (meter.inflight >= concurrency) return { code: 'gateway.crowded', retryAfterS: 1 };
    meter.inflight += 1;
    return undefined;
  }

  leave(tenant: TenantEntry): void {
    const meter = this.#meters.get(tenant.name);
    if (meter) meter.inflight -= 1;
  }

  /** Forgets tenants that are gone, once nothing of theirs is in progress. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, meter] of this.#meters) {
      if (meter.inflight === 0 && !names.has(name)) this.#meters.delete(name);
    }
  }

  #meterOf(tenant: TenantEntry, nowMs: number, burst: number): Meter {
    let meter = this.#meters.get(tenant.name);
    if (!meter) {
      meter = { tokens: burst, refilledMs: nowMs, inflight: 0 };
      this.#meters.set(tenant.name, meter);
    }
    return meter;
  }

  #shareOf(tenant: TenantEntry) {
    const { limits, throttle } = tenant;
    const rate = Math.min(limits.requestsPerSecond, throttle?.requestsPerSecond ?? Number.POSITIVE_INFINITY);
    // Under a throttle a burst larger than a second's worth would undo it.
    const burst = throttle ? Math.min(limits.burst, Math.max(throttle.requestsPerSecond, 1)) : limits.burst;
    const concurrency = Math.min(limits.concurrency, throttle?.concurrency ?? Number.POSITIVE_INFINITY);
    return { rate: this.#part(rate), burst: this.#part(burst), concurrency: this.#part(concurrency) };
  }

  #part(whole: number): number {
    return Math.ceil(whole / this.#workers);
  }
}

import { toIso } from '../base/clock.ts';
import type { RequestsSample } from './sample.ts';

/** How a tenant was served, as far as it was not told before. */
export interface ServiceCounts {
  readonly tenant: string;
  /** `2026-11-21`, in UTC. */
  readonly day: string;
  readonly answered: number;
  readonly failed: number;
  /** Longest span in which its requests failed and none was answered; it may still last. */
  readonly outageMs: number;
}

interface Outage {
  readonly from: number;
  to: number;
}

/**
 * Sums up what gateways counted for each tenant. An outage is proven from the first failed request to the last, with none
 * answered between: whether a tenant that asks for nothing would be served is not known.
 */
export class ServiceTally {
  readonly #counts = new Map<string, ServiceCounts>();
  readonly #outages = new Map<string, Outage>();

  take({ tenant, at, spanMs, ok, failed }: RequestsSample): void {
    if (ok + failed === 0) return;
    if (ok > 0) this.#outages.delete(tenant);
    const outage = ok > 0 ? undefined : (this.#outages.get(tenant) ?? { from: at - spanMs, to: at });
    if (outage) {
      outage.to = Math.max(outage.to, at);
      this.#outages.set(tenant, outage);
    }
    const outageMs = outage ? outage.to - outage.from : 0;
    this.#add({ tenant, day: toIso(at).slice(0, 10), answered: ok, failed, outageMs });
  }

  /** What was counted since the last time; it is forgotten here. */
  drain(): readonly ServiceCounts[] {
    const counts = [...this.#counts.values()];
    this.#counts.clear();
    return counts;
  }

  /** Takes back what could not be put on record. */
  restore(counts: readonly ServiceCounts[]): void {
    for (const each of counts) this.#add(each);
  }

  #add({ tenant, day, answered, failed, outageMs }: ServiceCounts): void {
    const key = `${tenant} ${day}`;
    const before = this.#counts.get(key);
    this.#counts.set(key, {
      tenant,
      day,
      answered: answered + (before?.answered ?? 0),
      failed: failed + (before?.failed ?? 0),
      outageMs: Math.max(outageMs, before?.outageMs ?? 0),
    });
  }
}

import { EMPTY_SKETCH } from '../base/latency-sketch.ts';
import type { RequestsSample } from './sample.ts';

const KEEP_MS = 60_000;
const SWEEP_MIN = 1_000;

/** What clients felt in a span of time. */
export interface Felt {
  readonly requests: number;
  readonly failed: number;
}

/**
 * The signal that no repair can fake: how the tenants' own requests went at the gateways. It is what a repair is verified
 * by, and independent of the probe or the exit that triggered it.
 */
export class UserSignal {
  #samples: RequestsSample[] = [];
  /** After how many samples those that are too old are dropped. */
  #sweepAt = SWEEP_MIN;

  add(sample: RequestsSample): void {
    this.#samples.push(sample);
    if (this.#samples.length < this.#sweepAt) return;
    const oldest = sample.at - KEEP_MS;
    this.#samples = this.#samples.filter((each) => each.at >= oldest);
    // Each is looked at once or twice, however many there are.
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#samples.length);
  }

  /** Sum of what was felt since `from`, at some workloads or all, by everybody or `onlyTenants`, but not `exceptTenants`. */
  felt(
    from: number,
    filter: {
      readonly workloads?: readonly string[];
      readonly exceptTenants?: readonly string[];
      readonly onlyTenants?: readonly string[];
    },
  ): Felt {
    let requests = 0;
    let failed = 0;
    for (const sample of this.#samples) {
      if (sample.at < from || filter.exceptTenants?.includes(sample.tenant)) continue;
      if (filter.workloads && !filter.workloads.includes(sample.workload)) continue;
      if (filter.onlyTenants && !filter.onlyTenants.includes(sample.tenant)) continue;
      requests += sample.ok + sample.failed;
      failed += sample.failed;
    }
    return { requests, failed };
  }

  /** Where requests of a tenant arrived lately, whatever became of them. */
  workloadsOf(tenant: string): readonly string[] {
    const oldest = (this.#samples.at(-1)?.at ?? 0) - KEEP_MS;
    const lately = this.#samples.filter((each) => each.at >= oldest && each.tenant === tenant);
    return [...new Set(lately.map((each) => each.workload))];
  }

  /** What each tenant got since `from`: all it sent, and how much of that was not answered, for whatever reason. */
  byTenantSince(from: number): Record<string, Felt> {
    const felt: Record<string, Felt> = {};
    for (const { at, tenant, ok, failed, limited, refused } of this.#samples) {
      if (at < from) continue;
      const lost = failed + limited + refused;
      const { requests, failed: before } = felt[tenant] ?? { requests: 0, failed: 0 };
      felt[tenant] = { requests: requests + ok + lost, failed: before + lost };
    }
    return felt;
  }

  /** Rates and failures per tenant over the last `windowMs`, for people. */
  byTenant(now: number, windowMs: number) {
    const tenants = new Map<
      string,
      {
        tenant: string;
        requests: number;
        failed: number;
        limited: number;
        refused: number;
        sketches: RequestsSample['latency'][];
      }
    >();
    for (const sample of this.#samples) {
      if (sample.at < now - windowMs) continue;
      const sum = tenants.get(sample.tenant) ?? {
        tenant: sample.tenant,
        requests: 0,
        failed: 0,
        limited: 0,
        refused: 0,
        sketches: [EMPTY_SKETCH],
      };
      sum.requests += sample.ok + sample.failed + sample.limited + sample.refused;
      sum.failed += sample.failed;
      sum.limited += sample.limited;
      sum.refused += sample.refused;
      sum.sketches.push(sample.latency);
      tenants.set(sample.tenant, sum);
    }
    return [...tenants.values()].sort((a, b) => a.tenant.localeCompare(b.tenant));
  }
}

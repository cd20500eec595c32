import type { Clock } from '../../base/clock.ts';
import type { Collector } from '../collector.ts';
import type { Fact } from '../fact.ts';

export interface DeclaredTiersOptions {
  /** Tenants as declared now; `tier` undefined where nobody said one. */
  readonly tenants: () => readonly { readonly name: string; readonly tier: string | undefined }[];
  readonly clock: Clock;
}

const NAME = 'declared-tiers';

/** Whether people said how critical each tenant is (`tier`). Proven is that they said it, not that it is right. */
export function declaredTiers({ tenants, clock }: DeclaredTiersOptions): Collector {
  return {
    name: NAME,
    facts: ['tier.missing'],
    everyMs: 60_000,
    timeoutMs: 5_000,
    async collect() {
      const measuredAt = clock.now();
      return tenants().map(({ name, tier }): Fact => {
        const about = { subject: name, tenants: [name], measuredAt, collector: NAME, evidence: null };
        return { name: 'tier.missing', ...about, measured: { kind: 'value', value: tier === undefined } };
      });
    },
  };
}

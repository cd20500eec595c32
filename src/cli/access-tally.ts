import { fromIso } from '../base/clock.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import type { TenantTally } from './drill-fault.ts';

export type AccessTally = readonly TenantTally[];

const SERVER_FAULT = 500;

/** Counts access records by tenant. What happened before `sinceMs`, and what is no access, is passed over. */
export function tallyAccess(sinceMs: number): { add(event: LedgerEvent): void; result(): AccessTally } {
  const byTenant = new Map<string, { requests: number; failed: number; refused: number }>();
  return {
    add({ type, at, tenant, data }) {
      if ((type !== 'request.served' && type !== 'request.refused') || fromIso(at) < sinceMs) return;
      const name = tenant ?? 'unknown';
      const tally = byTenant.get(name) ?? { requests: 0, failed: 0, refused: 0 };
      const count = typeof data['count'] === 'number' ? data['count'] : 1;
      const isFailed = Number(data['status']) >= SERVER_FAULT;
      tally.requests += count;
      if (isFailed) tally.failed += count;
      else if (type === 'request.refused') tally.refused += count;
      byTenant.set(name, tally);
    },
    result: () =>
      [...byTenant].map(([tenant, tally]) => ({ tenant, ...tally })).sort((a, b) => (a.tenant < b.tenant ? -1 : 1)),
  };
}

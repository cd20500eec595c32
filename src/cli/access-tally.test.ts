import { expect, test } from 'vitest';
import type { LedgerEvent } from '../ledger/entry.ts';
import { tallyAccess } from './access-tally.ts';

const SINCE = Date.parse('2026-11-20T12:00:00.000Z');

function event(
  type: string,
  tenant: string | undefined,
  data: LedgerEvent['data'],
  at = '2026-11-20T12:00:01.000Z',
): LedgerEvent {
  const actor = { kind: 'tenant', name: tenant ?? 'unknown' } as const;
  return {
    id: 'evt_1',
    at,
    type,
    class: 6003,
    actor,
    subject: 'Workload/records',
    ...(tenant ? { tenant } : {}),
    data,
  };
}

test('requests are counted by tenant: failed by 5xx, refused by 4xx of the gateway, several in one record', () => {
  const tally = tallyAccess(SINCE);
  tally.add(event('request.served', 'shop', { status: 200 }));
  tally.add(event('request.served', 'shop', { status: 404 }));
  tally.add(event('request.served', 'shop', { status: 502 }));
  tally.add(event('request.refused', 'shop', { status: 429, count: 40 }));
  tally.add(event('request.refused', 'shop', { status: 503, count: 2 }));
  tally.add(event('request.refused', undefined, { status: 404 }));
  expect(tally.result()).toEqual([
    { tenant: 'shop', requests: 45, failed: 3, refused: 40 },
    { tenant: 'unknown', requests: 1, failed: 0, refused: 1 },
  ]);
});

test('what happened before, and what is no request, does not count', () => {
  const tally = tallyAccess(SINCE);
  tally.add(event('request.served', 'shop', { status: 500 }, '2026-11-20T11:59:59.999Z'));
  tally.add(event('incident.opened', 'shop', { status: 500 }));
  expect(tally.result()).toEqual([]);
});

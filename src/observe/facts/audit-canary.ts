import type { Clock } from '../../base/clock.ts';
import { fromIso } from '../../base/clock.ts';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import type { Redacted } from '../../base/redacted.ts';
import type { IndexedEvent, LedgerClient } from '../../ledger/client.ts';
import type { LedgerEvent } from '../../ledger/entry.ts';
import type { Collector } from '../collector.ts';
import { knock, type TenantDoor } from './gateway-request.ts';
import { CHECKPOINT_MS, FOUND_MS, LedgerSearch } from './ledger-search.ts';
import { type Look, placeCollector, unknown, Unmeasured, value } from './place-collector.ts';

export interface AuditCanaryOptions {
  readonly doors: () => readonly TenantDoor[];
  readonly canaryToken: () => Redacted<string>;
  readonly ledger: Pick<LedgerClient, 'checkpoint' | 'tail'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Who, what, when, with which result, from which door, at what: an entry without one of them is no evidence. */
const FIELDS: Readonly<Record<string, (event: LedgerEvent) => unknown>> = {
  who: ({ actor }) => actor.name,
  tenant: ({ tenant }) => tenant,
  what: ({ type, data }) => type && data['method'],
  when: ({ at }) => (Number.isNaN(fromIso(at)) ? undefined : at),
  result: ({ data }) => data['status'],
  origin: ({ data }) => data['gateway'],
  target: ({ subject }) => subject,
};

/**
 * One kind of required event, an access with a wrong key at the address of each tenant, and then the search for its entry in the ledger. Proven is that
 * refused accesses are recorded, how soon, and with which fields; not that accesses that are served are, which the
 * gateway's own journal guards for tenants with `audit: required`.
 */
export function auditCanary({ doors, canaryToken, ledger, clock, random }: AuditCanaryOptions): Collector {
  const search = new LedgerSearch(ledger, clock);
  return placeCollector({
    name: 'audit-canary',
    facts: ['audit.canary.missing', 'audit.canary.seconds', 'audit.canary.fieldsMissing'],
    everyMs: 60_000,
    timeoutMs: 280_000,
    placeMs: FOUND_MS + CHECKPOINT_MS + 5_000,
    places: doors,
    clock,
    look: async (door, signal) => {
      const from = await search.sizeNow(signal);
      const requestId = newId('req', random);
      const startedMs = clock.monotonicMs();
      const credentials = { 'x-api-key': `kintsugi-canary-${random.token(24)}` };
      const status = await knock(door, { token: canaryToken(), requestId }, credentials, signal);
      if (status >= 500) throw new Unmeasured(`the gateway answered ${status}`);
      const found = await search.entryOf(from, requestId, signal);
      return found ? foundAfter(found, (clock.monotonicMs() - startedMs) / 1_000) : NOT_FOUND;
    },
  });
}

const NOT_FOUND: Look = {
  readings: {
    'audit.canary.missing': value(1),
    'audit.canary.seconds': unknown(`its entry did not appear within ${FOUND_MS / 1_000} s`),
    'audit.canary.fieldsMissing': unknown('there is no entry to look at'),
  },
  transcript: { found: false },
};

function foundAfter({ index, event }: IndexedEvent, seconds: number): Look {
  const missing = Object.keys(FIELDS).filter((name) => [undefined, null, ''].includes(FIELDS[name]?.(event) as string));
  return {
    readings: {
      'audit.canary.missing': unknown(
        'a refused access was found; the other kinds of required events are not tried yet',
      ),
      'audit.canary.seconds': value(seconds),
      'audit.canary.fieldsMissing': value(missing.length),
    },
    transcript: { index, id: event.id, missing },
  };
}

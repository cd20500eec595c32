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
import { counted, type Look, placeCollector, unknown, Unmeasured, value } from './place-collector.ts';

export interface AuditCanaryOptions {
  readonly doors: () => readonly TenantDoor[];
  /** The gateways at the path of a workload, as a tenant enters them that is nobody and may be nowhere; undefined where no path is public. */
  readonly carried: () => TenantDoor | undefined;
  /** The key of that tenant. */
  readonly nobodysKey: () => Redacted<string>;
  readonly canaryToken: () => Redacted<string>;
  readonly ledger: Pick<LedgerClient, 'checkpoint' | 'tail'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Kinds of accesses that have to be on record, by the type of their entry. */
const KINDS = { 'a refused access': 'request.refused', 'an access that was let in': 'request.served' } as const;
type Kind = keyof typeof KINDS;

/** What was tried, and its entry with the time that it took; without one where it did not appear. */
interface Tried {
  readonly kind: Kind;
  readonly found: { readonly entry: IndexedEvent; readonly seconds: number } | undefined;
}

/** One that is let in stands for all doors of a round. */
const AGAIN_MS = 30_000;

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
 * Accesses that have to be on record, and then the search for their entries in the ledger: one with a wrong key at the address of
 * each tenant, and one with the key of a tenant of nobody that is let in and carried as far as to the choice of an instance, of
 * which there is none for it. Proven is that both kinds are recorded, how soon, and with which fields; not that an answer
 * came, and not what administrators do, which is tried elsewhere.
 */
export function auditCanary(options: AuditCanaryOptions): Collector {
  const canaries = new Canaries(options);
  return placeCollector({
    name: 'audit-canary',
    facts: ['audit.canary.missing', 'audit.canary.seconds', 'audit.canary.fieldsMissing'],
    everyMs: 60_000,
    timeoutMs: 280_000,
    placeMs: FOUND_MS + CHECKPOINT_MS + 5_000,
    places: options.doors,
    clock: options.clock,
    look: async (door, signal) => lookOf(await Promise.all([canaries.refused(door, signal), canaries.letIn(signal)])),
  });
}

class Canaries {
  readonly #options: AuditCanaryOptions;
  readonly #search: LedgerSearch;
  #last: { readonly atMs: number; readonly tried: Promise<Tried> } | undefined;

  constructor(options: AuditCanaryOptions) {
    this.#options = options;
    this.#search = new LedgerSearch(options.ledger, options.clock);
  }

  refused(door: TenantDoor, signal: AbortSignal): Promise<Tried> {
    return this.#try('a refused access', door, `kintsugi-canary-${this.#options.random.token(24)}`, signal);
  }

  /** Undefined where no path is public. */
  letIn(signal: AbortSignal): Promise<Tried> | undefined {
    const { clock, carried, nobodysKey } = this.#options;
    const atMs = clock.monotonicMs();
    if (this.#last && atMs - this.#last.atMs < AGAIN_MS) return this.#last.tried;
    const door = carried();
    if (!door) return undefined;
    const tried = this.#try('an access that was let in', door, nobodysKey().reveal(), signal);
    this.#last = { atMs, tried };
    return tried;
  }

  async #try(kind: Kind, door: TenantDoor, key: string, signal: AbortSignal): Promise<Tried> {
    const { canaryToken, clock, random } = this.#options;
    const from = await this.#search.sizeNow(signal);
    const requestId = newId('req', random);
    const startedMs = clock.monotonicMs();
    const status = await knock(door, { token: canaryToken(), requestId }, { 'x-api-key': key }, signal);
    // Who is let in finds nobody who serves it.
    if (status >= 500 && kind === 'a refused access') throw new Unmeasured(`the gateway answered ${status}`);
    const entry = await this.#search.entryOf(from, requestId, signal);
    if (!entry) return { kind, found: undefined };
    const { type, data } = entry.event;
    if (type !== KINDS[kind]) throw new Unmeasured(`${kind} was tried, and it was ${String(data['reason'] ?? type)}`);
    return { kind, found: { entry, seconds: (clock.monotonicMs() - startedMs) / 1_000 } };
  }
}

function lookOf(tried: readonly (Tried | undefined)[]): Look {
  const found = tried.flatMap((each) => each?.found ?? []);
  const missing = tried.flatMap((each) => (each && !each.found ? [each.kind] : []));
  const fields = found.flatMap(({ entry }) => missingFields(entry.event));
  const isWhole = tried.every((each) => each !== undefined);
  return {
    readings: {
      'audit.canary.missing': missing.length > 0 || isWhole ? counted(missing) : unknown(NO_PATH),
      'audit.canary.seconds':
        missing.length > 0
          ? unknown(`${missing.join(' and ')} did not appear within ${FOUND_MS / 1_000} s`)
          : value(Math.max(...found.map(({ seconds }) => seconds))),
      'audit.canary.fieldsMissing':
        found.length > 0 ? counted([...new Set(fields)], fields.length) : unknown('there is no entry to look at'),
    },
    transcript: { found: found.map(({ entry: { index, event } }) => ({ index, id: event.id })), missing, fields },
  };
}

const NO_PATH = 'a refused access was found; no workload has a public path at which one that is let in could be tried';

function missingFields(event: LedgerEvent): readonly string[] {
  return Object.keys(FIELDS).filter((name) => [undefined, null, ''].includes(FIELDS[name]?.(event) as string));
}

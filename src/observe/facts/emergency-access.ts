import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import type { Redacted } from '../../base/redacted.ts';
import type { LedgerClient } from '../../ledger/client.ts';
import type { Collector } from '../collector.ts';
import type { Fact, Measured } from '../fact.ts';
import { knock, type TenantDoor } from './gateway-request.ts';
import { LedgerSearch } from './ledger-search.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';

/** What is declared of the way in for emergencies, and what gateways were told of it. */
export interface EmergencyDoor {
  /** Name of the tenant. */
  readonly tenant: string;
  readonly isDeclared: boolean;
  /** Every key that is declared is among those that gateways let through. */
  readonly isRouted: boolean;
}

export interface EmergencyAccessOptions {
  readonly tenants: () => readonly EmergencyDoor[];
  /** The gateways, as a tenant of nobody enters them that is kept out for ever. */
  readonly held: () => TenantDoor;
  /** Of that tenant: a key for emergencies, and one that is none. */
  readonly keys: () => { readonly emergency: Redacted<string>; readonly ordinary: Redacted<string> };
  readonly canaryToken: () => Redacted<string>;
  readonly ledger: Pick<LedgerClient, 'checkpoint' | 'tail'>;
  readonly clock: Clock;
  readonly random: Random;
}

const NAME = 'emergency-access';
const TRIAL_MS = 60_000;
/** As entries of refusals name them. Past the quarantine there is no route, or nobody who serves a tenant of nobody. */
const KEPT_OUT = 'gateway.quarantined';
const CARRIED = 'carried';
const LET_THROUGH: readonly string[] = ['gateway.unknown', CARRIED];

/**
 * Breaks the glass: a canary tenant is kept out by a quarantine at all times, its ordinary key has to be refused by it and its key for
 * emergencies has to get past it, and both have to be found in the ledger. Proven is that gateways treat keys for
 * emergencies so, and that they were told those of the tenant; not that people have the key at hand, nor that an instance answers.
 */
export function emergencyAccess(options: EmergencyAccessOptions): Collector {
  const { tenants, clock } = options;
  const search = new LedgerSearch(options.ledger, clock);
  return {
    name: NAME,
    facts: ['emergency.access.works'],
    everyMs: 300_000,
    timeoutMs: TRIAL_MS + 10_000,
    async collect(signal, keep = () => null) {
      const declared = tenants().filter(({ isDeclared }) => isDeclared);
      if (declared.length === 0) return [];
      const tried = await trial(options, search, clock.deadline(TRIAL_MS, signal)).catch((error: unknown) =>
        unknown(reasonOf(error)),
      );
      const evidence = keep({ collector: NAME, tried });
      return declared.map(({ tenant, isRouted }): Fact => {
        const measured = isRouted ? tried : shut('gateways were not told its keys for emergencies');
        const about = { subject: tenant, tenants: [tenant], measuredAt: clock.now(), collector: NAME, evidence };
        return { name: 'emergency.access.works', ...about, measured };
      });
    },
  };
}

async function trial(options: EmergencyAccessOptions, search: LedgerSearch, signal: AbortSignal): Promise<Measured> {
  const { emergency, ordinary } = options.keys();
  const kept = await answerTo(options, search, ordinary, signal);
  // Without a quarantine that holds there is nothing to get past.
  if (kept !== KEPT_OUT) throw new Unmeasured(`the canary that is kept out was answered ${kept}`);
  const passed = await answerTo(options, search, emergency, signal);
  if (passed === KEPT_OUT) return shut('a key for emergencies was kept out');
  if (!LET_THROUGH.includes(passed)) throw new Unmeasured(`a key for emergencies was answered ${passed}`);
  return value(true);
}

function shut(detail: string): Measured {
  return { kind: 'value', value: false, detail };
}

/** Why the gateway did not carry the request, or that it did, by the entry that it left. */
async function answerTo(
  { held, canaryToken, random }: EmergencyAccessOptions,
  search: LedgerSearch,
  key: Redacted<string>,
  signal: AbortSignal,
): Promise<string> {
  const from = await search.sizeNow(signal);
  const requestId = newId('req', random);
  await knock(held(), { token: canaryToken(), requestId }, { 'x-api-key': key.reveal() }, signal);
  const found = await search.entryOf(from, requestId, signal);
  if (!found) throw new Unmeasured('its entry did not appear in the ledger');
  return String(found.event.data['reason'] ?? CARRIED);
}

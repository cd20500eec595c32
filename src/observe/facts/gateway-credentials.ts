import type { Clock } from '../../base/clock.ts';
import { newId } from '../../base/ids.ts';
import type { Random } from '../../base/random.ts';
import type { Redacted } from '../../base/redacted.ts';
import type { Collector } from '../collector.ts';
import type { Measured } from '../fact.ts';
import { knock, type TenantDoor } from './gateway-request.ts';
import { placeCollector, unknown, value } from './place-collector.ts';

export interface GatewayCredentialsOptions {
  readonly doors: () => readonly TenantDoor[];
  /** Marks the probes. */
  readonly canaryToken: () => Redacted<string>;
  /** A valid key of a tenant that is nobody and may be nowhere: foreign at every address. */
  readonly foreignKey: () => Redacted<string>;
  readonly clock: Clock;
  readonly random: Random;
}

const REFUSED = new Set([401, 403]);

/**
 * Knocks at the address of each tenant with credentials that nobody should accept, and with none. What the gateway does not
 * check (expiry, audience, replay of tokens: it knows API keys only) is the application's, and is not proven here.
 */
export function gatewayCredentials(options: GatewayCredentialsOptions): Collector {
  const { doors, clock, random } = options;
  return placeCollector({
    name: 'gateway-credentials',
    facts: ['auth.probe.accepted', 'access.default.allowed'],
    everyMs: 300_000,
    timeoutMs: 240_000,
    placeMs: 10_000,
    places: doors,
    clock,
    look: async (door, signal) => {
      const statuses: Record<string, number> = {};
      for (const [name, credentials] of Object.entries(badCredentials(options))) {
        const canary = { token: options.canaryToken(), requestId: newId('req', random) };
        statuses[name] = await knock(door, canary, credentials, signal);
      }
      const { none = 0, ...bad } = statuses;
      const readings = { 'auth.probe.accepted': accepted(bad, door), 'access.default.allowed': allowed(none, door) };
      return { readings, transcript: statuses };
    },
  });
}

function badCredentials({ random, foreignKey }: GatewayCredentialsOptions): Record<string, Record<string, string>> {
  const part = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const unsigned = `${part({ alg: 'none', typ: 'JWT' })}.${part({ sub: 'kintsugi-canary' })}.`;
  return {
    none: {},
    unknownKey: { 'x-api-key': `kintsugi-canary-${random.token(24)}` },
    emptyKey: { 'x-api-key': '' },
    unknownBearer: { authorization: `Bearer kintsugi-canary-${random.token(24)}` },
    unsignedToken: { authorization: `Bearer ${unsigned}` },
    foreignKey: { 'x-api-key': foreignKey().reveal() },
    foreignBearer: { authorization: `Bearer ${foreignKey().reveal()}` },
  };
}

/**
 * A bearer token may be the application's own where the gateway asks for no key: then only keys are the gateway's to refuse.
 * That none was accepted says nothing of the kinds that were not tried.
 */
function accepted(statuses: Readonly<Record<string, number>>, { requireKey }: TenantDoor): Measured {
  const judged = Object.entries(statuses).filter(([name]) => requireKey || !/bearer|token/i.test(name));
  const counted = unlessBroken(judged.map(([, status]) => status));
  if (counted.kind === 'unknown' || counted.value !== 0) return counted;
  return unknown('unknown, foreign and unsigned credentials were refused; expired and replayed ones are not tried yet');
}

function allowed(status: number, { requireKey }: TenantDoor): Measured {
  if (!requireKey) return unknown('the gateway asks for no key at this address: the application has to');
  return unlessBroken([status]);
}

/** A gateway that cannot answer has neither accepted nor refused. */
function unlessBroken(statuses: readonly number[]): Measured {
  const broken = statuses.find((status) => status >= 500 || status === 429);
  if (broken !== undefined) return unknown(`the gateway answered ${broken}`);
  return value(statuses.filter((status) => !REFUSED.has(status)).length);
}

import type { AssetKind } from '../../../src/diagnose/fleet-view.ts';
import type { AssetOrder } from '../../../src/heal/fleet.ts';
import type { ConditionName, ErrorClass } from '../../../src/observe/condition.ts';

/** What is looked for at a thing of each kind, whether or not it is there. */
export const LOOKED_FOR: Readonly<Record<AssetKind, readonly ConditionName[]>> = {
  certificate: ['expired', 'not-yet-valid', 'expiring'],
  credential: ['rejected', 'stale', 'expired'],
  clock: ['skewed'],
  queue: ['blocked', 'exhausted'],
  store: ['failing', 'exhausted', 'recovering', 'corrupt'],
  replica: ['lagging', 'failing'],
  session: ['holding'],
  pool: ['exhausted'],
  host: ['failing', 'exhausted'],
  disk: ['failing', 'exhausted'],
  network: ['failing'],
  resolver: ['failing'],
  hook: ['failing'],
  object: ['missing', 'blocked'],
  protection: ['disabled'],
  privilege: ['revoked'],
  data: ['leaking', 'corrupt'],
  service: ['failing', 'missing'],
};

/** Why requests fail while a condition holds of what they need; a condition that is not here lets them pass. */
export const FAILS_WITH: Readonly<Partial<Record<ConditionName, ErrorClass>>> = {
  expired: 'tls',
  'not-yet-valid': 'tls',
  rejected: 'authentication',
  blocked: 'timeout',
  holding: 'timeout',
  exhausted: 'exhausted',
  missing: 'refused',
  revoked: 'authorization',
  failing: 'server-error',
  recovering: 'refused',
  corrupt: 'invalid-data',
};

/** Where the kind of the thing says more than the condition. */
export const KIND_FAILS_WITH: Readonly<Partial<Record<AssetKind, ErrorClass>>> = {
  credential: 'authentication',
  resolver: 'dns',
  network: 'timeout',
};

/** Conditions that end when the verb is done to the thing, if nothing brings them about any longer. */
export const ENDS: Readonly<Record<AssetOrder['verb'], readonly ConditionName[]>> = {
  terminate: ['holding', 'blocked'],
  rotate: ['expired', 'not-yet-valid', 'expiring', 'rejected', 'stale'],
  'sync-clock': ['skewed'],
  'back-up': [],
  'dead-letter': ['blocked'],
  failover: ['failing', 'recovering', 'exhausted'],
  run: [],
};

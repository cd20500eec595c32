/**
 * What can be wrong with a thing that is not an instance. A condition is measured where the thing is (a handshake, a
 * catalog query, an offset that does not move), never read off a setting.
 */
export const CONDITIONS = [
  /** A certificate or credential is past its end, by the clock of whoever checks it. */
  'expired',
  /** A certificate or credential is not valid yet, by the clock of whoever checks it. */
  'not-yet-valid',
  /** It will be past its end soon. */
  'expiring',
  /** A clock is off. */
  'skewed',
  /** A credential is refused by the side that checks it. */
  'rejected',
  /** A process still holds a credential that was changed since it started. */
  'stale',
  /** It does not move: a queue behind a record that cannot be read, a controller that waits. */
  'blocked',
  /** A session holds what others wait for. */
  'holding',
  /** It is at its limit: connections, memory, descriptors, a quota. */
  'exhausted',
  /** Declared, and not there. */
  'missing',
  /** A protection is off. */
  'disabled',
  /** A privilege that was granted is gone. */
  'revoked',
  /** It fails by itself: hardware, a network path, a dependency that is not ours. */
  'failing',
  /** A copy is behind. */
  'lagging',
  /** It is healing itself at this moment: a failover under way. Hands off. */
  'recovering',
  /** One tenant's data were seen in another's answer. */
  'leaking',
  /** Data fail their own check. */
  'corrupt',
] as const;
export type ConditionName = (typeof CONDITIONS)[number];

/** Why a request failed, as far as the caller can tell (`error.type` of OpenTelemetry, in classes). */
export const ERROR_CLASSES = [
  'refused',
  'timeout',
  'reset',
  'dns',
  'tls',
  'authentication',
  'authorization',
  'throttled',
  'exhausted',
  'invalid-data',
  'server-error',
] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

/** How many of the failed requests were of which class; a class that did not occur is left out. */
export type ErrorCounts = Readonly<Partial<Record<ErrorClass, number>>>;

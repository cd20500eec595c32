import type { Cause } from '../resources/playbook.ts';

/**
 * How long the slowest known failure of each cause takes to show again after a repair that did not help. A repair counts
 * only when the tenants' requests stayed good for longer. A death or a hang shows within a probe or two; what is read,
 * cached or drained shows later; a credential shows when connections are opened anew.
 */
export const SLOWEST_FAILURE_MS: Readonly<Record<Cause, number>> = {
  'instance-died': 1_500,
  'instance-hung': 2_000,
  'instance-degraded': 5_000,
  version: 5_000,
  configuration: 5_000,
  tenant: 3_000,
  poison: 10_000,
  route: 10_000,
  actor: 15_000,
  isolation: 15_000,
  certificate: 10_000,
  credential: 15_000,
  clock: 10_000,
  session: 10_000,
  data: 15_000,
  missing: 10_000,
  protection: 5_000,
  compliance: 5_000,
  infrastructure: 15_000,
  dependency: 10_000,
  overload: 10_000,
  demand: 10_000,
  // Queues of those that stay build up slowly.
  spare: 30_000,
  resource: 5_000,
  observer: 0,
  unknown: 0,
};

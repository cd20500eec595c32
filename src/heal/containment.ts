import type { FleetView } from '../diagnose/fleet-view.ts';
import type { Incident } from './memory.ts';

type Containment = NonNullable<FleetView['containments']>[number];

/** A limit that holds a leak is put on anew when no more than this is left of it: it lets through more and more by then. */
const RENEW_MS = 12 * 60_000;

/**
 * Limits that have done what they were for: the incident that they held something for is over, and nothing else is known
 * to leak. A leak that goes on as another incident is held by what held it before.
 */
export function spentContainments(fleet: FleetView, open: readonly Incident[]): readonly Containment[] {
  const { containments = [] } = fleet;
  if (open.some(({ body }) => body.diagnosis.cause === 'isolation')) return [];
  return containments.filter(({ incident }) => open.every(({ id }) => id !== incident));
}

/**
 * Whether what holds a leak will end soon, although it is measured to leak: it is decided on again before that. Nothing
 * else is renewed: of a tenant whose requests are refused nobody can measure where they would be served.
 */
export function isRunningOut({ id, body }: Incident, { containments = [], at }: FleetView): boolean {
  const own = containments.filter(({ incident }) => incident === id);
  return body.diagnosis.cause === 'isolation' && own.length > 0 && own.every(({ until }) => until - at < RENEW_MS);
}

import type { FleetView } from '../diagnose/fleet-view.ts';
import type { Incident } from './memory.ts';

type Containment = NonNullable<FleetView['containments']>[number];

/** A limit that holds a leak is decided on anew when no more than this is left of its time. */
const RENEW_MS = 12 * 60_000;

/**
 * Limits that have done what they were for: their time is over, or the incident that they held something for is, and nothing
 * else is known to leak. A leak that goes on as another incident is held by what held it before.
 */
export function spentContainments(fleet: FleetView, open: readonly Incident[]): readonly Containment[] {
  const { containments = [] } = fleet;
  const isLeaking = open.some(({ body }) => body.diagnosis.cause === 'isolation');
  const isOver = ({ incident }: Containment) => !isLeaking && open.every(({ id }) => id !== incident);
  return containments.filter((each) => each.hasEnded === true || isOver(each));
}

/**
 * Whether the time of what holds a leak will be over soon, although it is measured to leak: it is decided on again, and a
 * person called again. It holds until then, and after. Nothing
 * else is renewed: of a tenant whose requests are refused nobody can measure where they would be served.
 */
export function isRunningOut({ id, body }: Incident, { containments = [], at }: FleetView): boolean {
  const own = containments.filter(({ incident }) => incident === id);
  return body.diagnosis.cause === 'isolation' && own.length > 0 && own.every(({ until }) => until - at < RENEW_MS);
}

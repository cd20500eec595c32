import type { Policy as PolicyResource } from '../resources/policy.ts';
import type { Policy } from './situation.ts';

const DAY_MS = 86_400_000;
/** In production a path that nobody walked for longer is taken for unknown. */
const PRODUCTION_DRILL_DAYS = 30;

/** What a declared policy allows, or what is allowed without one: a fleet in development, where no drills are asked for. */
export type Leave = Pick<
  Policy,
  'autonomyMax' | 'drillAgeMaxMs' | 'harmMax' | 'harmWindowMs' | 'destructive' | 'thresholds'
>;

export function leaveOf(policy: PolicyResource | undefined): Leave {
  const spec = policy?.spec;
  const days = spec?.drills.ageDaysMax;
  const asked = days === undefined ? (spec?.environment === 'production' ? PRODUCTION_DRILL_DAYS : null) : days;
  return {
    autonomyMax: spec?.autonomy ?? 'auto',
    drillAgeMaxMs: asked === null ? null : asked * DAY_MS,
    harmMax: spec?.harm.failedRequestsMax ?? 1_000,
    harmWindowMs: (spec?.harm.windowDays ?? 28) * DAY_MS,
    destructive: spec?.destructive ?? [],
    thresholds: spec?.thresholds ?? {},
  };
}

import { toIso } from '../base/clock.ts';
import { drillOf, isClosed, tenantsOf } from '../comply/breach/breach.ts';
import { ASSESS, clocksOf, isRunning } from '../comply/breach/clocks.ts';
import { partOf } from '../comply/breach/part.ts';
import type { Control } from './control.ts';

/** Every clock of a loss that runs, or has run out, the one that is due first at the top; of one tenant when it is named. */
export async function runningClocks({ breaches, options }: Control, tenant?: string) {
  const now = options.clock.now();
  const standing = (await breaches.readStanding()).filter((each) => drillOf(each) === null && !isClosed(each));
  const own = tenant === undefined ? standing : standing.flatMap((each) => partOf(each, tenant) ?? []);
  const clocks = own.flatMap((assessment) =>
    clocksOf(assessment, now)
      .filter(isRunning)
      .map(({ duty, state, dueAt }) => ({
        breach: assessment.id,
        clock: duty?.control ?? ASSESS,
        tenants: duty ? [duty.tenant] : tenantsOf(assessment),
        state,
        leftMs: (dueAt ?? now) - now,
        dueAt: toIso(dueAt ?? now),
      })),
  );
  return clocks.toSorted((a, b) => a.leftMs - b.leftMs);
}

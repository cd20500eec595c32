import { fromIso } from '../base/clock.ts';
import { BUILTIN_PLAYBOOKS } from '../heal/playbooks.ts';
import { readTakeovers } from '../heal/leadership-store.ts';
import { leaveOf } from '../heal/leave.ts';
import type { Policy } from '../heal/situation.ts';
import type { Surroundings } from '../healer.ts';
import { rulesOf } from '../resources/profile.ts';
import type { Control } from './control.ts';

/** What people allow: stops, freezes, playbooks (theirs before ours), rules of the regulations. */
export function policyOf({ world }: Control): Policy {
  const { stops, freezes, playbooks, profiles } = world.declared;
  return {
    stops,
    freezes: freezes.map(({ metadata, spec }) => ({
      name: metadata.name,
      reason: spec.reason,
      from: fromIso(spec.from),
      until: fromIso(spec.until),
      workloads: spec.workloads,
      allow: spec.allow,
    })),
    playbooks: [...playbooks, ...BUILTIN_PLAYBOOKS],
    rules: profiles.map(rulesOf),
    ...leaveOf(world.declared.policy),
  };
}

/** What a decision looks at besides the fault, the fleet and the past. */
export async function surroundingsOf(control: Control): Promise<Surroundings> {
  const { picture, options, desk, lease } = control;
  return {
    vantages: picture.vantages(),
    healer: {
      takeovers: await readTakeovers(options.database),
      overdue: desk.overdue(),
      canWrite: lease.current() !== undefined,
      standsOn: standsOn(control),
    },
  };
}

/** A workload that serves the database in which the healer's own state is: whoever declares that must mend it by hand. */
function standsOn({ world, options }: Control): readonly string[] {
  const { databasePort } = options;
  if (databasePort === undefined) return [];
  return world.declared.workloads
    .filter((each) => each.slots.some((slot) => slot.port === databasePort))
    .map(({ name }) => name);
}

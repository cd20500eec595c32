import { fromIso } from '../base/clock.ts';
import { BUILTIN_PLAYBOOKS } from '../heal/playbooks.ts';
import type { Policy } from '../heal/situation.ts';
import type { Surroundings } from '../healer.ts';
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
    rules: profiles.map(({ metadata, spec }) => ({
      profile: metadata.name,
      residency: spec.moves.residency,
      needsApproval: spec.moves.needsApproval,
    })),
    autonomyMax: 'auto',
    drillAgeMaxMs: null,
    harmMax: 1_000,
    destructive: [],
  };
}

/** What a decision looks at besides the fault, the fleet and the past. */
export async function surroundingsOf({ picture }: Control): Promise<Surroundings> {
  return {
    vantages: picture.vantages(),
    healer: { takeovers: 0, overdue: 0, canWrite: true, standsOn: [] },
    trust: {},
  };
}

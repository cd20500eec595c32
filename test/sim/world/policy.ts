import { BUILTIN_PLAYBOOKS } from '../../../src/heal/playbooks.ts';
import { API_VERSION } from '../../../src/resources/metadata.ts';
import type { Playbook } from '../../../src/resources/playbook.ts';
import type { Policy, Trust } from '../../../src/heal/situation.ts';
import type { MoveName } from '../../../src/resources/playbook.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { World } from './world.ts';

/** What people allow, as the scenario and its people say it at this moment. */
export function policyIn(world: World): Policy {
  const { scenario, startAt } = world;
  const now = world.now();
  const declared = scenario.policy.freezes.map((each, i) => ({
    name: `freeze-${i}`,
    reason: 'declared',
    from: startAt + each.from,
    until: startAt + each.until,
    workloads: each.workloads,
    allow: each.allow as readonly MoveName[],
  }));
  const spoken = world.freezes.map((each, i) => ({ name: `spoken-${i}`, ...each, allow: ['page'] as const }));
  return {
    stops: world.stops.filter((each) => each.expiresAt === null || each.expiresAt > now),
    freezes: [...declared, ...spoken],
    playbooks: playbooksOf(scenario),
    rules: Object.entries(scenario.profiles).map(([profile, words]) => ({ profile, ...words })),
    autonomyMax: scenario.policy.autonomy,
    drillAgeMaxMs: scenario.policy.drillAge ?? null,
    thresholds: scenario.policy.thresholds,
    harmMax: 1_000,
    harmWindowMs: 28 * 86_400_000,
    destructive: scenario.policy.destructive,
  };
}

/** What people declared comes before what is built in. */
function playbooksOf({ policy }: Scenario): readonly Playbook[] {
  const declared = Object.entries(policy.playbooks).map(
    ([name, spec]): Playbook => ({
      apiVersion: API_VERSION,
      kind: 'Playbook',
      metadata: { name, labels: {}, annotations: {} },
      spec,
    }),
  );
  return [...declared, ...BUILTIN_PLAYBOOKS];
}

/** Every playbook has been drilled when the world begins, and harmed nobody. */
export function trustIn(world: World): Readonly<Record<string, Trust>> {
  const trust: Trust = { drilledAt: world.startAt, harm: 0, demotedAt: null };
  return Object.fromEntries(BUILTIN_PLAYBOOKS.map((each) => [each.metadata.name, trust]));
}

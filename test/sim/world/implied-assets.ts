import type { Scenario } from '../../scenarios/scenario.ts';
import type { AssetWords } from './words.ts';

const BARE = { workloads: [], tenants: [], share: 1, region: null, host: null, partOf: null, settings: [], detail: {} };

/** Every host of which a scenario moves the clock has one. */
export function clocksOf(scenario: Scenario): Readonly<Record<string, AssetWords>> {
  const hosts = new Set(scenario.events.flatMap((each) => (each.clock ? [each.clock.host] : [])));
  return Object.fromEntries(
    [...hosts].map((host) => [`clock ${host}`, { ...BARE, kind: 'clock' as const, host } satisfies AssetWords]),
  );
}

/** Whoever may mix tenants up is watched by a canary, and has data that can be seen to leak. */
export function dataOf(scenario: Scenario): Readonly<Record<string, AssetWords>> {
  const leaking = scenario.effects.flatMap((each) =>
    each.leaks && each.workload !== undefined ? [each.workload] : [],
  );
  return Object.fromEntries(
    [...new Set(leaking)].map((name) => [
      `data ${name}`,
      { ...BARE, kind: 'data' as const, workloads: [name] } satisfies AssetWords,
    ]),
  );
}

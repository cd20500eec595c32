import type { Scenario } from '../scenarios/scenario.ts';
import type { Trial } from '../sim/world/trial.ts';
import { type Window, windowsOf } from './windows.ts';

/** From when the oracle held, and until the end; or why it did not. */
export type Healed = { readonly at: number } | { readonly why: string };

export type Felt = ReadonlyMap<string, readonly Window[]>;

export function feltOf(scenario: Scenario, trial: Trial): Felt {
  return new Map(
    Object.entries(trial.felt).map(([tenant, buckets]) => [
      tenant,
      windowsOf(buckets, scenario.fleet.tenants[tenant]?.availability ?? 1),
    ]),
  );
}

/** Time from which detection and healing are measured. */
export function onsetOf({ expect, events }: Scenario): number {
  return expect.from ?? Math.min(...events.map(({ at }) => at), Number.POSITIVE_INFINITY);
}

/**
 * When it was over: after the last window in which a tenant that has to be served was below its objective, when the
 * conditions were gone and the settings stood. For an escalation: when a person was called.
 */
export function healedAt(scenario: Scenario, trial: Trial, felt: Felt): Healed {
  const { healed } = scenario.expect;
  const from = onsetOf(scenario);
  if (healed.by === 'escalation') {
    const page = trial.pages.find(({ at }) => at >= from);
    return page ? { at: page.at } : { why: 'no person was called' };
  }
  const parts = [
    servedAt(scenario, trial, felt, from),
    ...conditionsAt(scenario, trial),
    ...settingsAt(scenario, trial),
  ];
  const failed = parts.find((part) => 'why' in part);
  if (failed) return failed;
  return { at: Math.max(from, ...parts.map((part) => ('at' in part ? part.at : 0))) };
}

function servedAt({ expect }: Scenario, trial: Trial, felt: Felt, from: number): Healed {
  const { healed } = expect;
  const below = [...felt].flatMap(([tenant, windows]) =>
    healed.hurt.includes(tenant) ? [] : windows.filter(({ isBelow }) => isBelow).map((each) => ({ ...each, tenant })),
  );
  const ends = [from, ...below.map(({ until }) => until).filter((until) => until > from)].sort((a, b) => a - b);
  const at = ends.find((end) => {
    const again = below.filter(({ until }) => until > end);
    const isHeld = again.every((each) => each.at >= end + healed.for);
    return isHeld && trial.lengthMs - end >= healed.for && relapseMs(again) <= healed.relapse;
  });
  if (at !== undefined) return { at };
  const last = below.filter(({ until }) => trial.lengthMs - until < healed.for);
  const tenants = [...new Set((last.length > 0 ? last : below).map(({ tenant }) => tenant))].join(', ');
  return { why: last.length > 0 ? `at the end not served: ${tenants}` : `hurt again and again: ${tenants}` };
}

/** The longest that a tenant was hurt again, over all its relapses. */
function relapseMs(
  windows: readonly { readonly tenant: string; readonly at: number; readonly until: number }[],
): number {
  const sums = new Map<string, number>();
  for (const { tenant, at, until } of windows) sums.set(tenant, (sums.get(tenant) ?? 0) + until - at);
  return Math.max(0, ...sums.values());
}

function conditionsAt({ expect }: Scenario, trial: Trial): readonly Healed[] {
  return expect.healed.conditions.map(({ asset, not }) => {
    const held = trial.conditions.filter((each) => each.asset === asset && each.condition === not);
    if (held.some(({ until }) => until === null)) return { why: `${asset} is still ${not}` };
    return { at: Math.max(0, ...held.map(({ until }) => until ?? 0)) };
  });
}

function settingsAt({ expect }: Scenario, trial: Trial): readonly Healed[] {
  return expect.healed.settings.map(({ setting, is }) => {
    const value = trial.ended.settings[setting] ?? null;
    if (value !== is) return { why: `${setting} is ${value ?? 'absent'} at the end` };
    return { at: trial.writes.findLast((write) => write.setting === setting)?.at ?? 0 };
  });
}

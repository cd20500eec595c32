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
  const below = [...felt].flatMap(([tenant, windows]) =>
    expect.healed.hurt.includes(tenant)
      ? []
      : windows.filter(({ isBelow }) => isBelow).map(({ until }) => ({ tenant, until })),
  );
  const last = below.sort((a, b) => a.until - b.until).at(-1);
  if (!last || last.until <= from) return { at: from };
  if (trial.lengthMs - last.until >= expect.healed.for) return { at: last.until };
  const tenants = new Set(
    below.filter(({ until }) => trial.lengthMs - until < expect.healed.for).map((it) => it.tenant),
  );
  return { why: `at the end ${[...tenants].join(', ')} ${tenants.size === 1 ? 'is' : 'are'} not served` };
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

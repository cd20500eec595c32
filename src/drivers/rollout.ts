import type { DeclaredWorkload, Slot } from './declared.ts';
import { wantedOf } from './world.ts';

/** What brings a workload one step nearer to what was declared. */
export type RolloutStep =
  | { readonly do: 'add-slot'; readonly region: string; readonly ordinal: number }
  | { readonly do: 'remove-slot'; readonly slot: Slot }
  | { readonly do: 'fill'; readonly slot: Slot; readonly version: number }
  | { readonly do: 'upgrade'; readonly slot: Slot; readonly version: number }
  | { readonly do: 'phase'; readonly phase: 'canary' | 'rolling' | 'soaking' | 'steady'; readonly promote: boolean };

/** What is known of the instances, and whether anything stands against going on. */
export interface RolloutFacts {
  readonly isReady: (instance: string) => boolean;
  /** Ended because it was told to, or unknown to the keeper: nothing to heal, only to start again. */
  readonly isGone: (instance: string) => boolean;
  /** All that it depends on can be reached. */
  readonly dependenciesReady: boolean;
  /** A stop, a freeze, an open incident or a repair: nothing new is rolled out meanwhile. */
  readonly held: boolean;
  readonly now: number;
}

/**
 * The next steps of a workload, from what is there and nothing else: it does not matter how far a former leader came.
 * New instances come one by one: the first is the canary and is watched alone, the last is followed by the soak, and only
 * a version that has soaked becomes a candidate for last-known-good. An occupant that died is left to the healer.
 */
export function rolloutSteps(workload: DeclaredWorkload, facts: RolloutFacts): readonly RolloutStep[] {
  const sizing = [...missingSlots(workload), ...(facts.held ? [] : surplusSlots(workload))];
  if (sizing.length > 0) return sizing;
  const empty = workload.slots.filter((slot) => slot.instance === null || facts.isGone(slot.instance));
  if (empty.length > 0) {
    if (!facts.dependenciesReady) return [];
    return empty.map((slot) => ({ do: 'fill', slot, version: versionFor(workload, slot) }));
  }
  if (facts.held) return [];
  return progress(workload, facts);
}

function progress(workload: DeclaredWorkload, facts: RolloutFacts): readonly RolloutStep[] {
  const { targetVersion, phase, phaseSince, slots, spec } = workload;
  const behind = slots.filter((slot) => slot.version !== targetVersion);
  const allReady = slots.every((slot) => slot.instance !== null && facts.isReady(slot.instance));
  const canaryDone = facts.now - phaseSince >= spec.rollout.canaryMs;
  const next = behind[0];
  if (phase === 'canary') {
    if (behind.length === slots.length && next) return [{ do: 'upgrade', slot: next, version: targetVersion }];
    return allReady && canaryDone ? [{ do: 'phase', phase: 'rolling', promote: false }] : [];
  }
  if (next) return allReady || phase === 'steady' ? [{ do: 'upgrade', slot: next, version: targetVersion }] : [];
  if (phase === 'initial' || phase === 'rolling') {
    return allReady ? [{ do: 'phase', phase: 'soaking', promote: false }] : [];
  }
  const soaked = allReady && facts.now - phaseSince >= spec.rollout.soakMs;
  return phase === 'soaking' && soaked ? [{ do: 'phase', phase: 'steady', promote: true }] : [];
}

/** A slot keeps its version when it is filled again; while a canary is watched, a new slot gets what is proven. */
export function versionFor(workload: DeclaredWorkload, slot: Pick<Slot, 'version'>): number {
  if (slot.version !== null) return slot.version;
  if (workload.phase !== 'canary') return workload.targetVersion;
  const proven = workload.versions.filter((each) => each.promotedAt !== null && each.rejectedAt === null);
  return proven.at(-1)?.version ?? workload.targetVersion;
}

function missingSlots(workload: DeclaredWorkload): readonly RolloutStep[] {
  return Object.entries(wantedOf(workload)).flatMap(([region, count]) =>
    Array.from({ length: count }, (_, ordinal) => ordinal)
      .filter((ordinal) => !workload.slots.some((slot) => slot.region === region && slot.ordinal === ordinal))
      .map((ordinal) => ({ do: 'add-slot' as const, region, ordinal })),
  );
}

function surplusSlots(workload: DeclaredWorkload): readonly RolloutStep[] {
  const wanted = wantedOf(workload);
  return workload.slots
    .filter((slot) => slot.ordinal >= (wanted[slot.region] ?? 0))
    .map((slot) => ({ do: 'remove-slot' as const, slot }));
}

import { type Change, type Symptom, symptomKey } from './symptom.ts';

/** The claims that stand, by key. */
export type Symptoms = ReadonlyMap<string, Symptom>;

/**
 * Applies what detectors said. A claim that is raised again keeps the time of its first sight, also when it was cleared in
 * between by the same changes: a batch of samples is one look at the world, and only its end counts.
 */
export function applyChanges(standing: Symptoms, changes: readonly Change[]): Symptoms {
  if (changes.every((change) => !('raise' in change) && !standing.has(keyOf(change)))) return standing;
  const next = new Map(standing);
  for (const change of changes) {
    const key = keyOf(change);
    if ('clear' in change) next.delete(key);
    if ('over' in change && next.has(key)) next.set(key, { ...next.get(key)!, over: true });
    if (!('raise' in change)) continue;
    const known = (standing.get(key) ?? next.get(key))?.since ?? change.raise.since;
    next.set(key, { ...change.raise, since: Math.min(known, change.raise.since) });
  }
  return next;
}

function keyOf(change: Change): string {
  if ('raise' in change) return symptomKey(change.raise.name, change.raise.subject);
  return symptomKey('clear' in change ? change.clear : change.over, change.subject);
}

/** The claims without those whose evidence is too old to say anything. */
export function withoutStale(standing: Symptoms, now: number): Symptoms {
  const stale = [...standing].filter(([, { staysMs, at }]) => staysMs !== undefined && now - at > staysMs);
  if (stale.length === 0) return standing;
  const next = new Map(standing);
  for (const [key] of stale) next.delete(key);
  return next;
}

import { type Change, type Symptom, symptomKey } from './symptom.ts';

/** The claims that stand, by key. */
export type Symptoms = ReadonlyMap<string, Symptom>;

/** Applies what detectors said. A claim that is raised again keeps the time of its first sight. */
export function applyChanges(standing: Symptoms, changes: readonly Change[]): Symptoms {
  if (changes.length === 0) return standing;
  const next = new Map(standing);
  for (const change of changes) {
    if ('clear' in change) {
      next.delete(symptomKey(change.clear, change.subject));
      continue;
    }
    const key = symptomKey(change.raise.name, change.raise.subject);
    const since = next.get(key)?.since ?? change.raise.since;
    next.set(key, { ...change.raise, since });
  }
  return next;
}

/** A claim that rests on traffic ends when the traffic that it rests on has not been seen for this long: no data. */
const TRAFFIC_CLAIM_MS = 15_000;
const TRAFFIC_CLAIMS: readonly Symptom['name'][] = [
  'instance-errors',
  'instance-slow',
  'version-errors',
  'objective-burning',
  'noisy-tenant',
  'overloaded',
];

/** The claims without those whose evidence is too old to say anything. */
export function withoutStale(standing: Symptoms, now: number): Symptoms {
  const stale = [...standing].filter(
    ([, { name, at }]) => TRAFFIC_CLAIMS.includes(name) && now - at > TRAFFIC_CLAIM_MS,
  );
  if (stale.length === 0) return standing;
  const next = new Map(standing);
  for (const [key] of stale) next.delete(key);
  return next;
}

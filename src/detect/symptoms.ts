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

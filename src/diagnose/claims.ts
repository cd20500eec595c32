/**
 * Looks up claims by what they are and where they are. Each set of claims is sorted out once, whoever asks and however
 * often, so that an alert storm costs what its symptoms cost and not their square. Answers stand in the order of the set.
 */
import { oncePer } from '../base/once-per.ts';
import type { Symptom, SymptomName } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';

const byName = oncePer((symptoms: Symptoms) => groups(symptoms, ({ name }) => name));
const byPlace = oncePer((symptoms: Symptoms) => groups(symptoms, placeOf));
const bySubject = oncePer((symptoms: Symptoms) => groups(symptoms, ({ subject }) => subject.name));
const positions = oncePer((symptoms: Symptoms) => new Map([...symptoms.values()].map((each, at) => [each, at])));

function groups<Key>(symptoms: Symptoms, keyOf: (symptom: Symptom) => Key | null): ReadonlyMap<Key, Symptom[]> {
  const found = new Map<Key, Symptom[]>();
  for (const symptom of symptoms.values()) {
    const key = keyOf(symptom);
    if (key === null) continue;
    const list = found.get(key);
    if (list) list.push(symptom);
    else found.set(key, [symptom]);
  }
  return found;
}

/** The workload that a symptom is seen in, or null. */
export function placeOf({ subject, evidence }: Symptom): string | null {
  if ('workload' in subject) return subject.workload;
  if (subject.kind === 'workload') return subject.name;
  return typeof evidence['workload'] === 'string' ? evidence['workload'] : null;
}

/** Those of these names. */
export function named(symptoms: Symptoms, names: readonly SymptomName[]): readonly Symptom[] {
  return listsOf(symptoms, byName(symptoms), names);
}

/** Those seen in these workloads. */
export function placed(symptoms: Symptoms, places: Iterable<string>): readonly Symptom[] {
  return listsOf(symptoms, byPlace(symptoms), places);
}

/** Those about a subject of this name, of whatever kind. */
export function about(symptoms: Symptoms, subject: string): readonly Symptom[] {
  return bySubject(symptoms).get(subject) ?? [];
}

function listsOf<Key>(
  symptoms: Symptoms,
  groups: ReadonlyMap<Key, readonly Symptom[]>,
  keys: Iterable<Key>,
): readonly Symptom[] {
  const lists = [...keys].map((key) => groups.get(key) ?? []).filter((list) => list.length > 0);
  if (lists.length <= 1) return lists[0] ?? [];
  const at = positions(symptoms);
  return lists.flat().sort((a, b) => at.get(a)! - at.get(b)!);
}

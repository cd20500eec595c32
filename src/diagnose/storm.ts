import type { Symptom, SymptomName } from '../detect/symptom.ts';
import { named, placeOf } from './claims.ts';
import type { Diagnosis } from './diagnosis.ts';
import { keyOf, type Scene } from './scene.ts';

/** From so many findings of one rule on, they are one: a longer list is neither read nor healed one by one. */
export const STORM_SIZE = 32;

/**
 * Puts findings of one rule together, with all that is left of what they rest on: under what most of them accuse, or as
 * a storm, whose cause is unknown and which is a matter for a person. Nothing is healed one by one on such a day.
 */
export function gather(own: readonly Diagnosis[], scene: Scene): readonly Diagnosis[] {
  const names = new Set(own.flatMap(({ evidence }) => evidence.map(({ name }) => name)));
  const alike = named(scene.left, [...names]);
  const [shared] = [...Map.groupBy(own, ({ key }) => key).values()].filter((same) => same.length * 2 > own.length);
  if (!shared) return [stormOf(own, alike)];
  const [first] = shared as [Diagnosis];
  return [{ ...first, ...sumOf(shared, alike) }, ...own.filter(({ key }) => key !== first.key)];
}

function sumOf(own: readonly Diagnosis[], alike: readonly Symptom[]) {
  const evidence = [...own.flatMap((each) => each.evidence), ...alike];
  return { evidence, explains: [...new Set([...own.flatMap((each) => each.explains), ...alike.map(keyOf)])] };
}

/** One for all: whatever else comes of the same storm is put to it. */
const KEY = 'storm';

/** What is too much to be looked at one by one. */
export function isStorm({ key }: Diagnosis): boolean {
  return key === KEY;
}

function stormOf(own: readonly Diagnosis[], alike: readonly Symptom[]): Diagnosis {
  const { evidence, explains } = sumOf(own, alike);
  const places = countsOf(evidence.flatMap((symptom) => placeOf(symptom) ?? []));
  const [most] = places;
  const workload = most?.[0] ?? null;
  const names = countsOf(evidence.map(({ name }) => name));
  const kinds = names.slice(0, KINDS_TOLD).map(([name, count]) => `${count} ${name}`);
  const where = places.length > 1 ? ` in ${places.length} workloads` : workload === null ? '' : ` in ${workload}`;
  const rest = names.length > KINDS_TOLD ? ` and ${names.length - KINDS_TOLD} kinds more` : '';
  return {
    key: KEY,
    cause: 'unknown',
    subject: workload === null ? evidence[0]!.subject : { kind: 'workload', name: workload },
    workload,
    summary: `too much at once for one cause after the other: ${kinds.join(', ')}${rest}${where}; first: ${evidence[0]!.reason}`,
    evidence,
    explains,
    suspects: [],
  };
}

const KINDS_TOLD = 3;

/** How often each occurs, the most frequent first. */
function countsOf<Value>(values: readonly Value[]): readonly (readonly [Value, number])[] {
  const counts = new Map<Value, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** What of the evidence is carried on; the keys of all of it are in `explains`. */
const EVIDENCE_MAX = 100;
/** The first of each kind are kept before more of the same. */
const EXAMPLES = 10;

/** A diagnosis as it is kept, judged and shown: its evidence in examples, strongest first. */
export function inShort(diagnosis: Diagnosis): Diagnosis {
  const { evidence } = diagnosis;
  if (evidence.length <= EVIDENCE_MAX) return diagnosis;
  const seen = new Map<SymptomName, number>();
  const isExample = ({ name }: Symptom) => {
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return count < EXAMPLES;
  };
  const kept = new Set(evidence.filter(isExample).slice(0, EVIDENCE_MAX));
  for (const symptom of evidence) if (kept.size < EVIDENCE_MAX) kept.add(symptom);
  return { ...diagnosis, evidence: evidence.filter((symptom) => kept.has(symptom)) };
}

import type { Subject, Symptom, SymptomName } from '../detect/symptom.ts';
import { symptomKey } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { Cause } from '../resources/playbook.ts';
import type { Diagnosis, Suspect } from './diagnosis.ts';
import { type FleetView, type InstanceView, workloadOf } from './fleet-view.ts';

/** What a rule looks at: the fleet, all that is claimed of it, and what of that nothing explains yet. */
export interface Scene {
  readonly fleet: FleetView;
  readonly all: Symptoms;
  readonly left: Symptoms;
}

/**
 * One family of causes. Finds the next of them in what is left, or nothing; it is asked again with the rest until it finds
 * nothing, so each finding explains at least one symptom that was left.
 */
export type Rule = (scene: Scene) => Diagnosis | undefined;

/** Symptoms of a process itself: what it depends on did not do that to it. */
const OWN: readonly SymptomName[] = [
  'exited',
  'hung',
  'leak',
  'start-failed',
  'crash-loop',
  'deaths-recurring',
  'artefact-drift',
  'poison',
];

export function named(symptoms: Symptoms, names: readonly SymptomName[]): readonly Symptom[] {
  return [...symptoms.values()].filter((symptom) => names.includes(symptom.name));
}

/** The workload that a symptom is seen in, or null. */
export function placeOf({ subject, evidence }: Symptom): string | null {
  if ('workload' in subject) return subject.workload;
  if (subject.kind === 'workload') return subject.name;
  return typeof evidence['workload'] === 'string' ? evidence['workload'] : null;
}

/** Everything that a workload needs, directly or not. Circles come to an end. */
export function needsOf(name: string, fleet: FleetView): ReadonlySet<string> {
  return reach([name], (each) => workloadOf(fleet, each)?.dependsOn ?? []);
}

/** Everybody who needs one of them, directly or not. */
export function dependantsOf(names: Iterable<string>, fleet: FleetView): ReadonlySet<string> {
  return reach([...names], (each) =>
    fleet.workloads.filter((workload) => workload.dependsOn.includes(each)).map((workload) => workload.name),
  );
}

function reach(from: readonly string[], next: (name: string) => readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = from.flatMap(next);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    open.push(...next(name));
  }
  return reached;
}

/** What is left of the symptoms of those who need one of `names`, other than that their processes themselves failed. */
export function victimsOf(scene: Scene, names: Iterable<string>): readonly Symptom[] {
  const affected = dependantsOf(names, scene.fleet);
  return [...scene.left.values()].filter((symptom) => {
    const place = placeOf(symptom);
    return place !== null && affected.has(place) && !OWN.includes(symptom.name);
  });
}

/** What is left of the symptoms seen in the workloads themselves; those of their processes only when asked for. */
export function symptomsIn(scene: Scene, names: ReadonlySet<string>, withOwn: boolean): readonly Symptom[] {
  return [...scene.left.values()].filter((symptom) => {
    const place = placeOf(symptom);
    return place !== null && names.has(place) && (withOwn || !OWN.includes(symptom.name));
  });
}

/** What tenants feel in general, whatever it is that they feel. */
export function burning(scene: Scene): readonly Symptom[] {
  return named(scene.left, ['objective-burning']);
}

/** Instances that are in a slot, of ours. */
export function occupants(fleet: FleetView): readonly InstanceView[] {
  return fleet.workloads
    .filter((each) => !each.external)
    .flatMap((each) => each.instances.filter(({ role }) => role === 'occupant'));
}

export function keyOf(symptom: Symptom): string {
  return symptomKey(symptom.name, symptom.subject);
}

/** Who is to be healed, in what, and why. */
export interface Accused {
  readonly cause: Cause;
  readonly subject: Subject;
  readonly workload: string | null;
  readonly summary: string;
}

export function accuse(
  accused: Accused,
  evidence: readonly Symptom[],
  victims: readonly Symptom[],
  suspects: readonly Suspect[] = [],
): Diagnosis {
  const explains = new Set([...evidence, ...victims].map(keyOf));
  const { kind, name } = accused.subject;
  const others = suspects.filter(({ subject }) => subject.kind !== kind || subject.name !== name);
  return { key: `${kind} ${name}`, ...accused, evidence, explains: [...explains], suspects: others };
}

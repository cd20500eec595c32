import { oncePer } from '../base/once-per.ts';
import type { CallReadings } from '../detect/call-graph.ts';
import type { Subject, Symptom, SymptomName } from '../detect/symptom.ts';
import { symptomKey } from '../detect/symptom.ts';
import type { Symptoms } from '../detect/symptoms.ts';
import type { Cause } from '../resources/playbook.ts';
import { named, placed } from './claims.ts';
import type { Diagnosis, Suspect } from './diagnosis.ts';
import { type FleetView, type InstanceView, workloadOf } from './fleet-view.ts';

/** What a rule looks at: the fleet, all that is claimed of it, and what of that nothing explains yet. */
export interface Scene {
  readonly fleet: FleetView;
  readonly all: Symptoms;
  readonly left: Symptoms;
  /** How the calls went, where that is known. */
  readonly readings?: CallReadings;
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
  'exhausting',
  'start-failed',
  'crash-loop',
  'deaths-recurring',
  'artefact-drift',
  'poison',
];

/** Everything that a workload needs, directly or not. Circles come to an end. */
export function needsOf(name: string, fleet: FleetView): ReadonlySet<string> {
  return remembered(graphOf(fleet).needs, name, () =>
    reach([name], (each) => workloadOf(fleet, each)?.dependsOn ?? []),
  );
}

/** Everybody who needs one of them, directly or not. */
export function dependantsOf(names: Iterable<string>, fleet: FleetView): ReadonlySet<string> {
  const { callers, dependants } = graphOf(fleet);
  const next = (name: string) => callers.get(name) ?? [];
  const [first, ...others] = names;
  if (first === undefined || others.length > 0) return reach([...names], next);
  return remembered(dependants, first, () => reach([first], next));
}

interface Graph {
  readonly callers: ReadonlyMap<string, readonly string[]>;
  readonly needs: Map<string, ReadonlySet<string>>;
  readonly dependants: Map<string, ReadonlySet<string>>;
}

/** Who calls whom directly; who needs whom is added as it is asked for. */
const graphOf = oncePer((fleet: FleetView): Graph => {
  const callers = new Map<string, string[]>();
  for (const { name, dependsOn } of fleet.workloads) {
    for (const callee of dependsOn)
      callers
        .set(callee, callers.get(callee) ?? [])
        .get(callee)!
        .push(name);
  }
  return { callers, needs: new Map(), dependants: new Map() };
});

function remembered<Value>(known: Map<string, Value>, name: string, work: () => Value): Value {
  const found = known.get(name);
  if (found !== undefined) return found;
  const value = work();
  known.set(name, value);
  return value;
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
  return symptomsIn(scene, dependantsOf(names, scene.fleet), false);
}

/** What is left of the symptoms seen in the workloads themselves; those of their processes only when asked for. */
export function symptomsIn(scene: Scene, names: ReadonlySet<string>, withOwn: boolean): readonly Symptom[] {
  const there = placed(scene.left, names);
  return withOwn ? there : there.filter(({ name }) => !OWN.includes(name));
}

/** What tenants feel in general, whatever it is that they feel. */
export function burning(scene: Scene): readonly Symptom[] {
  return named(scene.left, ['objective-burning', 'budget-ending']);
}

/** Instances that are in a slot, of ours. */
export const occupants = oncePer((fleet: FleetView): readonly InstanceView[] =>
  fleet.workloads
    .filter((each) => !each.external)
    .flatMap((each) => each.instances.filter(({ role }) => role === 'occupant')),
);

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

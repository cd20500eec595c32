import { oncePer } from '../base/once-per.ts';
import type { Symptom, SymptomName } from '../detect/symptom.ts';
import { awaitsCallee } from './blamed-callee.ts';
import { suspectsOf, victimsIn } from './changes.ts';
import type { Suspect } from './diagnosis.ts';
import { type FleetView, workloadOf } from './fleet-view.ts';
import { placeOf } from './claims.ts';
import { rankingOf } from './ranking.ts';
import { accuse, burning, type Rule, type Scene, victimsOf } from './scene.ts';
import { type Trouble, troublesOf } from './trouble.ts';

/** What burns or fails on after its cause was healed clears within short windows; what lasts has another cause. */
const LASTS_MS: Readonly<Partial<Record<SymptomName, number>>> = {
  overloaded: 15_000,
  'objective-burning': 15_000,
  'workload-errors': 15_000,
  'workload-slow': 15_000,
  'tenant-errors': 15_000,
  'route-errors': 15_000,
  'route-slow': 15_000,
  'calls-failing': 15_000,
  'calls-slow': 15_000,
  'calls-surging': 15_000,
};

/** Of what is counted of the past nobody is called: it stands, with its deadline, for whoever looks. */
const NO_INCIDENT: readonly SymptomName[] = [
  'version-slow',
  'budget-ending',
  'worse-since-change',
  'load-gone',
  'route-slower',
];

/** What nothing explains, and said so. */
export const unknowns: Rule = (scene) => {
  const trouble = troublesOf(scene).find((each) => each.symptoms.some((symptom) => counts(symptom, scene)));
  if (trouble) return ofTrouble(trouble, scene);
  const rest = [...scene.left.values()].find((symptom) => counts(symptom, scene));
  if (!rest) return undefined;
  const workload = placeOf(rest);
  const accused = { cause: 'unknown' as const, subject: rest.subject, workload, summary: rest.reason };
  return accuse(accused, [rest], workload === null ? [] : [...victimsOf(scene, [workload]), ...burning(scene)]);
};

/** What is left of an instance is either not ripe yet or excused by what it depends on; so are calm conditions. */
function counts({ name, subject, since, at }: Symptom, scene: Scene): boolean {
  const { fleet } = scene;
  // That it comes near what it may send is told, and nobody is called for it.
  if (name === 'exhausting' && subject.kind === 'tenant') return false;
  if (subject.kind === 'instance' || name.startsWith('asset-') || NO_INCIDENT.includes(name)) return false;
  // Whom we hold back ourselves is not served as ever.
  if (subject.kind === 'tenant' && heldBack(fleet).has(subject.name)) return false;
  if (subject.kind === 'version') {
    if (workloadOf(fleet, subject.workload)?.targetVersion !== subject.version) return false;
    // What its callee does is told of the callee, a little later.
    return !awaitsCallee([subject.workload], since, scene);
  }
  return at - since >= (LASTS_MS[name] ?? 0);
}

const heldBack = oncePer(
  ({ tenants }: FleetView) =>
    new Set(tenants.flatMap(({ name, mitigations }) => (mitigations.length > 0 ? [name] : []))),
);

/** It cannot be told why, and yet perhaps where: a person begins to look there. */
function adderOf({ all, fleet, readings }: Scene): string {
  const ranking = readings && rankingOf(all, fleet, readings);
  const [first] = ranking?.verdict === 'cause' ? ranking.causes : [];
  return first ? `; ${first.evidence[0]} (${Math.round(first.confidence * 100)} % sure)` : '';
}

/** Nobody is suspected enough; the best guesses are told. */
function ofTrouble(trouble: Trouble, scene: Scene) {
  const [origin] = trouble.origins;
  const strongest = trouble.symptoms.find((symptom) => counts(symptom, scene))!;
  const isOurs = workloadOf(scene.fleet, origin ?? '') !== undefined;
  const [caller] = trouble.callers;
  const suspects: readonly Suspect[] = suspectsOf(trouble, scene);
  const guess = suspects[0] ? `; perhaps ${suspects[0].why}` : '';
  const summary = `it cannot be told why ${strongest.reason}${guess}${adderOf(scene)}`;
  const workload = (isOurs ? origin : caller) ?? null;
  const accused = { cause: 'unknown' as const, subject: strongest.subject, workload, summary };
  return accuse(accused, [strongest], [...trouble.symptoms, ...victimsIn(trouble, scene)], suspects);
}

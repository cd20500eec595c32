import type { Symptom } from '../detect/symptom.ts';
import { suspectsOf, victimsIn } from './changes.ts';
import { BY_LOAD } from './collapse.ts';
import { workloadOf } from './fleet-view.ts';
import { named } from './claims.ts';
import { accuse, burning, needsOf, type Rule, type Scene, symptomsIn, victimsOf } from './scene.ts';
import { type Trouble, troublesOf } from './trouble.ts';

/** What is slow or fails by load is looked at for so long: a moment is no overload. */
const RIPE_AFTER_MS = 3_000;
const LASTS_MS = 12_000;

/** More load than usual, and slower or failing with it, with all that it needs and that cannot keep up. */
export const overloads: Rule = (scene) => {
  const [claim] = named(scene.left, ['overloaded', 'calls-surging']);
  if (claim === undefined) return outOfCapacity(scene);
  if (claim.subject.kind !== 'workload') return asDependency(claim, scene);
  if (claim.at - claim.since < RIPE_AFTER_MS) return undefined;
  const { subject, reason } = claim;
  const places = new Set([subject.name, ...slowBelow(subject.name, scene)]);
  const victims = [...symptomsIn(scene, places, false), ...victimsOf(scene, places), ...burning(scene)];
  const suspects = troublesOf(scene).flatMap((trouble) =>
    overlaps(trouble, places) ? suspectsOf(trouble, scene) : [],
  );
  const accused = { cause: 'overload' as const, subject, workload: subject.name, summary: reason };
  return accuse(accused, [claim], victims, suspects.slice(0, 3));
};

/** Callees that cannot keep up with it either. */
function slowBelow(name: string, scene: Scene): readonly string[] {
  const needs = needsOf(name, scene.fleet);
  return troublesOf(scene)
    .filter((trouble) => isByLoad(trouble, scene))
    .flatMap(({ origins }) => [...origins].filter((each) => needs.has(each)));
}

function overlaps({ origins }: Trouble, places: ReadonlySet<string>): boolean {
  return [...origins].some((name) => places.has(name));
}

/** Calls to something that is no workload: what it is overloaded with is explained by who uses it, or not at all. */
function asDependency(claim: Symptom, scene: Scene) {
  const { subject, reason } = claim;
  return accuse({ cause: 'overload', subject, workload: null, summary: reason }, [claim], burning(scene));
}

/**
 * Load is as usual again and it still cannot keep up: what had piled up is repeated, or it can do less than before. It
 * says so itself, by what it answers.
 */
function outOfCapacity(scene: Scene) {
  const trouble = troublesOf(scene).find((each) => isByLoad(each, scene) && saysSo(each) && isLasting(each, scene));
  const [name] = trouble?.origins ?? [];
  if (!trouble || name === undefined) return undefined;
  const summary = `${name} cannot keep up: ${trouble.symptoms[0]!.reason}`;
  const accused = { cause: 'overload' as const, subject: { kind: 'workload' as const, name }, workload: name, summary };
  return accuse(accused, trouble.symptoms, victimsIn(trouble, scene), suspectsOf(trouble, scene));
}

function saysSo({ errors }: Trouble): boolean {
  return (errors.exhausted ?? 0) + (errors.throttled ?? 0) >= 0.2;
}

function isLasting({ onset }: Trouble, { fleet }: Scene): boolean {
  return fleet.at - onset >= LASTS_MS;
}

function isByLoad({ origins, errors, shape }: Trouble, { fleet }: Scene): boolean {
  const [origin] = origins;
  if (origin === undefined || !workloadOf(fleet, origin) || workloadOf(fleet, origin)?.external) return false;
  if (shape === 'slow' || shape === 'load') return true;
  const share = BY_LOAD.reduce((sum, each) => sum + (errors[each] ?? 0), 0);
  return shape === 'errors' && share >= 0.6;
}

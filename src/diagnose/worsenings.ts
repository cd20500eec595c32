import type { Symptom } from '../detect/symptom.ts';
import type { Suspect } from './diagnosis.ts';
import { type FleetView, settingOf, workloadOf } from './fleet-view.ts';
import { named, placeOf } from './claims.ts';
import { accuse, burning, type Rule, symptomsIn, victimsOf } from './scene.ts';

/**
 * What became worse since a setting was changed, and is explained by nothing that is felt more: the change for which the
 * least may be chance, and of equal ones the last. While a version is rolled out, the comparison of versions speaks.
 */
export const worsenings: Rule = (scene) => {
  const claims = named(scene.left, ['worse-since-change']).filter((each) => isToBeTold(each, scene.fleet));
  const [first, ...others] = [...claims].sort((a, b) => chanceIn(a) - chanceIn(b) || b.since - a.since);
  if (first === undefined) return undefined;
  const workload = placeOf(first)!;
  const alike = named(scene.left, ['worse-since-change']).filter((each) => placeOf(each) === workload);
  const felt = symptomsIn(scene, new Set([workload]), false);
  const victims = [...alike, ...felt, ...victimsOf(scene, [workload]), ...burning(scene)];
  const suspects = others.filter((each) => placeOf(each) === workload).map(suspectOf);
  const accused = { cause: 'configuration' as const, subject: first.subject, workload, summary: first.reason };
  return accuse(accused, [first], victims, suspects);
};

function isToBeTold(claim: Symptom, fleet: FleetView): boolean {
  const workload = workloadOf(fleet, placeOf(claim) ?? '');
  return workload?.phase === 'steady' && settingOf(fleet, claim.subject.name) !== undefined;
}

function chanceIn({ evidence }: Symptom): number {
  return Number(evidence['chance'] ?? 1);
}

function suspectOf({ subject, reason }: Symptom): Suspect {
  return { cause: 'configuration', subject, score: 0.5, why: reason };
}

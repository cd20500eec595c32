import type { Symptom } from '../detect/symptom.ts';
import { named } from './claims.ts';
import { accuse, burning, type Rule, type Scene, symptomsIn, victimsOf } from './scene.ts';

/** Requests that kill explain the deaths that they were in, and what others felt of them. */
export const poisons: Rule = (scene) => {
  const [claim] = named(scene.left, ['poison']);
  if (claim?.subject.kind !== 'requests') return undefined;
  const { workload, tenant } = claim.subject;
  // Once it is kept out, who died of it is to be replaced.
  const isKeptOut = scene.fleet.tenants.some(({ name, mitigations }) => name === tenant && mitigations.length > 0);
  const here = symptomsIn(scene, new Set([workload]), true).filter(
    (each) => each !== claim && isOfDeaths(each) && !(isKeptOut && each.name === 'exited'),
  );
  const victims = [...here, ...victimsOf(scene, [workload]), ...feltBy(scene, workload), ...burning(scene)];
  return accuse({ cause: 'poison', subject: claim.subject, workload, summary: claim.reason }, [claim], victims);
};

function isOfDeaths({ name }: Symptom): boolean {
  return name !== 'artefact-drift' && name !== 'leak' && name !== 'poison' && name !== 'start-failed';
}

function feltBy(scene: Scene, workload: string): readonly Symptom[] {
  return named(scene.left, ['tenant-errors']).filter(({ evidence }) => evidence['workload'] === workload);
}

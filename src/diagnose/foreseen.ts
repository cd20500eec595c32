import type { Symptom } from '../detect/symptom.ts';
import { workloadOf } from './fleet-view.ts';
import { named, placed } from './claims.ts';
import { accuse, type Rule, type Scene } from './scene.ts';

/**
 * What has not failed yet and will: load that is coming, a level that reaches its limit. Of an instance that is a matter
 * of the instance itself; that a tenant comes near what it may send is told, and is nobody's fault. After everything that
 * is felt already: who is sick now is healed first. Last of all, what a repair added and nobody needs any more.
 */
export const foreseen: Rule = (scene) => {
  const claim = named(scene.left, ['load-ahead', 'exhausting']).find(
    ({ subject }) => subject.kind !== 'instance' && subject.kind !== 'tenant',
  );
  if (claim === undefined) return spare(scene);
  const { name, subject, reason } = claim;
  const workload = subject.kind === 'workload' ? subject.name : null;
  const cause = name === 'load-ahead' ? 'demand' : 'resource';
  return accuse({ cause, subject, workload, summary: reason }, [claim], []);
};

/** While anything else is claimed of a workload, changes there or keeps its load away, it keeps all that it has. */
function spare(scene: Scene) {
  const claim = named(scene.left, ['load-gone']).find((each) => isCalm(each, scene));
  if (claim === undefined) return undefined;
  const { subject, reason } = claim;
  return accuse({ cause: 'spare', subject, workload: subject.name, summary: reason }, [claim], []);
}

function isCalm(claim: Symptom, { all, fleet }: Scene): boolean {
  const { subject } = claim;
  const workload = workloadOf(fleet, subject.name);
  const isLimited = fleet.tenants.some(({ mitigations }) =>
    mitigations.some((each) => (each.workload ?? subject.name) === subject.name),
  );
  const others = placed(all, [subject.name]).filter((each) => each.name !== 'load-gone');
  return workload?.phase === 'steady' && !isLimited && others.length === 0;
}

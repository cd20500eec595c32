import type { Symptom } from '../detect/symptom.ts';
import { suspectsOf } from './changes.ts';
import { workloadOf } from './fleet-view.ts';
import { accuse, burning, named, type Rule, type Scene, symptomsIn, victimsOf } from './scene.ts';
import { type Trouble, troublesOf } from './trouble.ts';

/** What is slow or fails by load is looked at for so long: a moment is no overload. */
const RIPE_AFTER_MS = 3_000;
/** Failures of this kind alone are those of somebody who has too much to do. */
const BY_LOAD = ['exhausted', 'throttled', 'timeout'] as const;

/**
 * More load than usual, and slower or failing with it. Where it is repetitions that load a callee, that callee is
 * overloaded, not who calls it.
 */
export const overloads: Rule = (scene) => {
  const [claim] = named(scene.left, ['overloaded', 'calls-surging']);
  if (claim?.subject.kind !== 'workload') return claim && asDependency(claim, scene);
  const deeper = troublesOf(scene).find((trouble) => isByLoad(trouble, scene));
  const name = deeper ? [...deeper.origins][0]! : claim.subject.name;
  if (claim.at - claim.since < RIPE_AFTER_MS) return undefined;
  const subject = { kind: 'workload' as const, name };
  const places = new Set([name, claim.subject.name]);
  const victims = [...symptomsIn(scene, places, false), ...victimsOf(scene, places), ...burning(scene)];
  const suspects = deeper ? suspectsOf(deeper, scene) : [];
  const summary = name === claim.subject.name ? claim.reason : `${name} cannot keep up: ${claim.reason}`;
  return accuse({ cause: 'overload', subject, workload: name, summary }, [claim], victims, suspects);
};

/** Calls to something that is no workload: what it is overloaded with is explained by who uses it, or not at all. */
function asDependency(claim: Symptom, scene: Scene) {
  const { subject, reason } = claim;
  return accuse({ cause: 'overload', subject, workload: null, summary: reason }, [claim], burning(scene));
}

function isByLoad({ origins, errors, shape }: Trouble, { fleet }: Scene): boolean {
  const [origin] = origins;
  if (origin === undefined || !workloadOf(fleet, origin) || workloadOf(fleet, origin)?.external) return false;
  if (shape === 'slow' || shape === 'load') return true;
  const share = BY_LOAD.reduce((sum, each) => sum + (errors[each] ?? 0), 0);
  return shape === 'errors' && share >= 0.6;
}

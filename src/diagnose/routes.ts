import type { Symptom, SymptomName } from '../detect/symptom.ts';
import { named } from './claims.ts';
import { accuse, burning, type Rule, symptomsIn, victimsOf } from './scene.ts';
import { textsOf } from './trouble.ts';

/** What changed shortly before is suspected first, and what it calls is told of by then. */
const RIPE_AFTER_MS = 15_000;
/** What the workload as a whole shows of it. */
const AS_A_WHOLE: readonly SymptomName[] = ['workload-errors', 'workload-slow', 'tenant-errors', 'overloaded'];

/**
 * One route fails or is slow for everybody, at all instances, and nothing that changed is suspected enough. It is what is
 * broken; what is felt of it elsewhere comes of it.
 */
export const routes: Rule = (scene) => {
  const claim = named(scene.left, ['route-errors', 'route-slow']).find(isRipe);
  if (claim === undefined || claim.subject.kind !== 'route') return undefined;
  const { subject, reason } = claim;
  const { workload } = subject;
  const own = [...scene.left.values()].filter(
    ({ subject: { kind, name } }) => kind === 'route' && name === subject.name,
  );
  const places = new Set([workload]);
  const whole = symptomsIn(scene, places, false).filter((each) => isOfIt(each, subject.route, claim));
  const victims = [...own, ...whole, ...victimsOf(scene, places), ...burning(scene)];
  return accuse({ cause: 'route', subject, workload, summary: reason }, [claim], victims);
};

function isRipe({ at, since }: Symptom): boolean {
  return at - since >= RIPE_AFTER_MS;
}

/** Failures of the workload are its, where no other route fails; slowness, where it is what slows the others down. */
function isOfIt({ name, evidence }: Symptom, route: string, claim: Symptom): boolean {
  if (!AS_A_WHOLE.includes(name)) return false;
  const failing = textsOf(evidence['routes']);
  if (name === 'workload-errors') return failing.every((each) => each === route);
  return name === 'tenant-errors' || claim.name === 'route-slow';
}

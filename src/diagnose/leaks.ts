import type { Symptom } from '../detect/symptom.ts';
import type { Diagnosis } from './diagnosis.ts';
import { assetOf } from './fleet-view.ts';
import { about, named } from './claims.ts';
import { accuse, type Rule, type Scene, symptomsIn } from './scene.ts';
import { settingSuspects } from './setting-suspects.ts';
import { versionSuspects } from './version-suspects.ts';
import { leaksMeasured, tellViolations, violationsOf } from './violations.ts';

/** One tenant's data in another's answers: contained first, whatever else it may be. */
export const leaks: Rule = (scene) => {
  const [claim] = named(scene.left, ['asset-leaking']);
  return claim ? ofCondition(claim, scene) : ofFact(scene);
};

function ofCondition(claim: Symptom, scene: Scene): Diagnosis {
  const asset = assetOf(scene.fleet, claim.subject.name);
  const workloads = asset?.workloads ?? [];
  const workload = workloads.length === 1 ? workloads[0]! : null;
  const trouble = {
    origins: new Set(workloads),
    callers: new Set<string>(),
    onset: claim.since,
    symptoms: [claim],
    shape: 'errors' as const,
    errors: {},
    tenants: null,
    instances: null,
    load: 1,
  };
  const suspects = [
    ...settingSuspects(trouble, scene.fleet, asset?.settings ?? []),
    ...versionSuspects(trouble, scene.fleet),
  ].sort((a, b) => b.score - a.score);
  const also = symptomsIn(scene, new Set(workloads), false).filter(({ name }) => name === 'asset-corrupt');
  const accused = { cause: 'isolation' as const, subject: claim.subject, workload, summary: claim.reason };
  return accuse(accused, [claim], also, suspects);
}

/**
 * A probe read as one tenant what is another's. What else is violated there, and each protection of it that is off, is how
 * that came about: it is in this incident, and goes back with it.
 */
function ofFact(scene: Scene): Diagnosis | undefined {
  const [claim] = leaksMeasured(scene);
  if (!claim) return undefined;
  const { name } = claim.subject;
  const asset = assetOf(scene.fleet, name);
  const violated = violationsOf(name, scene);
  const parts = scene.fleet.assets.filter(({ partOf }) => partOf === name);
  const off = parts.flatMap(({ id }) => about(scene.left, id)).filter((each) => each.name === 'asset-disabled');
  const [workload = null, ...others] = asset?.workloads ?? [];
  const accused = {
    cause: 'isolation' as const,
    subject: claim.subject,
    workload: others.length === 0 ? workload : null,
  };
  return accuse({ ...accused, summary: tellViolations(violated) }, [...violated, ...off], []);
}

import { assetOf } from './fleet-view.ts';
import { named } from './claims.ts';
import { accuse, type Rule, symptomsIn } from './scene.ts';
import { settingSuspects } from './setting-suspects.ts';
import { versionSuspects } from './version-suspects.ts';

/** One tenant's data in another's answers: contained first, whatever else it may be. */
export const leaks: Rule = (scene) => {
  const [claim] = named(scene.left, ['asset-leaking']);
  if (!claim) return undefined;
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
};

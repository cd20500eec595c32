import { oncePer } from '../base/once-per.ts';
import type { Symptom, SymptomName } from '../detect/symptom.ts';
import { type FailureDomain, failureDomains } from './failure-domains.ts';
import type { AssetView, FleetView, InstanceView } from './fleet-view.ts';
import { named, placeOf } from './claims.ts';
import { accuse, burning, occupants, type Rule, type Scene, victimsOf } from './scene.ts';

const CERTAIN: readonly SymptomName[] = ['exited', 'hung', 'probe-failed', 'instance-errors', 'instance-slow'];
/** Beside one that is sick for certain, those that only begin to stand out count as well. */
const OF_INSTANCES: readonly SymptomName[] = [...CERTAIN, 'instance-outlier'];
const INSTANCES_MIN = 2;
const SICK_SHARE_MIN = 0.8;
/** Elsewhere only few may be sick, or it is nothing that a place explains. */
const ELSEWHERE_MAX = 0.15;

/** What is gone: a process that ended, and one that answers nobody. */
const GONE: readonly SymptomName[] = ['hung', 'exited'];
/** What stands apart from its siblings, which do the same elsewhere. */
const WORSE: readonly SymptomName[] = ['instance-errors', 'instance-slow', 'instance-outlier'];
const WORKLOADS_MIN = 2;
/** A place that is lost takes all with it at once. */
const TOGETHER_MS = 30_000;
/** What is gone for a moment may only have been busy, as with a single process that hangs. */
const RIPE_AFTER_MS = 1_500;

/**
 * What stands together and fails together, while the rest is well, accuses the place: a region before a machine. A place
 * that nobody declared is accused only when what stands there fell silent at once, or when several workloads are worse on
 * a machine than elsewhere; otherwise its instances stand for themselves.
 */
export const hosts: Rule = (scene) => {
  const symptoms = named(scene.left, OF_INSTANCES);
  const sick = new Set(symptoms.map(({ subject }) => subject.name));
  if (sick.size < INSTANCES_MIN || named(scene.left, CERTAIN).length === 0) return undefined;
  const all = occupants(scene.fleet);
  const sickAnywhere = all.filter(({ id }) => sick.has(id)).length;
  for (const domain of failureDomains(scene.fleet)) {
    const { asset } = domain;
    const here = at(asset, scene.fleet);
    const there = all.length - here.length;
    const sickHere = here.filter(({ id }) => sick.has(id)).length;
    const sickThere = sickAnywhere - sickHere;
    if (sickHere < INSTANCES_MIN || sickHere < SICK_SHARE_MIN * here.length) continue;
    if (sickThere > ELSEWHERE_MAX * Math.max(1, there) || there === 0) continue;
    const ids = new Set(here.map(({ id }) => id));
    const evidence = symptoms.filter(({ subject }) => ids.has(subject.name));
    if (!isToBeAccused(domain, evidence, here.length, scene.fleet.at)) continue;
    const summary = `${sickHere} of ${here.length} instances at ${asset.id} are sick, ${sickThere} of ${there} elsewhere`;
    const accused = {
      cause: 'infrastructure' as const,
      subject: { kind: 'asset' as const, name: asset.id },
      workload: null,
      summary,
    };
    return accuse(accused, evidence, effectsOf(here, scene));
  }
  return undefined;
};

/**
 * A place that is only known by its instances: nearly all of these are gone since about one moment, and most of them did
 * not end (whose end somebody could report can be started again where it was); or it is a machine under several
 * workloads, and each fails or is slow there and nowhere else.
 */
function isToBeAccused(
  { implied, asset }: FailureDomain,
  evidence: readonly Symptom[],
  instances: number,
  now: number,
): boolean {
  if (!implied) return true;
  const isOfMachine =
    asset.kind === 'host' && workloadsIn(evidence.filter(({ name }) => WORSE.includes(name))).size >= WORKLOADS_MIN;
  const gone = evidence.filter(({ name }) => GONE.includes(name));
  const silent = new Set(gone.filter(({ name }) => name === 'hung').map(({ subject }) => subject.name));
  if (silent.size < SICK_SHARE_MIN * instances) return isOfMachine;
  const since = gone.map((each) => each.since);
  const isAtOnce = Math.max(...since) - Math.min(...since) <= TOGETHER_MS;
  return isAtOnce && now - Math.min(...since) >= RIPE_AFTER_MS;
}

function workloadsIn(symptoms: readonly Symptom[]): ReadonlySet<string> {
  return new Set(symptoms.flatMap((each) => placeOf(each) ?? []));
}

/** The instances that stand in a place. */
export function at({ host, region }: AssetView, fleet: FleetView): readonly InstanceView[] {
  const { hosts, regions } = byPlace(fleet);
  return (host === null ? regions.get(region ?? '') : hosts.get(host)) ?? [];
}

const byPlace = oncePer((fleet: FleetView) => ({
  hosts: Map.groupBy(occupants(fleet), ({ host }) => host),
  regions: Map.groupBy(occupants(fleet), ({ region }) => region),
}));

/** What the instances of a place do, and what is felt of it. */
export function effectsOf(instances: readonly InstanceView[], scene: Scene): readonly Symptom[] {
  const ids = new Set(instances.map(({ id }) => id));
  const workloads = new Set(instances.map(({ workload }) => workload));
  const own = [...scene.left.values()].filter((symptom) => {
    if (symptom.subject.kind === 'instance') return ids.has(symptom.subject.name);
    const place = placeOf(symptom);
    return place !== null && workloads.has(place) && symptom.subject.kind !== 'version';
  });
  return [...own, ...victimsOf(scene, workloads), ...burning(scene)];
}

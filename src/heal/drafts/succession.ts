/** Moves that give slots another occupant: restart, replace, and going back to an earlier version. */
import type { JsonObject } from '../../base/json.ts';
import {
  type AssetView,
  type FleetView,
  type InstanceView,
  type VersionView,
  type WorkloadView,
  workloadOf,
} from '../../diagnose/fleet-view.ts';
import { instancesIn } from '../../diagnose/shared-traits.ts';
import { isGoodVersion } from '../onset.ts';
import {
  conditionsOf,
  type Draft,
  type DraftMove,
  factOf,
  isRestorable,
  occupantsOf,
  type Scene,
  settingsOf,
  subjectAsset,
  subjectInstance,
} from './scene.ts';
import { touchInstances } from './touching.ts';

/** `replace` starts the successor first and `restart` stops the old one first; which of them it is, the workload says. */
export const replaceInstances: DraftMove = (scene, parameters) => {
  const asset = subjectAsset(scene);
  const away = asset && isPlace(asset.kind) ? placeOf(scene) : undefined;
  return affectedInstances(scene, parameters).flatMap((instance) => succeed(scene, instance, { avoidHosts: away }));
};

/** One successor of equal version; on another host than those in doubt; `rereads` names the setting that it is to see. */
export function succeed(
  scene: Scene,
  instance: InstanceView,
  { avoidHosts, rereads }: { readonly avoidHosts?: readonly string[] | undefined; readonly rereads?: string } = {},
): readonly Draft[] {
  const workload = workloadOf(scene.fleet, instance.workload);
  if (!workload || workload.external || instance.role !== 'occupant') return [];
  const inPlace = workload.replacement === 'in-place';
  const newInstance = successorId(scene, instance);
  const input: JsonObject = {
    workload: workload.name,
    region: instance.region,
    ordinal: instance.ordinal,
    oldInstance: instance.id,
    newInstance,
    version: instance.version,
    oldVersion: instance.version,
    oldState: stateOf(instance),
    inPlace,
    ...(avoidHosts ? { avoidHosts } : {}),
    ...(rereads === undefined ? {} : { rereads }),
  };
  const draft: Draft = {
    move: inPlace ? 'restart' : 'replace',
    input,
    touch: touchInstances(scene.fleet, [instance], inPlace && instance.ready ? 1 : 0),
    undo: `${instance.id} keeps the slot`,
    effect: inPlace
      ? `stop ${instance.id}, then start ${newInstance} ${avoidHosts ? 'on another host' : 'in its place'}`
      : `start ${newInstance}${avoidHosts ? ' on another host' : ''}, then take ${instance.id} out of service`,
  };
  return [draft];
}

function stateOf({ ready, running }: InstanceView): 'ready' | 'running' | 'gone' {
  if (!running) return 'gone';
  return ready ? 'ready' : 'running';
}

/** `records-eu-0-k3f9a`: says where it belongs; unique because plan ids are, and each rung has its own. */
function successorId({ planId, rung }: Scene, { workload, region, ordinal }: InstanceView): string {
  return `${workload}-${region}-${ordinal}-${planId.slice(-5)}${rung > 0 ? `-${rung}` : ''}`;
}

/** Whom the trouble is in: the accused instance, those that hold what is stale, or those on what failed. */
function affectedInstances(scene: Scene, parameters: JsonObject): readonly InstanceView[] {
  const own = subjectInstance(scene);
  if (own) return scene.cause === 'compliance' || scene.cause === 'isolation' ? successible(scene, own) : [own];
  const asset = subjectAsset(scene);
  const named = factOf(scene, 'instances');
  const { subject, fleet } = scene;
  // Whatever is wrong: a process that is dead serves nobody.
  if (subject.kind === 'workload' || (subject.kind === 'version' && scene.cause === 'unknown')) {
    return occupantsOf(fleet, [scene.workload ?? '']).filter((each) => !each.running);
  }
  if (subject.kind === 'setting' || parameters['of'] === 'setting') {
    return settingsOf(scene).flatMap((setting) =>
      setting.needsRestart ? holdersOf(scene, setting.workloads, setting.history.at(-1)?.at ?? 0) : [],
    );
  }
  // What they have in common is named and not understood: those that are sick are what there is to give up.
  if (asset && scene.cause === 'unknown') return instancesIn(scene.evidence, fleet);
  if (asset && isPlace(asset.kind)) return onPlace(scene);
  if (asset && parameters['of'] === 'holders') return isRestorable(asset) ? [] : holdersOfAsset(fleet, asset);
  if (!asset || !conditionsOf(scene, asset.id).includes('stale')) return [];
  const holders = holdersOfAsset(fleet, asset);
  return Array.isArray(named) ? holders.filter((each) => named.includes(each.id)) : holders;
}

/** Nothing is broken: only who has an equal beside it, and no data of its own, is given up for what was measured of it. */
function successible({ fleet }: Scene, own: InstanceView): readonly InstanceView[] {
  const workload = workloadOf(fleet, own.workload);
  return workload?.replacement === 'parallel' && !workload.keepsData ? [own] : [];
}

/** Whoever needs it, where it stands. */
function holdersOfAsset(fleet: FleetView, asset: AssetView): readonly InstanceView[] {
  const all = occupantsOf(fleet, asset.workloads);
  return asset.region === null ? all : all.filter((each) => each.region === asset.region);
}

/** Who started under the present value, and who does not serve: they have to start anew to see another one. */
export function holdersOf({ fleet }: Scene, workloads: readonly string[], since: number): readonly InstanceView[] {
  return occupantsOf(fleet, workloads).filter((each) => each.startedAt >= since || !each.ready || !each.running);
}

export function isPlace(kind: string): boolean {
  return kind === 'host' || kind === 'disk' || kind === 'network';
}

/** Hosts that are in doubt. */
function placeOf(scene: Scene): readonly string[] | undefined {
  const host = subjectAsset(scene)?.host ?? factOf(scene, 'host');
  return typeof host === 'string' ? [host] : undefined;
}

function onPlace(scene: Scene): readonly InstanceView[] {
  const hosts = placeOf(scene);
  const { workloads } = subjectAsset(scene) ?? { workloads: [] };
  const there = occupantsOf(scene.fleet, workloads).filter((each) => hosts?.includes(each.host) === true);
  // What has its data there comes up there again: stopping it while it serves only takes it away.
  return there.filter((each) => !each.ready || workloadOf(scene.fleet, each.workload)?.keepsData !== true);
}

/** From a version to the newest that had soaked before the trouble began. */
export const goBack: DraftMove = (scene) => {
  const { subject, fleet } = scene;
  const workload = subject.kind === 'version' ? workloadOf(fleet, subject.workload) : undefined;
  if (!workload || subject.kind !== 'version') return [];
  const good = lastGood(workload, subject.version, scene);
  if (!good || isMovedOn(workload, subject.version)) return [];
  const affected = workload.instances.filter((each) => each.version === subject.version && each.role === 'occupant');
  const slots = affected.map((instance) => ({
    region: instance.region,
    ordinal: instance.ordinal,
    oldInstance: instance.id,
    oldState: stateOf(instance),
    newInstance: successorId(scene, instance),
  }));
  const inPlace = workload.replacement === 'in-place';
  const bad = workload.versions.find((each) => each.version === subject.version);
  const move = bad?.artefactDigest === good.artefactDigest ? 'revert' : 'rollback';
  const draft: Draft = {
    move,
    input: {
      workload: workload.name,
      from: subject.version,
      to: good.version,
      oldPhase: workload.phase,
      inPlace,
      slots,
    },
    touch: touchInstances(fleet, affected, inPlace && affected.some((each) => each.ready) ? 1 : 0),
    undo: `version ${subject.version} is wanted again`,
    effect: `${workload.name} goes back from version ${subject.version} to version ${good.version}, which has soaked`,
  };
  return [draft];
};

/** Somebody already rolls out another version over it: going back now would go back over that one. */
export function isMovedOn(workload: WorkloadView, version: number): boolean {
  const bad = workload.versions.find((each) => each.version === version);
  return workload.targetVersion !== version && bad?.rejectedAt === null && workload.phase !== 'steady';
}

/** Not one that a repair went to in vain, as far as that is remembered by its rejection. */
function lastGood(workload: WorkloadView, except: number, { onset }: Scene): VersionView | undefined {
  return workload.versions
    .filter((each) => each.version !== except && isGoodVersion(each, onset))
    .toSorted((a, b) => b.version - a.version)[0];
}

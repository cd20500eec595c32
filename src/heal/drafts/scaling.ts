/** Moves that change how many instances a workload has. */
import type { JsonObject } from '../../base/json.ts';
import { type WorkloadView, workloadOf } from '../../diagnose/fleet-view.ts';
import { type Draft, type DraftMove, factOf, type Scene, subjectAsset } from './scene.ts';
import { isPlace } from './succession.ts';
import { touchInstances } from './touching.ts';

/** Other instances where there is room, in the regions of the workload, or in others when its own is lost. */
export const scaleOut: DraftMove = (scene, parameters) => {
  const { fleet, planId, rung } = scene;
  const lost = lostRegion(scene);
  const names = lost === undefined ? [scene.workload ?? ''] : workloadsIn(scene, lost);
  return names.flatMap((name): readonly Draft[] => {
    const workload = workloadOf(fleet, name);
    if (!workload || workload.external || workload.replacement === 'in-place') return [];
    if (needsWhatIsSick(scene, name)) return [];
    const declared = Object.keys(workload.wanted);
    const regions = lost === undefined ? declared : elsewhere(scene, workload, lost);
    if (regions.length === 0) return [];
    const by =
      lost === undefined
        ? growthOf(scene, workload, parameters)
        : Math.ceil((workload.wanted[lost] ?? 1) / regions.length);
    const touch = { ...touchInstances(fleet, [], 0), ...regionTouch(scene, regions) };
    const held =
      lost === undefined ? [] : fleet.tenants.filter((each) => !each.regions.some((one) => regions.includes(one)));
    const hold = held.length === 0 ? '' : `; held where they are: ${held.map((each) => each.name).join(', ')}`;
    const draft: Draft = {
      move: 'scale',
      input: { workload: name, regions, by, key: `${name}-${rung}-${planId}` },
      touch,
      undo: 'as many as before',
      effect: `${by === 1 ? 'one more instance' : `${by} more instances`} of ${name} in ${regions.join(' and ')}${hold}`,
    };
    return [draft];
  });
};

/**
 * Each new instance would need the very asset that is sick, as those that run do; one elsewhere does without a place. Too
 * much load is not the asset's fault, and more hands help.
 */
function needsWhatIsSick(scene: Scene, workload: string): boolean {
  const asset = subjectAsset(scene);
  if (!asset || isPlace(asset.kind) || scene.cause === 'overload') return false;
  return asset.workloads.length === 0 || asset.workloads.includes(workload);
}

/** As many more as half of the load that came on top, never more than there are, and never more than half of the room. */
function growthOf(scene: Scene, workload: WorkloadView, parameters: JsonObject): number {
  if (typeof parameters['by'] === 'number') return parameters['by'];
  const load = Number(factOf(scene, 'load') ?? 1);
  return Math.min(
    ...Object.entries(workload.wanted).map(([region, count]) => {
      const room = scene.fleet.room[region] ?? 2;
      return Math.max(1, Math.min(Math.ceil((count * (load - 1)) / 2), count, Math.floor(room / 2)));
    }),
  );
}

function regionTouch({ fleet }: Scene, regions: readonly string[]) {
  const tenants = fleet.tenants.filter((each) => each.regions.some((region) => regions.includes(region)));
  return {
    regions,
    tenants: tenants.map((each) => each.name),
    dataClasses: [...new Set(tenants.flatMap((each) => each.dataClasses))],
  };
}

/** The region that a failing asset without a host stands for. */
export function lostRegion(scene: Scene): string | undefined {
  const asset = subjectAsset(scene);
  return asset && asset.host === null && isPlace(asset.kind) && asset.region !== null ? asset.region : undefined;
}

function workloadsIn({ fleet }: Scene, region: string): readonly string[] {
  return fleet.workloads.filter((each) => (each.wanted[region] ?? 0) > 0).map(({ name }) => name);
}

/** Other regions with room in which somebody who is served in the lost one may be served as well. */
function elsewhere({ fleet }: Scene, workload: WorkloadView, lost: string): readonly string[] {
  const movers = fleet.tenants.filter((each) => each.regions.includes(lost));
  return Object.keys(fleet.room).filter(
    (region) =>
      region !== lost &&
      movers.some((tenant) => tenant.regions.includes(region)) &&
      (fleet.room[region] ?? 0) > 0 &&
      workload.wanted[region] !== undefined,
  );
}

/** The newest instance of a region in which a repair added some that nobody needs any more. */
export const scaleIn: DraftMove = (scene) => {
  const region = String(factOf(scene, 'region') ?? '');
  const workload = workloadOf(scene.fleet, scene.workload ?? '');
  const wanted = workload?.wanted[region] ?? 0;
  if (!workload || scene.cause !== 'spare' || (workload.added?.[region] ?? 0) < 1 || wanted < 2) return [];
  const there = workload.instances.filter(
    (each) => each.role === 'occupant' && each.region === region && each.ordinal >= wanted - 1,
  );
  const draft: Draft = {
    move: 'scale-in',
    input: { workload: workload.name, region, key: `${workload.name}-${region}-${scene.rung}-${scene.planId}` },
    touch: { ...touchInstances(scene.fleet, there, 1), ...regionTouch(scene, [region]) },
    undo: 'one is started in its place',
    effect: `one instance fewer of ${workload.name} in ${region}`,
  };
  return [draft];
};

import type { AssetView, FleetView, InstanceView, SettingView, TenantView } from '../../diagnose/fleet-view.ts';
import { NOTHING_TOUCHED, type Touch } from '../plan.ts';
import { occupantsOf } from './scene.ts';

/** Every tenant that may be served where the instances stand is touched: pooled instances serve them all. */
export function touchInstances(
  fleet: FleetView,
  instances: readonly InstanceView[],
  servingTakenAtOnce: number,
): Touch {
  const regions = [...new Set(instances.map((each) => each.region))];
  return { ...touchRegions(fleet, regions), instances: instances.map((each) => each.id), servingTakenAtOnce };
}

/** Places, and whoever may be served there. */
export function touchRegions(fleet: FleetView, regions: readonly string[]): Touch {
  return { ...touchTenants(tenantsIn(fleet, regions)), regions };
}

/**
 * A setting that governs one tenant touches that one, and one of a thing that is in one region whoever may be there; any
 * other touches whoever its workloads serve.
 */
export function touchSetting(fleet: FleetView, setting: SettingView): Touch {
  const places = fleet.assets.filter(({ settings }) => settings.includes(setting.id)).map(({ region }) => region);
  const everywhere = occupantsOf(fleet, setting.workloads).map((each) => each.region);
  const isPlaced = places.length > 0 && places.every((region) => region !== null);
  const regions = [...new Set(isPlaced ? places : everywhere)];
  const own = fleet.tenants.filter((each) => each.name === setting.tenant);
  const tenants = setting.tenant === null ? tenantsIn(fleet, regions) : own;
  return { ...touchTenants(tenants), regions: setting.tenant === null ? regions : [], settings: [setting.id] };
}

/**
 * An asset touches the tenants whose data it holds; where that is not said, those who may be where it stands, or where
 * the workloads that need it do. `region` is where it will stand afterwards.
 */
export function touchAsset(fleet: FleetView, asset: AssetView, region = asset.region): Touch {
  const places = [...new Set(occupantsOf(fleet, asset.workloads).map((each) => each.region))];
  const regions = region === null ? places : [region];
  const named = fleet.tenants.filter((each) => asset.tenants.includes(each.name));
  const there = tenantsIn(fleet, asset.region === null ? places : [asset.region]);
  const tenants = asset.tenants.length > 0 ? named : there;
  return { ...touchTenants(tenants), regions, assets: [asset.id] };
}

export function touchTenants(tenants: readonly TenantView[]): Touch {
  return {
    ...NOTHING_TOUCHED,
    tenants: tenants.map((each) => each.name),
    dataClasses: [...new Set(tenants.flatMap((each) => each.dataClasses))],
  };
}

function tenantsIn(fleet: FleetView, regions: readonly string[]): readonly TenantView[] {
  return fleet.tenants.filter((each) => regions.some((region) => each.regions.includes(region)));
}

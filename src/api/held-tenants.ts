import { type FleetView, workloadOf } from '../diagnose/fleet-view.ts';

/**
 * Where a tenant is held: workloads that serve elsewhere, and nowhere that it may be. It waits for its own region, and is
 * not led to another. Nothing where nobody is served: that is an outage of all.
 */
export function heldAt(fleet: FleetView, tenant: string): readonly string[] {
  const regions = fleet.tenants.find(({ name }) => name === tenant)?.regions ?? [];
  return fleet.workloads.flatMap(({ name, routed, wanted }) => {
    const own = regions.filter((region) => (wanted[region] ?? 0) > 0);
    const serving = servingRegions(fleet, name);
    const isHeld = routed && own.length > 0 && serving.size > 0 && own.every((region) => !serving.has(region));
    return isHeld ? [`held at ${name}: nothing serves in ${own.join(', ')}`] : [];
  });
}

function servingRegions(fleet: FleetView, workload: string): ReadonlySet<string> {
  const ready = workloadOf(fleet, workload)?.instances.filter((each) => each.role === 'occupant' && each.ready) ?? [];
  return new Set(ready.map(({ region }) => region));
}

import { type AssetView, assetOf, type FleetView } from './fleet-view.ts';
import { occupants } from './scene.ts';

/** A place that instances stand in and fail together with. */
export interface FailureDomain {
  readonly asset: AssetView;
  /** Nobody declared it: it is known only by the instances that stand there. */
  readonly implied: boolean;
}

/**
 * All failure domains, regions before hosts, because the wider place explains the narrower: those that are declared as
 * things, and for regions and hosts that nobody declared, those that instances say they stand in.
 */
export function failureDomains(fleet: FleetView): readonly FailureDomain[] {
  const declared = fleet.assets.filter(({ kind }) => kind === 'network' || kind === 'host');
  const regions = declared.filter((each) => each.host === null && each.region !== null);
  const hosts = declared.filter((each) => each.kind === 'host' && each.host !== null);
  const places = occupants(fleet);
  const regionOf = new Map(places.map((each) => [each.host, each.region]));
  const told = (assets: readonly AssetView[]) => assets.map((asset) => ({ asset, implied: false }));
  const implied = (names: Iterable<string>, known: (name: string) => boolean, toAsset: (name: string) => AssetView) =>
    [...new Set(names)]
      .filter((name) => !known(name))
      .sort()
      .map((name) => ({ asset: toAsset(name), implied: true }));
  return [
    ...told(regions),
    ...implied(
      places.map(({ region }) => region),
      (region) => regions.some((each) => each.region === region),
      (region) => impliedAsset('network', region, region, null),
    ),
    ...told(hosts),
    ...implied(
      regionOf.keys(),
      (host) => hosts.some((each) => each.host === host),
      (host) => impliedAsset('host', host, regionOf.get(host)!, host),
    ),
  ];
}

/** The thing of this id, also when it is a place that nobody declared; undefined when there is no such thing. */
export function assetOrPlaceOf(fleet: FleetView, id: string): AssetView | undefined {
  return assetOf(fleet, id) ?? failureDomains(fleet).find(({ asset }) => asset.id === id)?.asset;
}

function impliedAsset(kind: 'network' | 'host', name: string, region: string, host: string | null): AssetView {
  const nothing = { workloads: [], tenants: [], settings: [], partOf: null, detail: {} };
  return { id: `${kind} ${name}`, kind, region, host, ...nothing };
}

import { assetOf, type TenantView, type WorkloadView } from '../../diagnose/fleet-view.ts';
import type { Mitigation } from '../fleet.ts';
import type { Touch } from '../plan.ts';
import { routesOf, type Scene, strayedTenant, subjectAsset, subjectWorkload } from './scene.ts';
import { touchTenants } from './touching.ts';

/** Whom a limit is for: what is null is not narrowed by it. */
export interface Scope {
  readonly tenant: string | null;
  readonly workload: string | null;
  readonly route: string | null;
  readonly fingerprint: string | null;
  readonly actor: string | null;
  /** Not requests: new rows in this store. */
  readonly store?: string;
  readonly touch: Touch;
  readonly who: string;
}

export const ALL = { tenant: null, workload: null, route: null, fingerprint: null, actor: null };

/**
 * Whom a quarantine has to be for to hold what leaks, or what is where it may not be: none where nobody has to be. Undefined
 * where nothing has to be held.
 */
export function containingScopes(scene: Scene, kind: Mitigation['kind']): readonly Scope[] | undefined {
  if (kind !== 'quarantine') return undefined;
  const strayed = strayedTenant(scene);
  if (strayed && !isLedHome(strayed, scene)) return [strayedScope(strayed)];
  return leakingScopes(scene) ?? refusingScopes(scene) ?? (strayed ? [] : undefined);
}

/**
 * What leaks in some regions leaks what is of the tenants there: these are kept out of the workload that reads it, and
 * those whose data are elsewhere are served. Undefined where a leak has no such place.
 */
function leakingScopes(scene: Scene): readonly Scope[] | undefined {
  const workload = subjectWorkload(scene) ?? firstNeeding(scene);
  const regions = leakingRegions(scene);
  if (scene.cause !== 'isolation' || regions.size === 0 || !workload) return undefined;
  const there = scene.fleet.tenants.filter((each) => each.regions.some((region) => regions.has(region)));
  return there.map((each) => {
    const who = `${each.name} at ${workload.name}`;
    return { ...ALL, tenant: each.name, workload: workload.name, touch: touchTenants([each]), who };
  });
}

/** Nobody is kept out by it, and a person decides about data in office hours. */
export const REFUSED_MINUTES = 24 * 60;

/**
 * Rows of a tenant lie where it may not be: what is there is for a person, and no new ones come. Undefined where nothing of
 * the kind was measured.
 */
function refusingScopes({ evidence, fleet }: Scene): readonly Scope[] | undefined {
  const claims = evidence.filter(({ name }) => name === 'fact-residency.stores');
  if (claims.length === 0) return undefined;
  return claims.flatMap(({ subject, evidence: { where } }): readonly Scope[] => {
    const tenant = fleet.tenants.find(({ name }) => subject.name === `tenant ${name}`);
    if (!tenant || !Array.isArray(where)) return [];
    return where.map(String).flatMap((store) => {
      const asset = assetOf(fleet, `store ${store}`);
      if (!asset) return [];
      const touch = { ...touchTenants([tenant]), assets: [asset.id] };
      return [{ ...ALL, tenant: tenant.name, store, touch, who: `new rows of ${tenant.name} in ${store}` }];
    });
  });
}

/** Of the store that leaks, and of the slots in which it was measured. */
function leakingRegions(scene: Scene): ReadonlySet<string> {
  const asset = subjectAsset(scene);
  const own = asset?.kind === 'store' && asset.region !== null ? [asset.region] : [];
  const places = scene.evidence.flatMap(({ evidence: { where } }) => (Array.isArray(where) ? where : []));
  const measured = places.flatMap((place) => /^[^/]+\/([^/]+)\/\d+$/.exec(String(place))?.[1] ?? []);
  return new Set([...own, ...measured]);
}

/** Who is served where it may not be is refused everywhere: nobody knows which way leads there. */
function strayedScope(tenant: TenantView): Scope {
  return { ...ALL, tenant: tenant.name, touch: touchTenants([tenant]), who: tenant.name };
}

/** Its own ways lead to where it may be, by now: what is not served there is not served elsewhere either. */
function isLedHome(tenant: TenantView, { fleet }: Scene): boolean {
  const routes = routesOf(tenant, fleet);
  const isHome = (value: string | null) =>
    value?.split(' ').every((region) => tenant.regions.includes(region)) === true;
  return routes.length > 0 && routes.every(({ value }) => isHome(value));
}

/** The first routed workload that needs the accused asset. */
export function firstNeeding(scene: Scene): WorkloadView | undefined {
  const names = subjectAsset(scene)?.workloads ?? [];
  return scene.fleet.workloads.find((each) => each.routed && names.includes(each.name));
}

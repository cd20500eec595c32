import { checkContract } from './contract.ts';
import type { Complaint } from './manifest-document.ts';
import type { Profile } from './profile.ts';
import { type Kind, KINDS, type Resource, resourceKey } from './resource.ts';
import { suggestion } from './schema-issue.ts';
import type { Tenant } from './tenant.ts';
import type { Workload } from './workload.ts';

/** A complaint about one of the resources that were checked together. */
export interface ReferenceComplaint extends Complaint {
  readonly resource: Resource;
}

export interface ReferenceCheck {
  readonly errors: readonly ReferenceComplaint[];
  readonly warnings: readonly ReferenceComplaint[];
}

/** Names by kind: what may be referred to. */
type Names = Readonly<Record<Kind, ReadonlySet<string>>>;

/**
 * What only shows when all resources are seen together: names that nothing has, cycles, two that claim the same requests,
 * and contracts that loosen the law. `known` are further keys (`Tenant/shop`) that may be referred to; `builtin` are the
 * profiles that come with Kintsugi.
 */
export function checkReferences(
  resources: readonly Resource[],
  known: readonly string[],
  builtin: readonly Profile[],
): ReferenceCheck {
  const names = namesOf([...known, ...builtin.map(resourceKey), ...resources.map(resourceKey)]);
  const profiles = [...builtin, ...resources.filter((resource) => resource.kind === 'Profile')];
  const workloads = resources.filter((resource) => resource.kind === 'Workload');
  const tenants = resources.filter((resource) => resource.kind === 'Tenant');
  return {
    errors: [
      ...resources.flatMap((resource) => danglingNames(resource, names)),
      ...workloads.flatMap(unlistedPlaceholders),
      ...workloads.flatMap(certificateWithoutPlace),
      ...cycles(workloads),
      ...doubleClaims(tenants, tenantClaims),
      ...doubleClaims(workloads, routeClaims),
      ...tenants.flatMap((tenant) => checkContract(tenant, profiles).map((each) => ({ resource: tenant, ...each }))),
      ...resources.flatMap((resource) => reservedName(resource, builtin)),
      ...resources.flatMap((resource) => unknownControl(resource, profiles)),
    ],
    warnings: regionsWithoutWorkload(tenants, workloads),
  };
}

function namesOf(keys: readonly string[]): Names {
  const entries = KINDS.map((kind) => {
    const prefix = `${kind}/`;
    return [kind, new Set(keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)))];
  });
  return Object.fromEntries(entries) as Names;
}

function danglingNames(resource: Resource, names: Names): ReferenceComplaint[] {
  const check = (kind: Kind, field: string, list: readonly string[]) =>
    list.flatMap((name, index) => {
      if (names[kind].has(name)) return [];
      const message = `there is no ${kind} named ${name}${suggestion(name, names[kind])}`;
      return [{ resource, path: ['spec', field, index], message }];
    });
  switch (resource.kind) {
    case 'Workload':
      return check('Workload', 'dependsOn', resource.spec.dependsOn);
    case 'Tenant':
      return [...check('Profile', 'profiles', resource.spec.profiles), ...strangeKeys(resource)];
    case 'Exception':
      return check('Tenant', 'tenants', resource.spec.tenants);
    case 'Playbook':
    case 'Freeze':
      return check('Workload', 'workloads', resource.spec.workloads);
    case 'Profile':
    case 'Policy':
      return [];
  }
}

/** A certificate that is renewed lies in a data directory, which only workloads that keep data have. */
function certificateWithoutPlace(workload: Workload): ReferenceComplaint[] {
  if (!workload.spec.tls?.certificate || workload.spec.keepsData) return [];
  const message = 'lies in a data directory: the workload needs `keepsData: true`';
  return [{ resource: workload, path: ['spec', 'tls', 'certificate'], message }];
}

/** A way in for emergencies that no key opens is none. */
function strangeKeys(tenant: Tenant): ReferenceComplaint[] {
  const names = tenant.spec.identify.apiKeys.map(({ name }) => name);
  return tenant.spec.emergency.apiKeys.flatMap((name, index) => {
    if (names.includes(name)) return [];
    const message = `the tenant has no API key named ${name}${suggestion(name, names)}`;
    return [{ resource: tenant, path: ['spec', 'emergency', 'apiKeys', index], message }];
  });
}

/** What the law asks is not redefined under its own name. */
function reservedName(resource: Resource, builtin: readonly Profile[]): ReferenceComplaint[] {
  const { name } = resource.metadata;
  if (resource.kind !== 'Profile' || builtin.every((each) => each.metadata.name !== name)) return [];
  const message = `${name} comes with Kintsugi: leave this one out, or give it another name and list both at the tenant`;
  return [{ resource, path: ['metadata', 'name'], message }];
}

/** Profiles that are declared elsewhere may have the control: then only the server can tell. */
function unknownControl(resource: Resource, profiles: readonly Profile[]): ReferenceComplaint[] {
  if (resource.kind !== 'Exception') return [];
  const ids = profiles.flatMap(({ spec }) => spec.controls.map(({ id }) => id));
  const { control } = resource.spec;
  if (ids.includes(control)) return [];
  return [
    { resource, path: ['spec', 'control'], message: `no profile has a control ${control}${suggestion(control, ids)}` },
  ];
}

/** `${dependency.NAME.url}` stands for an address only when the workload says that it depends on NAME. */
function unlistedPlaceholders(workload: Workload): ReferenceComplaint[] {
  const { config, dependsOn } = workload.spec;
  return Object.entries(config).flatMap(([key, value]) =>
    [...value.matchAll(/\$\{dependency\.([^.}]*)\.[^}]*\}/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => !dependsOn.includes(name))
      .map((name) => ({
        resource: workload,
        path: ['spec', 'config', key],
        message: `names the dependency ${JSON.stringify(name)}, which spec.dependsOn does not list${suggestion(name, dependsOn)}`,
      })),
  );
}

/** Told at the workload that closes it. Without recursion: a chain may be as long as there are workloads. */
function cycles(workloads: readonly Workload[]): ReferenceComplaint[] {
  const byName = new Map(workloads.map((workload) => [workload.metadata.name, workload]));
  const done = new Set<string>();
  const found: ReferenceComplaint[] = [];
  for (const root of byName.keys()) {
    /** From the root to where the walk is, each with the dependencies that are still to be seen. */
    const trail = new Map<string, string[]>();
    let name: string | undefined = root;
    while (name !== undefined) {
      const workload = byName.get(name);
      if (!trail.has(name)) trail.set(name, done.has(name) ? [] : [...(workload?.spec.dependsOn ?? [])]);
      const next: string | undefined = trail.get(name)?.shift();
      if (next === undefined) {
        done.add(name);
        trail.delete(name);
        name = [...trail.keys()].at(-1);
      } else if (!trail.has(next)) {
        name = next;
      } else if (workload) {
        const names = [...trail.keys()];
        const cycle = [...names.slice(names.indexOf(next)), next].join(' -> ');
        const path = ['spec', 'dependsOn', workload.spec.dependsOn.indexOf(next)];
        found.push({ resource: workload, path, message: `is a cycle: ${cycle}` });
      }
    }
  }
  return found;
}

interface Claim {
  readonly claim: string;
  readonly what: string;
  readonly path: Complaint['path'];
}

/**
 * The first request that one of the resources named by `keys` claims and another claims too. Manifests are checked apart from
 * what others declared before: only who has all of it can tell.
 */
export function contested(all: readonly Resource[], keys: ReadonlySet<string>): ReferenceComplaint | undefined {
  // Those that were there come first, so that what is new is what is complained about.
  const ordered = all.toSorted((a, b) => Number(keys.has(resourceKey(a))) - Number(keys.has(resourceKey(b))));
  const found = [
    ...doubleClaims(
      ordered.filter((each) => each.kind === 'Tenant'),
      tenantClaims,
    ),
    ...doubleClaims(
      ordered.filter((each) => each.kind === 'Workload'),
      routeClaims,
    ),
  ];
  return found.find(({ resource }) => keys.has(resourceKey(resource)));
}

/** A request that two could claim belongs to neither: it would depend on chance whose data it touches. */
function doubleClaims<R extends Tenant | Workload>(
  resources: readonly R[],
  claimsOf: (resource: R) => readonly Claim[],
): ReferenceComplaint[] {
  const owners = new Map<string, R>();
  const found: ReferenceComplaint[] = [];
  for (const resource of resources) {
    for (const { claim, what, path } of claimsOf(resource)) {
      const owner = owners.get(claim);
      if (!owner) owners.set(claim, resource);
      else if (owner !== resource)
        found.push({ resource, path, message: `${what} is claimed by ${resourceKey(owner)} too` });
    }
  }
  return found;
}

function tenantClaims(tenant: Tenant): Claim[] {
  const { hosts, pathPrefixes, headers, apiKeys } = tenant.spec.identify;
  const at = (field: string, index: number, ...rest: string[]) => ['spec', 'identify', field, index, ...rest];
  return [
    ...hosts.map((host, index) => ({
      claim: `host ${host.toLowerCase()}`,
      what: `the host ${JSON.stringify(host)}`,
      path: at('hosts', index),
    })),
    ...pathPrefixes.map((prefix, index) => ({
      claim: `path ${withoutSlash(prefix)}`,
      what: `the path ${JSON.stringify(prefix)}`,
      path: at('pathPrefixes', index),
    })),
    ...headers.map(({ name, value }, index) => ({
      claim: `header ${name.toLowerCase()} ${value}`,
      what: `this value of the header ${JSON.stringify(name)}`,
      path: at('headers', index),
    })),
    ...apiKeys.map(({ name, sha256 }, index) => ({
      claim: `key ${sha256}`,
      what: `the API key ${name}`,
      path: at('apiKeys', index, 'sha256'),
    })),
  ];
}

function routeClaims(workload: Workload): Claim[] {
  const prefix = workload.spec.route?.pathPrefix;
  if (prefix === undefined) return [];
  return [
    { claim: withoutSlash(prefix), what: `the path ${JSON.stringify(prefix)}`, path: ['spec', 'route', 'pathPrefix'] },
  ];
}

function withoutSlash(prefix: string): string {
  return prefix.replace(/\/+$/, '');
}

/** Only a doubt: instances may come later. Without a single workload there is nothing to compare with. */
function regionsWithoutWorkload(tenants: readonly Tenant[], workloads: readonly Workload[]): ReferenceComplaint[] {
  if (workloads.length === 0) return [];
  const regions = new Set(workloads.flatMap((workload) => Object.keys(workload.spec.instances)));
  return tenants.flatMap((tenant) =>
    tenant.spec.regions.flatMap((region, index) => {
      if (regions.has(region)) return [];
      const message = `no workload has instances in ${region}${suggestion(region, regions)}`;
      return [{ resource: tenant, path: ['spec', 'regions', index], message }];
    }),
  );
}

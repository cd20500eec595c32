import { dirname } from 'node:path';
import type { TenantDoor } from '../observe/facts/gateway-request.ts';
import type { RegionalStore } from '../observe/facts/tenant-stores.ts';
import type { TlsListener } from '../observe/facts/tls-listeners.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Redacted } from '../base/redacted.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import type { Secrets } from './instance-environment.ts';
import type { StoreAddress } from './postgresql/store.ts';
import { rootsIn } from './tls-roots.ts';
import type { World } from './world.ts';

/** What probes of Kintsugi's own show. */
export interface Canary {
  /** Marks a request on record as a probe. */
  readonly token: () => Redacted<string>;
  /** The key of a tenant that is nobody, and may be nowhere. */
  readonly key: () => Redacted<string>;
}

/** What collectors may look at. */
export interface CollectorSituation {
  readonly world: World;
  readonly secrets: Secrets;
  readonly state: StateDirectory;
  readonly canary: Canary;
  /** The numbers that the law of a tenant asks for in checks of a fact, in ascending order. */
  readonly demanded: (tenant: string, fact: FactName) => readonly number[];
  readonly clock: Clock;
  readonly random: Random;
}

/** Where Kintsugi itself listens on this machine. */
export interface OwnPorts {
  readonly gateway: number;
  readonly api: number;
  readonly scheme: 'http' | 'https';
  /** Where gateways carry what workloads ask of each other, at the address of each region. */
  readonly internal: number;
  readonly regions: readonly string[];
  /** Where the gateways have their certificate and key, and how many of them there are; undefined where they speak plain text. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly workers: number } | undefined;
}

/** How Kintsugi itself is kept. */
export interface OwnKeeping {
  /** By which the command line is run. */
  readonly command: readonly string[];
  /** Folder of the keys that wrap all others. */
  readonly keys: string;
  /** Why the record lies in a database that is not on this machine; undefined when it does not. */
  readonly elsewhere: string | undefined;
}

const HERE = '127.0.0.1';

/** The declared stores of now, as collectors enter them. A store bears on every tenant that may be in its region. */
export function postgresPlaces(world: World, addresses: readonly StoreAddress[]): readonly RegionalStore[] {
  return addresses.map(({ id, ...address }) => {
    const { region } = address;
    const neighbours = addresses.flatMap((each) => (areJudgedAlike(each, address) ? (each.role?.user ?? []) : []));
    const first = addresses.find((each) => areJudgedAlike(each, address) && each.database === address.database);
    const isToldOf = first !== undefined && first.id !== id;
    const siblings = addresses.filter((each) => each.server === address.server && each.region === region);
    return {
      ...address,
      subject: `postgresql/${id}`,
      tenants: tenantsIn(world, region),
      neighbours,
      isToldOf,
      siblings,
    };
  });
}

/** Two stores on one server of which the first says what its role may have, and is divided by policies: that is measured there. */
function areJudgedAlike(one: StoreAddress, other: Pick<StoreAddress, 'server' | 'region'>): boolean {
  const { server, region, rowSecurity, privileges } = one;
  return server === other.server && region === other.region && rowSecurity && privileges.length > 0;
}

/** The doors of the gateways and of the API, and every PostgreSQL server behind a store. */
export function tlsListenersOf(
  world: World,
  addresses: readonly StoreAddress[],
  ports: OwnPorts,
): readonly TlsListener[] {
  const renewal = world.declared.policy?.spec.gatewayCertificate;
  const anyHost = world.declared.tenants.flatMap(({ spec }) => spec.identify.hosts)[0] ?? HERE;
  const roots = ports.tls ? rootsIn(dirname(ports.tls.certFile), renewal?.authorityFile) : {};
  const own: readonly TlsListener[] = [
    {
      subject: `gateway/${ports.gateway}`,
      tenants: 'all',
      host: HERE,
      port: ports.gateway,
      serverName: renewal?.serverName ?? anyHost,
      ...roots,
      isAdmin: false,
    },
    { subject: `api/${ports.api}`, tenants: 'all', host: HERE, port: ports.api, isAdmin: true },
  ];
  const servers = new Map(addresses.map((each) => [`postgresql/${each.server}/${each.region}`, each]));
  const databases = [...servers].map(([subject, { host, port, region }]): TlsListener => {
    return { subject, tenants: tenantsIn(world, region), host, port, upgrade: 'postgresql', isAdmin: false };
  });
  return [...own, ...databases];
}

/** A way to the address of each tenant that has one: its host, else a path, else a header. */
export function tenantDoors({ declared }: World, { gateway, scheme }: OwnPorts): readonly TenantDoor[] {
  return declared.tenants.flatMap(({ metadata: { name }, spec: { identify, requireKey } }) => {
    const { hosts, pathPrefixes, headers } = identify;
    const [header] = headers;
    if (hosts.length + pathPrefixes.length + headers.length === 0) return [];
    const door = { subject: name, tenants: [name], scheme, host: HERE, port: gateway, requireKey };
    const isPath = hosts.length === 0 && pathPrefixes.length > 0;
    const named = header && hosts.length === 0 && !isPath ? { [header.name]: header.value } : {};
    return [{ ...door, hostName: hosts[0], pathPrefix: isPath ? (pathPrefixes[0] ?? '') : '', headers: named }];
  });
}

/**
 * The gateways at the path of a workload, as a tenant enters them by its key alone; undefined where no workload has a public
 * path.
 */
export function publicDoor({ declared }: World, { gateway, scheme }: OwnPorts): TenantDoor | undefined {
  const pathPrefix = declared.workloads.flatMap(({ spec }) => spec.route?.pathPrefix ?? [])[0];
  if (pathPrefix === undefined) return undefined;
  const way = { scheme, host: HERE, port: gateway, hostName: undefined, pathPrefix, headers: {}, requireKey: true };
  return { subject: 'gateway', tenants: [], ...way };
}

export function tenantsIn({ declared }: World, region: string): readonly string[] {
  return declared.tenants.filter(({ spec }) => spec.regions.includes(region)).map(({ metadata }) => metadata.name);
}

import { hash, timingSafeEqual } from 'node:crypto';
import type { Snapshot } from './snapshot.ts';

export type TenantEntry = Snapshot['tenants'][number];
export type RouteEntry = Snapshot['routes'][number];
export type InstanceEntry = Snapshot['instances'][number];

/** A tenant found by its path prefix, and the path that is left when the prefix is taken away. */
export interface TenantAtPath {
  readonly tenant: TenantEntry;
  readonly rest: string;
}

/** A tenant found by an API key. */
export interface TenantByKey {
  readonly tenant: TenantEntry;
  /** As its manifest calls the key. */
  readonly keyName: string;
}

interface KeyEntry extends TenantByKey {
  readonly digest: Buffer;
}

const KEY_BUCKET_CHARS = 4;

/**
 * A snapshot arranged for look-ups. Where two tenants claim the same host, prefix, header or key, neither is found by it:
 * a doubt about whose request it is must not be settled by the order of a list.
 */
export class RoutingTable {
  readonly snapshot: Snapshot;
  readonly #byName = new Map<string, TenantEntry>();
  readonly #byHost = new Map<string, TenantEntry | null>();
  readonly #byPrefix = new Map<string, TenantEntry | null>();
  readonly #byHeader = new Map<string, Map<string, TenantEntry | null>>();
  readonly #keys = new Map<string, KeyEntry[]>();
  readonly #routesByPrefix = new Map<string, RouteEntry | null>();
  readonly #routesByWorkload = new Map<string, RouteEntry>();
  readonly #tenantPrefixChars: number;
  readonly #routePrefixChars: number;

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
    for (const tenant of snapshot.tenants) this.#addTenant(tenant);
    for (const route of snapshot.routes) {
      if (!this.#routesByWorkload.has(route.workload)) this.#routesByWorkload.set(route.workload, route);
      if (route.pathPrefix !== null) claim(this.#routesByPrefix, withoutEndSlash(route.pathPrefix), route);
    }
    this.#tenantPrefixChars = longest(this.#byPrefix);
    this.#routePrefixChars = longest(this.#routesByPrefix);
  }

  tenantNamed(name: string): TenantEntry | undefined {
    return this.#byName.get(name);
  }

  /** By a host name in lower case and without port. */
  tenantAtHost(host: string): TenantEntry | undefined {
    return this.#byHost.get(host) ?? undefined;
  }

  /** By the longest path prefix that ends at a segment's border. */
  tenantAtPath(path: string): TenantAtPath | undefined {
    const hit = longestPrefix(this.#byPrefix, path, this.#tenantPrefixChars);
    return hit && { tenant: hit.value, rest: path.slice(hit.prefix.length) || '/' };
  }

  tenantByHeader(headers: Readonly<Record<string, string | string[] | undefined>>): TenantEntry | undefined {
    for (const [name, values] of this.#byHeader) {
      const value = headers[name];
      const tenant = typeof value === 'string' ? values.get(value) : undefined;
      if (tenant) return tenant;
    }
    return undefined;
  }

  /**
   * By an API key. Only hashes are known; a few characters of the hash choose a bucket and the rest is compared in
   * constant time, so that time tells nothing that helps to find a key.
   */
  tenantByKey(key: string): TenantByKey | undefined {
    const digest = hash('sha256', key, 'buffer');
    let found: TenantByKey | undefined;
    for (const entry of this.#keys.get(digest.toString('hex').slice(0, KEY_BUCKET_CHARS)) ?? []) {
      if (timingSafeEqual(entry.digest, digest)) found = entry;
    }
    return found;
  }

  /** The public route with the longest prefix of this path. */
  routeAtPath(path: string): RouteEntry | undefined {
    return longestPrefix(this.#routesByPrefix, path, this.#routePrefixChars)?.value;
  }

  routeOf(workload: string): RouteEntry | undefined {
    return this.#routesByWorkload.get(workload);
  }

  /** Whether this table was written later than the other: a later leader, or a later revision of the same one. */
  isNewerThan(other: RoutingTable): boolean {
    const [mine, theirs] = [this.snapshot, other.snapshot];
    return mine.epoch !== theirs.epoch ? mine.epoch > theirs.epoch : mine.revision > theirs.revision;
  }

  #addTenant(tenant: TenantEntry): void {
    this.#byName.set(tenant.name, tenant);
    for (const host of tenant.hosts) claim(this.#byHost, host.toLowerCase(), tenant);
    for (const prefix of tenant.pathPrefixes) claim(this.#byPrefix, withoutEndSlash(prefix), tenant);
    for (const { name, value } of tenant.headers) {
      const values = this.#byHeader.get(name.toLowerCase()) ?? new Map<string, TenantEntry | null>();
      this.#byHeader.set(name.toLowerCase(), values);
      claim(values, value, tenant);
    }
    for (const [at, hex] of tenant.apiKeySha256.entries())
      this.#addKey(hex, tenant, tenant.apiKeyNames[at] ?? String(at));
  }

  #addKey(hex: string, tenant: TenantEntry, keyName: string): void {
    const digest = Buffer.from(hex, 'hex');
    if (digest.length !== 32) return;
    const bucket = this.#keys.get(hex.slice(0, KEY_BUCKET_CHARS)) ?? [];
    const others = bucket.filter((entry) => !entry.digest.equals(digest));
    if (bucket.every((entry) => !entry.digest.equals(digest) || entry.tenant === tenant))
      others.push({ digest, tenant, keyName });
    this.#keys.set(hex.slice(0, KEY_BUCKET_CHARS), others);
  }
}

function claim<T>(map: Map<string, T | null>, key: string, value: T): void {
  const before = map.get(key);
  map.set(key, before === undefined || before === value ? value : null);
}

function withoutEndSlash(prefix: string): string {
  return prefix.replace(/\/+$/, '');
}

function longest(map: ReadonlyMap<string, unknown>): number {
  let chars = 0;
  for (const key of map.keys()) chars = Math.max(chars, key.length);
  return chars;
}

/** Cuts the path at its slashes, longest first. Starts at the longest prefix there is, so that long paths cost nothing. */
function longestPrefix<T>(map: ReadonlyMap<string, T | null>, path: string, charsMax: number) {
  let end = path.length <= charsMax ? path.length : path.lastIndexOf('/', charsMax);
  while (end >= 0) {
    const prefix = path.slice(0, end);
    const value = map.get(prefix);
    if (value) return { prefix, value };
    end = end === 0 ? -1 : path.lastIndexOf('/', end - 1);
  }
  return undefined;
}

import type { TenantEntry } from './routing-table.ts';

/**
 * The class of routes, of those that the tenant has objectives for, that a request counts for: the first whose methods
 * and path it fits, undefined for none. A prefix ends at a slash, so that `/charges` is no part of `/charges-old`.
 */
export function routeClassOf({ routeClasses }: TenantEntry, method: string, path: string): string | undefined {
  return routeClasses.find(
    ({ methods, pathPrefix }) => (methods.length === 0 || methods.includes(method)) && isBelow(path, pathPrefix),
  )?.name;
}

function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || prefix.endsWith('/') || path[prefix.length] === '/';
}

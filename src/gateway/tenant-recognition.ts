import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorCode } from '../base/error-catalogue.ts';
import type { RoutingTable, TenantEntry } from './routing-table.ts';

/** Whose request it is, or why nobody's. */
export type Recognition =
  | {
      readonly kind: 'tenant';
      readonly tenant: TenantEntry;
      /** The path with the tenant's own prefix taken away. */
      readonly path: string;
      /** Whether the Authorization header was the tenant's API key and must not be passed on. */
      readonly keyInAuthorization: boolean;
      /** Name of the API key, if it came with one. */
      readonly keyName: string | undefined;
    }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      /** Whose address was called, when that much is known. */
      readonly tenant: TenantEntry | undefined;
    };

const BEARER = /^bearer +([^\s]+)$/i;

/**
 * Finds the tenant by API key, else by host, path prefix or header, in this order. A key never counts for the address of
 * another tenant, and where a key is required nothing else replaces it. Refusals say nothing about which tenants exist.
 */
export function recogniseTenant(table: RoutingTable, headers: IncomingHttpHeaders, path: string): Recognition {
  const atPath = table.tenantAtPath(path);
  const addressed = table.tenantAtHost(hostName(headers.host ?? '')) ?? atPath?.tenant ?? table.tenantByHeader(headers);
  const explicitKey = headers['x-api-key'];
  const bearer = explicitKey === undefined ? BEARER.exec(headers.authorization ?? '')?.[1] : undefined;
  const key = typeof explicitKey === 'string' ? explicitKey : bearer;
  const hit = key === undefined ? undefined : table.tenantByKey(key);
  const owner = hit?.tenant;
  if (!owner) {
    // A foreign bearer token may be the application's own; a wrong x-api-key is meant for us and is always wrong.
    if (explicitKey !== undefined) return refused('gateway.unauthorized', addressed);
    if (!addressed) return refused(key === undefined ? 'gateway.unknown' : 'gateway.unauthorized', undefined);
    if (addressed.requireKey) return refused('gateway.unauthorized', addressed);
  }
  if (owner && addressed && owner.name !== addressed.name) return refused('gateway.forbidden', addressed);
  const tenant = owner ?? addressed;
  if (!tenant) return refused('gateway.unknown', undefined);
  return {
    kind: 'tenant',
    tenant,
    path: atPath?.tenant.name === tenant.name ? atPath.rest : path,
    keyInAuthorization: owner !== undefined && bearer !== undefined,
    keyName: hit?.keyName,
  };
}

function refused(code: ErrorCode, tenant: TenantEntry | undefined): Recognition {
  return { kind: 'refused', code, tenant };
}

/** `Api.Example.org.:8080` -> `api.example.org`. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
}

import type { SnapshotContent } from '../gateway/snapshot-writer.ts';
import { regionAddress } from '../base/region-address.ts';
import type { World } from './world.ts';

/** The gateways' routing as it follows from the world: only what is ready gets requests. */
export function routingOf(world: World): SnapshotContent {
  const { tenants, workloads, mitigations } = world.declared;
  return {
    tenants: tenants.map(({ metadata, spec }) => {
      const own = mitigations.filter((each) => each.tenant === metadata.name);
      const throttle = own.find((each) => each.kind === 'throttle');
      return {
        name: metadata.name,
        regions: spec.regions,
        hosts: spec.identify.hosts,
        pathPrefixes: spec.identify.pathPrefixes,
        headers: spec.identify.headers,
        apiKeySha256: spec.identify.apiKeys.map((key) => key.sha256),
        requireKey: spec.requireKey,
        limits: spec.limits,
        audit: spec.audit,
        throttle: throttle
          ? { requestsPerSecond: throttle.requestsPerSecond, concurrency: throttle.concurrency }
          : null,
        quarantined: own.some((each) => each.kind === 'quarantine'),
      };
    }),
    routes: workloads.map(({ name, spec }) => ({
      workload: name,
      pathPrefix: spec.route?.pathPrefix ?? null,
      timeoutMs: spec.route?.timeoutMs ?? 10_000,
      tryTimeoutMs: spec.route?.tryTimeoutMs ?? 2_000,
      safeMethods: spec.route?.safeMethods ?? ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'],
    })),
    instances: world
      .instances()
      .filter((each) => each.role === 'occupant' && (each.ready || world.draining.has(each.id)))
      .map((each) => ({
        id: each.id,
        workload: each.workload,
        version: each.version,
        region: each.region,
        host: world.child(each.id)?.host ?? regionAddress(each.region),
        port: world.child(each.id)?.port ?? 0,
        state: world.draining.has(each.id) ? ('draining' as const) : ('ready' as const),
      })),
  };
}

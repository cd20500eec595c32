import type { FleetView, InstanceView, TenantView, VersionView, WorkloadView } from '../../src/diagnose/fleet-view.ts';

/** Pictures of a fleet at second 100, with what a test does not care about filled in. */
export const AT = 100_000;

export function instanceView(id: string, more: Partial<InstanceView> = {}): InstanceView {
  const [workload = id, ordinal = '0'] = id.split('-');
  const place = { workload, version: 1, region: 'eu', ordinal: Number(ordinal), role: 'occupant' as const, host: 'a' };
  return { id, ...place, running: true, ready: true, seenAt: AT, startedAt: 0, ...more };
}

export function versionView(version: number, more: Partial<VersionView> = {}): VersionView {
  const digests = { artefactDigest: `artefact-${version}`, configDigest: `config-${version}` };
  return { version, ...digests, createdAt: version, promotedAt: version, rejectedAt: null, ...more };
}

export function workloadView(name: string, more: Partial<WorkloadView> = {}): WorkloadView {
  return {
    name,
    revision: 7,
    targetVersion: 1,
    phase: 'steady',
    phaseSince: 0,
    replacement: 'parallel',
    dependsOn: [],
    wanted: { eu: 3 },
    instances: [0, 1, 2].map((ordinal) => instanceView(`${name}-${ordinal}`)),
    versions: [versionView(1)],
    routed: true,
    keepsData: false,
    external: false,
    ...more,
  };
}

export function tenantView(name: string, more: Partial<TenantView> = {}): TenantView {
  const limits = { requestsPerSecond: 200, concurrency: 64 };
  return {
    name,
    regions: ['eu'],
    profiles: [],
    processors: [],
    hasEmergencyAccess: false,
    dataClasses: ['personal'],
    limits,
    mitigations: [],
    ...more,
  };
}

export function fleetView(workloads: readonly WorkloadView[], tenants = [tenantView('shop')]): FleetView {
  return { at: AT, workloads, tenants, settings: [], assets: [], actors: [], room: { eu: 10, us: 10 } };
}

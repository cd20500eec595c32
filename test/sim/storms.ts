import type { Subject, Symptom } from '../../src/detect/symptom.ts';
import type { FleetView, InstanceView, WorkloadView } from '../../src/diagnose/fleet-view.ts';
import { AT, fleetView, instanceView, tenantView, workloadView } from './fleet-views.ts';
import { assetNamed, seen, tenantNamed, workloadNamed } from './symptoms.ts';

/** A fleet in trouble, with about as many symptoms as were asked for. */
export interface Storm {
  readonly fleet: FleetView;
  readonly claims: readonly Symptom[];
}

/** What one incident is to be made of, by what is shared. */
export const STORMS: Readonly<Record<string, (symptoms: number) => Storm>> = {
  'a region that fell silent': (symptoms) => {
    const fleet = fleetOf(20, symptoms / 20);
    const claims = instancesOf(fleet)
      .filter(({ region }) => region === 'eu')
      .flatMap((each) => [seen('hung', subjectOf(each)), seen('probe-failed', subjectOf(each))]);
    return { fleet, claims };
  },
  'deaths that nothing explains': (symptoms) => {
    const fleet = fleetOf(100, symptoms / 50);
    const dead = instancesOf(fleet).filter(({ ordinal }) => ordinal < symptoms / 100);
    return { fleet, claims: dead.map((each) => seen('exited', subjectOf(each))) };
  },
  'all certificates expired': (symptoms) => {
    const names = Array.from({ length: symptoms }, (_, at) => `certificate c${at}`);
    return { fleet: fleetOf(10, 3), claims: names.map((name) => seen('asset-expired', assetNamed(name))) };
  },
  'a setting of what all tenants use': (symptoms) => {
    const fleet = fleetOf(20, 3, symptoms / 2);
    const before = { value: '10', at: 0, by: 'person anna', soakedAt: 10 };
    const after = { value: '1', at: AT - 21_000, by: 'person bert', soakedAt: null };
    const setting = {
      id: 'w0/POOL_SIZE',
      kind: 'config' as const,
      workloads: ['w0'],
      tenant: null,
      revision: 2,
      value: '1',
      declared: '10',
      needsRestart: false,
      history: [before, after],
    };
    const whole = seen('workload-errors', workloadNamed('w0'), {
      tenantsFailing: symptoms / 2,
      tenantsSeen: symptoms / 2,
    });
    return { fleet: { ...fleet, settings: [setting] }, claims: [whole, ...ofTenants(fleet)] };
  },
  'tenants that all fail, nobody knows why': (symptoms) => {
    const fleet = fleetOf(20, 3, symptoms / 2);
    return { fleet, claims: ofTenants(fleet) };
  },
  'a tree of callers above one that fails': (symptoms) => {
    const fleet = fleetOf(symptoms / 4, 1, symptoms / 4, (at) => (at === 0 ? [] : [`w${Math.floor((at - 1) / 3)}`]));
    const claims = fleet.workloads.flatMap(({ name, dependsOn: [callee] }) => [
      seen('workload-errors', workloadNamed(name)),
      seen('workload-slow', workloadNamed(name)),
      ...(callee === undefined ? [] : [seen('calls-failing', workloadNamed(callee), { callers: [name] })]),
    ]);
    return { fleet, claims: [...claims, ...burningOf(fleet)] };
  },
  'versions that are all worse': (symptoms) => {
    const fleet = fleetOf(symptoms / 2, 1);
    const claims = fleet.workloads.flatMap(({ name }) => {
      const subject: Subject = { kind: 'version', name: `${name}@1`, workload: name, version: 1 };
      return [seen('version-errors', subject), seen('workload-errors', workloadNamed(name))];
    });
    return { fleet, claims };
  },
  'slow instances all over': (symptoms) => {
    const fleet = fleetOf(50, symptoms / 25);
    const slow = instancesOf(fleet).filter(({ ordinal }) => ordinal < symptoms / 50);
    return { fleet, claims: slow.map((each) => seen('instance-slow', subjectOf(each))) };
  },
};

function fleetOf(
  workloads: number,
  instances: number,
  tenants = 1,
  dependsOn: (at: number) => readonly string[] = () => [],
): FleetView {
  const all = Array.from({ length: workloads }, (_, at): WorkloadView => {
    const name = `w${at}`;
    const own = Array.from({ length: instances }, (_, ordinal) =>
      instanceView(`${name}-${ordinal}`, { region: ordinal % 2 === 0 ? 'eu' : 'us', host: `h${ordinal % 100}` }),
    );
    return workloadView(name, { dependsOn: dependsOn(at), instances: own });
  });
  return fleetView(
    all,
    Array.from({ length: tenants }, (_, at) => tenantView(`t${at}`)),
  );
}

function instancesOf({ workloads }: FleetView): readonly InstanceView[] {
  return workloads.flatMap(({ instances }) => instances);
}

function subjectOf({ id, workload, version }: InstanceView): Subject {
  return { kind: 'instance', name: id, workload, version };
}

function ofTenants(fleet: FleetView): readonly Symptom[] {
  const failing = fleet.tenants.map(({ name }) => seen('tenant-errors', tenantNamed(name), { workload: 'w0' }));
  return [...burningOf(fleet), ...failing];
}

function burningOf({ tenants }: FleetView): readonly Symptom[] {
  return tenants.map(({ name }) => seen('objective-burning', tenantNamed(name)));
}

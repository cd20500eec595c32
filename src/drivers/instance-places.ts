import { join } from 'node:path';
import { regionAddress } from '../base/region-address.ts';
import type { AccountStore } from '../observe/facts/unused-accounts.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import type { IsolationInstance } from '../observe/facts/api-isolation.ts';
import type { CardInstance } from '../observe/facts/card-trials.ts';
import type { BackedStore } from '../observe/facts/backups.ts';
import type { KeyedStore } from '../observe/facts/column-keys.ts';
import type { EncryptedStore } from '../observe/facts/encrypted-columns.ts';
import type { KeptStore } from '../observe/facts/expired-rows.ts';
import type { DescribedStore } from '../observe/facts/stored-data.ts';
import type { ErasureInstance } from '../observe/facts/erasure-trials.ts';
import type { HttpInstance } from '../observe/facts/instance-clocks.ts';
import type { RestrictionInstance } from '../observe/facts/restriction-trials.ts';
import type { SessionPlace } from '../observe/facts/session-calls.ts';
import type { RunningArtefact } from '../observe/facts/software.ts';
import type { RegionalStore } from '../observe/facts/tenant-stores.ts';
import type { TlsListener } from '../observe/facts/tls-listeners.ts';
import type { InstanceView } from '../diagnose/fleet-view.ts';
import type { Workload } from '../resources/workload.ts';
import { tenantsIn } from './collector-places.ts';
import type { Slot } from './declared.ts';
import { rootsIn } from './tls-roots.ts';
import type { CertificatePlace } from './tls/tls-parts.ts';
import type { BackupProgram } from './backup/backup-parts.ts';
import type { Secrets } from './instance-environment.ts';
import type { World } from './world.ts';

interface ReadyInstance {
  readonly view: InstanceView & { readonly slot: Slot };
  readonly host: string;
  readonly port: number;
  /** Of the version that it runs. */
  readonly spec: Workload['spec'];
}

/** Instances that serve now, at the port that they were given, with what they were started from. */
function readyInstances(world: World): readonly ReadyInstance[] {
  return world.instances().flatMap((view) => {
    const port = world.child(view.id)?.port ?? 0;
    const spec = world.version(view.workload, view.version)?.spec;
    return view.ready && port > 0 && spec ? [{ view, host: regionAddress(view.region), port, spec }] : [];
  });
}

function slotOf({ workload, region, ordinal }: InstanceView): string {
  return `${workload}/${region}/${ordinal}`;
}

/** Those that answer HTTP, by slot: `records/eu/0` stays when its instance goes. */
export function httpInstances(world: World): readonly HttpInstance[] {
  return readyInstances(world).flatMap(({ view, host, port, spec }): readonly HttpInstance[] => {
    if (spec.readiness.type !== 'http' || view.role !== 'occupant') return [];
    return [{ subject: slotOf(view), tenants: tenantsIn(world, view.region), host, port, path: spec.readiness.path }];
  });
}

/** Those that say how the isolation of their API is tried; also one that is on its way into a slot, since it may serve. */
export function trialInstances(world: World): readonly IsolationInstance[] {
  return readyInstances(world).flatMap(({ view, host, port, spec }) =>
    spec.isolationTrial
      ? [{ id: view.id, slot: slotOf(view), region: view.region, host, port, recipe: spec.isolationTrial }]
      : [],
  );
}

/** Those that take cards, with the stores of their workload in their region. */
export function cardInstances(world: World, stores: readonly RegionalStore[]): readonly CardInstance[] {
  return readyInstances(world).flatMap(({ view: { id, region }, host, port, spec }): readonly CardInstance[] => {
    if (!spec.cardTrial) return [];
    const names = spec.stores.map(({ name }) => `postgresql/${name}/${region}`);
    const own = stores.filter(({ subject }) => names.includes(subject));
    return [{ id, region, host, port, recipe: spec.cardTrial, tenants: tenantsIn(world, region), stores: own }];
  });
}

/** Those that say how a person is erased, with the stores of their workload in their region. */
export function erasureInstances(world: World, stores: readonly RegionalStore[]): readonly ErasureInstance[] {
  return readyInstances(world).flatMap(({ view, host, port, spec }): readonly ErasureInstance[] => {
    if (!spec.erasureTrial || view.role !== 'occupant') return [];
    const { id, workload, region } = view;
    const names = spec.stores.map(({ name }) => `postgresql/${name}/${region}`);
    const own = stores.filter(({ subject }) => names.includes(subject));
    const place = { id, workload, region, host, port, tenants: tenantsIn(world, region) };
    return [{ ...place, recipe: spec.erasureTrial, stores: own }];
  });
}

/** Those that say how processing is restricted. */
export function restrictionInstances(world: World): readonly RestrictionInstance[] {
  return readyInstances(world).flatMap(({ view, host, port, spec }): readonly RestrictionInstance[] => {
    if (!spec.restrictionTrial || view.role !== 'occupant') return [];
    const { id, workload, region } = view;
    return [{ id, workload, region, host, port, tenants: tenantsIn(world, region), recipe: spec.restrictionTrial }];
  });
}

/** Those that say how their accounts and sessions are tried. */
export function sessionInstances(world: World, secrets: Secrets): readonly SessionPlace[] {
  return readyInstances(world).flatMap(({ view, host, port, spec }): readonly SessionPlace[] => {
    if (!spec.sessionTrial || view.role !== 'occupant') return [];
    const { id, workload, region } = view;
    const { secret: name } = spec.sessionTrial.account;
    const secret = name === undefined ? undefined : secrets.read(name);
    const place = { subject: `${workload}/${region}`, tenants: tenantsIn(world, region), workload, instance: id };
    return [{ ...place, host, port, recipe: spec.sessionTrial, secret }];
  });
}

/** The ports of instances that speak TLS, by slot. Who cannot be trusted for lack of its roots fails by its chain. */
export function tlsInstances(world: World, state: StateDirectory): readonly TlsListener[] {
  return readyInstances(world).flatMap(({ view, host, port, spec }): readonly TlsListener[] => {
    if (!spec.tls || view.role !== 'occupant') return [];
    const { serverName, authorityFile } = spec.tls;
    const { workload, region, ordinal } = view;
    const roots = rootsIn(join(state.data, workload, `${region}-${ordinal}`), authorityFile);
    const subject = `${workload}/${region}/${ordinal}`;
    return [{ subject, tenants: tenantsIn(world, region), host, port, serverName, isAdmin: false, ...roots }];
  });
}

/** The listeners whose certificate a workload lets be renewed, as declared now: one for each slot. */
export function certificatePlaces(world: World, state: StateDirectory): readonly CertificatePlace[] {
  return world.declared.workloads.flatMap(({ name: workload, spec, slots }): readonly CertificatePlace[] => {
    const { certificate, serverName, authorityFile } = spec.tls ?? {};
    if (!certificate || serverName === undefined) return [];
    return slots.map(({ region, ordinal, instance }) => {
      const folder = join(state.data, workload, `${region}-${ordinal}`);
      const port = world.child(instance ?? '')?.port ?? 0;
      const roots = rootsIn(folder, authorityFile);
      const listener = { subject: `${workload}/${region}/${ordinal}`, host: regionAddress(region), port, serverName };
      return { ...listener, ...roots, workloads: [workload], region, instance, folder, certificate };
    });
  });
}

/** Stores whose server is backed up by a workload that keeps its data on this machine, in the same region. */
export function backedStores(
  world: World,
  stores: readonly RegionalStore[],
  state: StateDirectory,
): readonly BackedStore[] {
  const { workloads } = world.declared;
  const places = workloads.flatMap(({ spec, slots, name }) =>
    spec.backs && spec.keepsData ? slots.map((slot) => ({ server: spec.backs!.server, name, slot })) : [],
  );
  return stores.flatMap((store) => {
    const place = places.find(({ server, slot }) => server === store.server && slot.region === store.region);
    if (!place) return [];
    const { name, slot } = place;
    const folder = join(state.data, name, `${slot.region}-${slot.ordinal}`);
    return [{ ...store, folder, backupRegion: slot.region }];
  });
}

/** Instances that start a backup when they are asked to, with the server in their region that they back up. */
export function backupPrograms(world: World): readonly BackupProgram[] {
  return readyInstances(world).flatMap(({ view, host, port, spec }): readonly BackupProgram[] => {
    const { server, startPath } = spec.backs ?? {};
    if (startPath === undefined || view.role !== 'occupant') return [];
    const { workload, region, ordinal } = view;
    const slot = `${workload}/${region}/${ordinal}`;
    return [
      {
        slot,
        workload,
        region,
        stores: [`store postgresql/${server}/${region}`],
        url: `http://${host}:${port}${startPath}`,
      },
    ];
  });
}

/** Stores with what their workload says of the data in them. */
export function declaredStores(
  world: World,
  stores: readonly RegionalStore[],
): readonly (EncryptedStore & DescribedStore & KeptStore & KeyedStore & AccountStore)[] {
  const declared = world.declared.workloads.flatMap(({ name: workload, spec }) =>
    spec.stores.map((each) => ({ ...each, workload })),
  );
  const ready = readyInstances(world);
  return stores.map((store) => {
    const spec = declared.find(({ name }) => store.subject === `postgresql/${name}/${store.region}`);
    const { encrypted = [], personal = [], retention = [], accounts = [], keys } = spec ?? {};
    const instance = ready.find(({ view }) => view.workload === spec?.workload && view.region === store.region);
    const applications = declared.flatMap(({ server, role }) => (server === store.server && role ? [role.user] : []));
    const described = [...personal, ...encrypted];
    return { ...store, encrypted, described, retention, accounts, applications, keys, instance };
  });
}

/** Artefacts of the versions that run now. */
export function runningArtefacts(world: World): readonly RunningArtefact[] {
  const running = world.instances().filter((each) => each.running);
  const pairs = running.flatMap(({ workload, version }) => {
    const path = world.version(workload, version)?.artefactPath;
    return path === undefined ? [] : [[`${workload} ${path}`, { workload, path }] as const];
  });
  return [...new Map(pairs).values()];
}

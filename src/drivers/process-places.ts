import { regionAddress } from '../base/region-address.ts';
import type { RunningComponent } from '../observe/facts/component-inventory.ts';
import type { ApprovedPort, WatchedProcess } from '../observe/facts/network-listeners.ts';
import type { OwnPorts } from './collector-places.ts';
import type { ChildStatus } from './process/protocol.ts';
import type { World } from './world.ts';

const HERE = '127.0.0.1';

/** Everything that the keeper runs now, and where each of it may listen. */
export function watchedProcesses(world: World, ports: OwnPorts): readonly WatchedProcess[] {
  const slots = new Map(
    world.instances().map(({ id, workload, region, ordinal }) => [id, `${workload}/${region}/${ordinal}`]),
  );
  return world.children().flatMap((child): WatchedProcess[] => {
    const { id, role, pid } = child;
    if (pid === null || !world.isRunning(id)) return [];
    if (role === 'system') return [{ subject: id, pid, mark: '', approved: ownPorts(id, ports) }];
    return [{ subject: slots.get(id) ?? id, pid, mark: `KINTSUGI_INSTANCE=${id}`, approved: portsOf(child, world) }];
  });
}

/** Workloads that have a process, each with its region. */
export function runningComponents(world: World): readonly RunningComponent[] {
  return world
    .children()
    .filter(({ id, role }) => role === 'instance' && world.isRunning(id))
    .map(({ workload, region }) => ({ workload, region }));
}

/** The ledger and the embedded PostgreSQL have sockets in the state directory, and no port. */
function ownPorts(id: string, { gateway, api, internal, regions }: OwnPorts): readonly ApprovedPort[] {
  if (id === 'control') return [{ port: api, address: HERE }];
  if (!id.startsWith('gateway-')) return [];
  const inside = regions.map((region) => ({ port: internal, address: regionAddress(region) }));
  return [{ port: gateway, address: HERE }, ...inside];
}

/** What the keeper gave, at any address of this machine alone, and what is approved now: an approval needs no new version. */
function portsOf({ workload, host, port }: ChildStatus, world: World): readonly ApprovedPort[] {
  const declared = world.workload(workload)?.spec.approvedPorts ?? [];
  const approved = declared.map((each) => ({ port: each.port === 'given' ? port : each.port, address: each.address }));
  return [{ port, address: host }, { port, address: 'loopback' }, ...approved];
}

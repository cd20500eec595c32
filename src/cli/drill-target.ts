import { KinError } from '../base/errors.ts';
import type { IncidentSummary, InstanceStatus, Status, SystemStatus, WorkloadStatus } from './answers.ts';
import type { DrillSubject } from './drill-fault.ts';

/** An instance with where it belongs. */
export interface Chosen {
  readonly workload: WorkloadStatus;
  readonly instance: InstanceStatus;
}

export function refuse(message: string): KinError {
  return new KinError('drill.refused', message);
}

/**
 * The instance of that id, or a ready occupant of the workload of that name, in the region that has most of them. Throws
 * `drill.refused` when there is none or it is not ready.
 */
export function chooseInstance({ workloads }: Status, target: string): Chosen {
  for (const workload of workloads) {
    const instance = workload.instances.find(({ id }) => id === target);
    if (!instance) continue;
    if (instance.ready) return { workload, instance };
    throw refuse(`${target} is not ready: something is wrong with it already`);
  }
  const workload = chooseWorkload({ workloads }, target);
  const ready = workload.instances.filter(({ role, ready }) => role === 'occupant' && ready);
  const regions = [...Map.groupBy(ready, ({ region }) => region).values()];
  const [first] = regions.sort((a, b) => b.length - a.length)[0] ?? [];
  if (!first) throw refuse(`no instance of ${target} is ready`);
  return { workload, instance: first };
}

function chooseWorkload({ workloads }: Pick<Status, 'workloads'>, target: string): WorkloadStatus {
  const workload = workloads.find(({ name }) => name === target);
  if (workload) return workload;
  const names = workloads.map(({ name }) => name).join(', ');
  throw refuse(`no instance or workload ${target || '(none given)'}; workloads are ${names || 'none'}`);
}

/** One of Kintsugi's own processes: that of this id, or the first that runs of this sort. */
export function chooseProcess(
  { system }: Status,
  sort: string,
  target: string | undefined,
): SystemStatus & { pid: number } {
  const fits = ({ id }: SystemStatus) =>
    target === undefined ? id === sort || id.startsWith(`${sort}-`) : id === target;
  const process = system.find((each) => fits(each) && each.pid !== null && each.state === 'running');
  if (!process || process.pid === null || !process.id.startsWith(sort))
    throw refuse(`no process ${target ?? sort} runs`);
  return { ...process, pid: process.pid };
}

/** A drill proves healing: where healing is stopped or busy it would only do harm. Throws `drill.refused`. */
export function refuseWhenUnfit(status: Status, subject: DrillSubject): void {
  const scopes = ['global', ...scopesOf(subject)];
  const stop = status.stops.find(({ scope }) => scopes.includes(scope));
  if (stop) throw refuse(`${stop.scope} is stopped by ${stop.by}: ${stop.reason}`);
  const incident = status.incidents.find((each) => concerns(each, subject));
  if (incident) throw refuse(`incident ${incident.id} is open on ${incident.subject}`);
  if (!status.leading) throw refuse('no control process leads: nothing would be healed');
}

function scopesOf(subject: DrillSubject): string[] {
  if (subject.kind === 'tenant') return [`tenant ${subject.tenant}`];
  return subject.kind === 'process' ? [] : [`workload ${subject.workload}`];
}

/** Whether an incident may be the answer to a fault of this subject. */
export function concerns(incident: IncidentSummary, subject: DrillSubject): boolean {
  switch (subject.kind) {
    case 'slot':
      return isAbout(incident, subject.instance) || incident.workload === subject.workload;
    case 'version':
      return incident.workload === subject.workload || isAbout(incident, subject.workload);
    case 'tenant':
      return incident.subject === `tenant ${subject.tenant}`;
    case 'process':
      return false;
  }
}

/** `instance records-eu-0-abc` is about `records-eu-0-abc`. */
export function isAbout({ subject }: IncidentSummary, name: string): boolean {
  return subject.split(' ').includes(name);
}

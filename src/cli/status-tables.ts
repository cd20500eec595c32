import type { IncidentSummary, InstanceStatus, Status, TenantStatus } from './answers.ts';
import { printDuration } from '../base/duration.ts';
import { epochMsOf, type PrintTime } from './moment.ts';
import { type Paint, paintWord } from './paint.ts';
import { clip, renderTable } from './table.ts';

/** How tables are drawn. `now` is the time from which ages count. */
export interface Board {
  readonly paint: Paint;
  readonly time: PrintTime;
  readonly now: number;
}

const SUMMARY_WIDTH_MAX = 70;

/** `ready`, or how far it is from that. */
function stateOf({ ready, running, role }: InstanceStatus): string {
  if (ready) return role === 'incoming' ? 'incoming' : 'ready';
  return running ? 'not ready' : 'gone';
}

export function renderInstances({ workloads }: Status, { paint, now }: Board): string {
  const rows = workloads.flatMap((workload) => {
    if (workload.instances.length === 0) return [[workload.name, '-', '', '', '', '', '', phaseOf(workload)]];
    return workload.instances.map((instance, at) => [
      at === 0 ? workload.name : '',
      instance.id,
      paintWord(paint, stateOf(instance)),
      String(instance.version),
      String(instance.pid ?? '-'),
      `${instance.host}:${instance.port}`,
      instance.startedAt === null ? '-' : printDuration(now - epochMsOf(instance.startedAt)),
      at === 0 ? phaseOf(workload) : '',
    ]);
  });
  const columns = [
    { title: 'workload' },
    { title: 'instance' },
    { title: 'state' },
    { title: 'version', align: 'right' },
    { title: 'pid', align: 'right' },
    { title: 'address' },
    { title: 'age', align: 'right' },
    { title: 'phase' },
  ] as const;
  return renderTable(columns, rows);
}

function phaseOf({ phase, targetVersion, heldBy }: Status['workloads'][number]): string {
  const held = heldBy === null ? '' : `, held: ${heldBy}`;
  return `${phase === 'steady' ? 'steady' : `${phase} to ${targetVersion}`}${held}`;
}

export function renderTenants({ tenants }: Status, { paint }: Board): string {
  const rows = tenants.map((tenant) => [
    tenant.name,
    tenant.requestsPerSecond.toFixed(1),
    failedText(tenant, paint),
    printDuration(tenant.p50Ms),
    printDuration(tenant.p99Ms),
    String(tenant.limited),
    String(tenant.refused),
    paint('yellow', tenant.mitigations.join(', ')),
  ]);
  const columns = [
    { title: 'tenant' },
    { title: 'req/s', align: 'right' },
    { title: 'failed', align: 'right' },
    { title: 'p50', align: 'right' },
    { title: 'p99', align: 'right' },
    { title: 'limited', align: 'right' },
    { title: 'refused', align: 'right' },
    { title: 'mitigations' },
  ] as const;
  return renderTable(columns, rows);
}

function failedText({ failedShare }: TenantStatus, paint: Paint): string {
  const text = `${(failedShare * 100).toFixed(failedShare > 0 && failedShare < 0.1 ? 2 : 1)} %`;
  return failedShare > 0 ? paint('red', text) : text;
}

export function renderIncidents(incidents: readonly IncidentSummary[], { paint, time, now }: Board): string {
  const rows = incidents.map((incident) => [
    incident.id,
    paintWord(paint, incident.outcome ?? incident.state),
    incident.cause,
    incident.subject,
    time(incident.openedAt),
    printDuration((incident.closedAt === null ? now : epochMsOf(incident.closedAt)) - epochMsOf(incident.detectedAt)),
    clip(summaryOf(incident), SUMMARY_WIDTH_MAX),
  ]);
  const columns = [
    { title: 'incident' },
    { title: 'state' },
    { title: 'cause' },
    { title: 'subject' },
    { title: 'opened' },
    { title: 'for', align: 'right' },
    { title: 'summary' },
  ] as const;
  return renderTable(columns, rows);
}

/** Why nothing is done says more than what is wrong. */
function summaryOf({ refusal, summary, state, belongsTo }: IncidentSummary): string {
  const guard = state === 'open' ? refusal?.guards[0] : undefined;
  const told = guard ? `not healed: ${guard.guard}: ${guard.reason}` : summary;
  return belongsTo === undefined ? told : `belongs to ${belongsTo}: ${told}`;
}

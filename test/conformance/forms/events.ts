import type { JsonObject } from '../../../src/base/json.ts';
import { type Actor, type LedgerEvent, OCSF } from '../../../src/ledger/entry.ts';

const SYSTEM = { kind: 'system', name: 'control' } as const;
const PERSON = { kind: 'operator', name: 'maria' } as const;
const CLINIC = { kind: 'tenant', name: 'clinic-de' } as const;

type Sample = readonly [
  type: string,
  ocsfClass: number,
  actor: Actor,
  subject: string,
  data: JsonObject,
  tenant?: string,
];

const REQUEST = { method: 'GET', route: '/v1/records', attempts: 1, region: 'eu', requestId: 'req_1', gateway: 0 };

/** One event of each kind that the record holds, as it is written. */
const SAMPLES: readonly Sample[] = [
  [
    'request.served',
    OCSF.apiActivity,
    CLINIC,
    'Workload/records',
    { ...REQUEST, status: 200, durationMs: 12, instance: 'ins_1', version: 3 },
    'clinic-de',
  ],
  [
    'request.served',
    OCSF.apiActivity,
    CLINIC,
    'Workload/records',
    { ...REQUEST, method: 'OTHER', status: 502, durationMs: 90, instance: null, version: null },
    'clinic-de',
  ],
  [
    'request.refused',
    OCSF.apiActivity,
    { kind: 'tenant', name: 'unknown' },
    'Gateway/0',
    { method: 'POST', route: null, status: 401, reason: 'gateway.unauthorized', count: 40, gateway: 0 },
  ],
  ['records.lost', OCSF.apiActivity, { kind: 'system', name: 'gateway-0' }, 'Gateway/0', { count: 7, gateway: 0 }],
  [
    'incident.opened',
    OCSF.incidentFinding,
    SYSTEM,
    'inc_1',
    { cause: 'instance-died', subject: 'instance ins_1', summary: 'ins_1 died', evidence: [] },
  ],
  [
    'incident.rediagnosed',
    OCSF.incidentFinding,
    SYSTEM,
    'inc_1',
    { cause: 'version-bad', subject: 'version records 4', summary: 'version 4 dies' },
  ],
  ['incident.closed', OCSF.incidentFinding, SYSTEM, 'inc_1', { outcome: 'healed' }],
  [
    'plan.made',
    OCSF.remediationActivity,
    SYSTEM,
    'plan_1',
    { incident: 'inc_1', cause: 'instance-died', target: 'instance ins_1', steps: [] },
  ],
  ['repair.opened', OCSF.remediationActivity, SYSTEM, 'rep_1', { incident: 'inc_1', step: 0, plan: 'plan_1' }],
  ['repair.applied', OCSF.remediationActivity, SYSTEM, 'rep_1', { incident: 'inc_1', step: 0 }],
  ['repair.verify-failed', OCSF.remediationActivity, SYSTEM, 'rep_1', { incident: 'inc_1', step: 0 }],
  ['repair.approved', OCSF.remediationActivity, PERSON, 'rep_1', { incident: 'inc_1', step: 0 }],
  ['repair.refused', OCSF.remediationActivity, SYSTEM, 'inc_1', { target: null, guards: [] }],
  ['repair.measured', OCSF.remediationActivity, SYSTEM, 'rep_1', { failed: 3 }],
  ['repair.ended', OCSF.remediationActivity, SYSTEM, 'rep_1', { incident: 'inc_1', step: 0, outcome: 'healed' }],
  ['repair.ended', OCSF.remediationActivity, SYSTEM, 'rep_2', { incident: 'inc_2', step: 1, outcome: 'stuck' }],
  ['resource.created', OCSF.configurationChange, PERSON, 'Tenant/clinic-de', { generation: 1, version: null }],
  ['resource.changed', OCSF.configurationChange, PERSON, 'Workload/records', { generation: 4, version: 4 }],
  ['resource.setting-written', OCSF.configurationChange, SYSTEM, 'tenant clinic-de limits', { key: 'rep_1/0' }],
  ['rollout.target-set', OCSF.applicationLifecycle, SYSTEM, 'Workload/records', { version: 4, rejected: null }],
  [
    'rollout.instance-starting',
    OCSF.applicationLifecycle,
    SYSTEM,
    'ins_2',
    { workload: 'records', version: 4, region: 'eu', replaces: null },
  ],
  ['stop.set', OCSF.entityManagement, PERSON, 'fleet', { reason: 'maintenance', until: null }],
  ['stop.lifted', OCSF.entityManagement, PERSON, 'fleet', { reason: 'done', stops: 1 }],
  ['trust.pardoned', OCSF.applicationLifecycle, PERSON, 'replace-the-dead', { reason: 'was the drill' }],
  [
    'drill.ended',
    OCSF.entityManagement,
    PERSON,
    'drl_1',
    { fault: 'kill', target: 'ins_1', startedAt: '2026-11-20T12:00:00.000Z', result: { outcome: 'healed' } },
  ],
  [
    'ledger.recovered',
    OCSF.applicationLifecycle,
    { kind: 'system', name: 'ledger' },
    'Ledger',
    { droppedBytes: 512, atIndex: 9 },
  ],
  [
    'checkpoint.anchored',
    OCSF.applicationLifecycle,
    { kind: 'operator', name: '0xf39F' },
    'Ledger',
    { chain: 1, contract: '0x5FbD', transaction: '0x19', block: 7, size: 24 },
  ],
  ['retention.held', OCSF.entityManagement, PERSON, 'Hold/case-7', { reason: 'lawsuit' }, 'clinic-de'],
  ['retention.pruned', OCSF.applicationLifecycle, { kind: 'system', name: 'ledger' }, 'Ledger', { from: 0, to: 8192 }],
  ['finding.opened', 2003, SYSTEM, 'Tenant/clinic-de', { profile: 'hipaa', control: '164.312(b)' }, 'clinic-de'],
  ['symptom.raised', OCSF.detectionFinding, SYSTEM, 'ins_1', { detector: 'exit' }],
  ['something.new', 6003, CLINIC, 'Workload/records', {}, 'clinic-de'],
  ['something.else', 4999, SYSTEM, 'Workload/records', {}],
];

export function sampleEvents(): LedgerEvent[] {
  return SAMPLES.map(([type, ocsfClass, actor, subject, data, tenant], n) => ({
    id: `evt_${n}`,
    at: `2026-11-20T12:00:${String(n % 60).padStart(2, '0')}.000Z`,
    type,
    class: ocsfClass,
    actor,
    subject,
    ...(tenant === undefined ? {} : { tenant }),
    data,
  }));
}

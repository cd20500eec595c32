import { fromIso } from '../../base/clock.ts';
import type { Json, JsonObject } from '../../base/json.ts';
import type { IndexedEvent } from '../client.ts';
import type { LedgerEvent } from '../entry.ts';
import type { Provenance } from './form.ts';
import { type Matter, numberOf, type Reading, readEvent, type Severity, textOf, type Verb } from './reading.ts';

const SCHEMA_VERSION = '1.8.0';
/** Of every enumeration: what is not mapped, and is told by the name beside it. */
const OTHER = 99;

interface OcsfClass {
  readonly uid: number;
  readonly name: string;
  readonly category: string;
  /** `activity_id` by verb; others are not in the enumeration of the class. */
  readonly activities: Partial<Record<Verb, number>>;
}

const CLASSES: Readonly<Record<Matter, OcsfClass>> = {
  api: activity(6003, 'API Activity', 'Application Activity', { create: 1, read: 2, update: 3, delete: 4 }),
  compliance: activity(2003, 'Compliance Finding', 'Findings', { create: 1, update: 2, close: 3 }),
  datastore: activity(6005, 'Datastore Activity', 'Application Activity', { read: 1, update: 2, create: 6, delete: 7 }),
  detection: activity(2004, 'Detection Finding', 'Findings', { create: 1, update: 2, close: 3 }),
  entity: activity(3004, 'Entity Management', 'Identity & Access Management', {
    create: 1,
    read: 2,
    update: 3,
    delete: 4,
    enable: 8,
    disable: 9,
  }),
  incident: activity(2005, 'Incident Finding', 'Findings', { create: 1, update: 2, close: 3 }),
  lifecycle: activity(6002, 'Application Lifecycle', 'Application Activity', { start: 3, stop: 4, update: 8 }),
  other: activity(0, 'Base Event', 'Uncategorized', {}),
  remediation: activity(7001, 'Remediation Activity', 'Remediation', {}),
};

const SEVERITIES: Readonly<Record<Severity, readonly [id: number, caption: string]>> = {
  informational: [1, 'Informational'],
  low: [2, 'Low'],
  medium: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
};

const STATUSES = { unknown: [0, 'Unknown'], success: [1, 'Success'], failure: [2, 'Failure'] } as const;

/** What a repair does is what MITRE D3FEND calls Restore; a throttle or a quarantine is Isolate. */
const RESTORE = 3;

function activity(uid: number, name: string, category: string, activities: OcsfClass['activities']): OcsfClass {
  return { uid, name, category, activities };
}

/**
 * OCSF 1.8.0. Classes are chosen by what an entry tells of, not by the number in it alone: what a class requires must be
 * there. The data of the event stand in `unmapped`, as they are on record.
 */
export function toOcsf(entry: IndexedEvent, provenance: Provenance): JsonObject {
  const { event } = entry;
  const reading = readEvent(event);
  const { uid, name, category, activities } = CLASSES[reading.matter];
  const activityId = reading.matter === 'remediation' ? RESTORE : (activities[reading.verb] ?? OTHER);
  const [severityId, severity] = SEVERITIES[reading.severity];
  return {
    class_uid: uid,
    class_name: name,
    category_uid: Math.floor(uid / 1000),
    category_name: category,
    activity_id: activityId,
    activity_name: event.type,
    type_uid: uid * 100 + activityId,
    time: fromIso(event.at),
    severity_id: severityId,
    severity,
    message: `${event.type} ${event.subject}`,
    metadata: metadataOf(entry, provenance, reading.matter),
    actor: { app_name: `${event.actor.kind}/${event.actor.name}`, ...userOf(event) },
    ...statusOf(reading),
    ...partsOf(event, reading),
    unmapped: { subject: event.subject, data: event.data },
  };
}

function metadataOf({ index, event }: IndexedEvent, { origin, version }: Provenance, matter: Matter): JsonObject {
  return {
    version: SCHEMA_VERSION,
    product: { name: 'Kintsugi', vendor_name: 'Kintsugi', version },
    uid: event.id,
    event_code: event.type,
    log_name: origin,
    log_provider: 'kintsugi ledger',
    original_time: event.at,
    sequence: index,
    // The class has the attributes of this profile and asks for its name.
    ...(matter === 'incident' ? { profiles: ['incident'] } : {}),
    ...(event.tenant === undefined ? {} : { tenant_uid: event.tenant }),
  };
}

function userOf({ actor }: LedgerEvent): JsonObject {
  return actor.kind === 'operator' ? { user: { name: actor.name } } : {};
}

/** Incidents have a status of their own: new, in progress, closed. */
function statusOf({ matter, verb, outcome }: Reading): JsonObject {
  if (matter === 'incident') {
    const [id, status] = verb === 'create' ? [1, 'New'] : verb === 'close' ? [5, 'Closed'] : [2, 'In Progress'];
    return { status_id: id, status };
  }
  if (matter === 'detection' || matter === 'compliance') return { status_id: 1, status: 'New' };
  const [id, status] = STATUSES[outcome];
  return { status_id: id, status };
}

/** What the class has beyond the base event. */
function partsOf(event: LedgerEvent, { matter }: Reading): JsonObject {
  switch (matter) {
    case 'api':
      return apiOf(event);
    case 'compliance':
      return { finding_info: findingOf(event), compliance: complianceOf(event), resources: [resourceOf(event)] };
    case 'datastore':
      return {
        databucket: { name: event.subject, type: 'Ledger', type_id: OTHER },
        src_endpoint: { name: event.actor.name },
      };
    case 'detection':
      return { finding_info: findingOf(event), resources: [resourceOf(event)] };
    case 'entity':
      return { entity: { name: event.subject, type: event.subject.split('/')[0] ?? event.subject } };
    case 'incident':
      return { finding_info_list: [findingOf(event)], assignee: { name: 'kintsugi', type: 'System', type_id: 3 } };
    case 'lifecycle':
      return { app: { name: event.subject } };
    case 'remediation':
      return { command_uid: event.subject };
    case 'other':
      return {};
  }
}

/** Who called is on record by tenant only: addresses are personal data. */
function apiOf({ subject, tenant, data }: LedgerEvent): JsonObject {
  const [method, route] = [textOf(data['method']) ?? 'OTHER', textOf(data['route']) ?? ''];
  const status = numberOf(data['status']);
  const instance = textOf(data['instance']);
  const requestId = textOf(data['requestId']);
  return {
    api: {
      operation: `${method} ${route}`.trim(),
      service: { name: subject },
      ...(requestId === undefined ? {} : { request: { uid: requestId } }),
      ...(status === undefined ? {} : { response: { code: status } }),
    },
    src_endpoint: { name: tenant ?? 'unknown' },
    dst_endpoint: { svc_name: subject, ...(instance === undefined ? {} : { instance_uid: instance }) },
    ...(status === undefined ? {} : { status_code: String(status) }),
  };
}

function findingOf({ id, at, subject, type, data }: LedgerEvent): JsonObject {
  const title: Json = textOf(data['summary']) ?? textOf(data['cause']) ?? type;
  return { uid: type.startsWith('incident.') ? subject : id, title, created_time: fromIso(at) };
}

function complianceOf({ subject, data }: LedgerEvent): JsonObject {
  const standard = textOf(data['profile']) ?? textOf(data['framework']);
  return {
    control: textOf(data['control']) ?? subject,
    ...(standard === undefined ? {} : { standards: [standard] }),
  };
}

function resourceOf({ subject }: LedgerEvent): JsonObject {
  return { name: subject, type: subject.split('/')[0] ?? subject };
}

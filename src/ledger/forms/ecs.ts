import type { Json, JsonObject } from '../../base/json.ts';
import type { IndexedEvent } from '../client.ts';
import type { LedgerEvent } from '../entry.ts';
import type { Provenance } from './form.ts';
import { type Matter, numberOf, type Reading, readEvent, type Severity, textOf, type Verb } from './reading.ts';

const ECS_VERSION = '8.17.0';

/** Values that `event.category` may have, by what an entry tells of. */
const CATEGORIES: Readonly<Record<Matter, readonly string[]>> = {
  api: ['api', 'web'],
  compliance: ['configuration'],
  datastore: ['database'],
  detection: ['process'],
  entity: ['configuration'],
  incident: ['process'],
  lifecycle: ['process'],
  other: [],
  remediation: ['process'],
};

/** Values that `event.type` may have in each of these categories. */
const TYPES: Readonly<Record<Matter, Partial<Record<Verb, string>>>> = {
  api: { read: 'access', create: 'access', update: 'access', delete: 'access', other: 'access' },
  compliance: {},
  datastore: { create: 'change', update: 'change', delete: 'change', read: 'access' },
  detection: {},
  entity: { create: 'creation', update: 'change', delete: 'deletion', enable: 'change', disable: 'change' },
  incident: { create: 'info', update: 'change', close: 'end' },
  lifecycle: { start: 'start', stop: 'end', update: 'change' },
  other: {},
  remediation: { other: 'change' },
};

/** As in OCSF, so that both exports sort alike. */
const SEVERITIES: Readonly<Record<Severity, number>> = { informational: 1, low: 2, medium: 3, high: 4, critical: 5 };

/** Elastic Common Schema. What has no field there stands below `kintsugi`, as it is on record. */
export function toEcs({ index, event }: IndexedEvent, { origin, version }: Provenance): JsonObject {
  const reading = readEvent(event);
  const { at, type, subject, tenant, data, id, actor } = event;
  return {
    '@timestamp': at,
    ecs: { version: ECS_VERSION },
    message: `${type} ${subject}`,
    event: {
      id,
      kind: reading.matter === 'incident' || reading.matter === 'detection' ? 'alert' : 'event',
      category: CATEGORIES[reading.matter],
      type: [TYPES[reading.matter][reading.verb] ?? 'info'],
      action: type,
      outcome: reading.outcome,
      module: 'kintsugi',
      dataset: 'kintsugi.ledger',
      provider: origin,
      sequence: index,
      severity: SEVERITIES[reading.severity],
      ...durationOf(event),
    },
    ...(tenant === undefined ? {} : { organization: { id: tenant } }),
    ...(actor.kind === 'operator' ? { user: { name: actor.name } } : {}),
    service: { name: 'kintsugi', version },
    ...httpOf(event, reading),
    kintsugi: { class: event.class, actor: { kind: actor.kind, name: actor.name }, subject, data },
  };
}

/** ECS counts nanoseconds. */
function durationOf({ data }: LedgerEvent): JsonObject {
  const durationMs = numberOf(data['durationMs']);
  return durationMs === undefined ? {} : { duration: durationMs * 1_000_000 };
}

function httpOf({ data }: LedgerEvent, { matter }: Reading): JsonObject {
  if (matter !== 'api') return {};
  const request = present({ method: textOf(data['method']), id: textOf(data['requestId']) });
  const response = present({ status_code: numberOf(data['status']) });
  return { http: { request, response } };
}

function present(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject;
}

/**
 * What other people's schemas ask of a record, written down from their specifications and not from our mapping.
 *
 * - OCSF 1.8.0, https://github.com/ocsf/ocsf-schema: events/base_event.json with includes/classification.json and
 *   occurrence.json; the file of each class below events/; the files of the objects below objects/.
 * - ECS 8.17, https://www.elastic.co/guide/en/ecs/8.17/ecs-event.html: allowed values of the fields of `event`.
 * - CloudEvents 1.0.2, https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md and formats/json-format.md.
 */

/** What is wrong with a record, each complaint with the path of its attribute; empty when nothing is. */
export type Complaints = readonly string[];

type Fields = Readonly<Record<string, unknown>>;

interface ObjectRule {
  readonly required?: readonly string[];
  readonly atLeastOne?: readonly string[];
  readonly children?: Readonly<Record<string, string>>;
}

/** Objects by their name in the schema; `children` tells which of their attributes are objects, `[]` for lists of them. */
const OBJECTS: Readonly<Record<string, ObjectRule>> = {
  metadata: { required: ['product', 'version'], children: { product: 'product' } },
  product: { atLeastOne: ['name', 'uid'] },
  actor: {
    atLeastOne: ['process', 'user', 'invoked_by', 'session', 'app_name', 'app_uid'],
    children: { user: 'user' },
  },
  user: { atLeastOne: ['account', 'name', 'uid'] },
  api: { required: ['operation'], children: { request: 'request', service: 'service' } },
  request: { required: ['uid'] },
  service: { atLeastOne: ['name', 'uid'] },
  network_endpoint: {
    atLeastOne: ['ip', 'uid', 'name', 'hostname', 'svc_name', 'instance_uid', 'interface_uid', 'interface_name'],
  },
  finding_info: { required: ['uid'] },
  compliance: { required: [] },
  resource_details: { atLeastOne: ['name', 'uid'] },
  managed_entity: { atLeastOne: ['name', 'uid'] },
  databucket: { required: ['type_id'], atLeastOne: ['name', 'uid'] },
};

const BASE = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'] as const;

interface ClassRule extends ObjectRule {
  readonly activities: readonly number[];
  readonly statuses: readonly number[];
}

const OUTCOMES = [0, 1, 2, 99];
const FINDING_STATUSES = [0, 1, 2, 3, 4, 5, 6, 99];
const FINDING = { required: ['finding_info'], activities: [0, 1, 2, 3, 99], statuses: FINDING_STATUSES };
const upTo = (last: number) => [...Array.from({ length: last + 1 }, (_, id) => id), 99];

const CLASSES: Readonly<Record<number, ClassRule>> = {
  0: { activities: [0, 99], statuses: OUTCOMES },
  2003: {
    ...FINDING,
    required: ['finding_info', 'compliance'],
    children: { finding_info: 'finding_info', compliance: 'compliance', 'resources[]': 'resource_details' },
  },
  2004: { ...FINDING, children: { finding_info: 'finding_info', 'resources[]': 'resource_details' } },
  2005: {
    required: ['finding_info_list', 'status_id'],
    atLeastOne: ['assignee', 'assignee_group'],
    activities: [0, 1, 2, 3, 99],
    statuses: [0, 1, 2, 3, 4, 5, 99],
    children: { 'finding_info_list[]': 'finding_info', assignee: 'user' },
  },
  3004: { required: ['entity'], activities: upTo(13), statuses: OUTCOMES, children: { entity: 'managed_entity' } },
  6002: { required: ['app'], activities: upTo(8), statuses: OUTCOMES, children: { app: 'product' } },
  6003: {
    required: ['actor', 'api', 'src_endpoint'],
    activities: upTo(4),
    statuses: OUTCOMES,
    children: { api: 'api', src_endpoint: 'network_endpoint', dst_endpoint: 'network_endpoint' },
  },
  6005: {
    required: ['actor', 'src_endpoint'],
    atLeastOne: ['database', 'databucket', 'table'],
    activities: upTo(10),
    statuses: OUTCOMES,
    children: { src_endpoint: 'network_endpoint', databucket: 'databucket' },
  },
  7001: { required: ['command_uid'], activities: upTo(4), statuses: [0, 1, 2, 3, 4, 5, 6, 99] },
};

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isGiven = (value: unknown) => value !== undefined && value !== null && value !== '';
const isInteger = (value: unknown): value is number => Number.isInteger(value);

/** Checks one record against OCSF. */
export function ocsfComplaints(record: Fields): Complaints {
  const { class_uid: uid, category_uid: category, activity_id: activity, type_uid: type } = record;
  const rule = isInteger(uid) ? CLASSES[uid] : undefined;
  if (!isInteger(uid) || !rule) return [`class_uid: ${String(uid)} is no class of the table`];
  const whole: ObjectRule = {
    ...rule,
    required: [...BASE, ...(rule.required ?? [])],
    children: { metadata: 'metadata', actor: 'actor', ...rule.children },
  };
  const isIn = (name: string, allowed: readonly number[]) =>
    record[name] === undefined || allowed.includes(record[name] as number) ? [] : [`${name}: not in the enumeration`];
  return [
    ...objectComplaints(record, whole, ''),
    ...(category === Math.floor(uid / 1000) ? [] : ['category_uid: not that of the class']),
    ...(isInteger(activity) && type === uid * 100 + activity ? [] : ['type_uid: not class_uid * 100 + activity_id']),
    ...isIn('activity_id', rule.activities),
    ...isIn('status_id', rule.statuses),
    ...isIn('severity_id', [0, 1, 2, 3, 4, 5, 6, 99]),
    ...(isInteger(record['time']) && record['time'] > 1e12 ? [] : ['time: not milliseconds since 1970']),
    ...(activity === 99 && !isGiven(record['activity_name']) ? ['activity_name: what is not mapped has a name'] : []),
    ...((record['metadata'] as Fields | undefined)?.['version'] === '1.8.0' ? [] : ['metadata.version: not 1.8.0']),
  ];
}

function objectComplaints(value: unknown, rule: ObjectRule, path: string): string[] {
  if (!isObject(value)) return [`${path}: not an object`];
  const { required = [], atLeastOne = [], children = {} } = rule;
  const missing = required.filter((name) => !isGiven(value[name])).map((name) => `${path}${name}: required`);
  const none = atLeastOne.length > 0 && !atLeastOne.some((name) => isGiven(value[name]));
  const below = Object.entries(children).flatMap(([name, kind]) => {
    const attribute = name.replace('[]', '');
    const child = value[attribute];
    if (child === undefined) return [];
    const all = name.endsWith('[]') ? (child as readonly unknown[]) : [child];
    if (!Array.isArray(all) || all.length === 0) return [`${path}${attribute}: not a list of objects`];
    return all.flatMap((each) => objectComplaints(each, OBJECTS[kind]!, `${path}${attribute}.`));
  });
  return [...missing, ...(none ? [`${path}: at least one of ${atLeastOne.join(', ')}`] : []), ...below];
}

/** Which types an event may have in each category, from the page of `event.category`. */
const ECS_TYPES: Readonly<Record<string, readonly string[]>> = {
  api: ['access', 'admin', 'allowed', 'change', 'creation', 'deletion', 'denied', 'end', 'info', 'start', 'user'],
  configuration: ['access', 'change', 'creation', 'deletion', 'info'],
  database: ['access', 'change', 'info', 'error'],
  process: ['access', 'change', 'end', 'info', 'start'],
  web: ['access', 'error', 'info'],
};
const ECS_KINDS = ['alert', 'asset', 'enrichment', 'event', 'metric', 'state', 'pipeline_error', 'signal'];
/** Top-level field sets of ECS that we use, and our own. */
const ECS_SETS = ['@timestamp', 'ecs', 'message', 'event', 'organization', 'user', 'service', 'http', 'kintsugi'];

/** Checks one record against ECS. */
export function ecsComplaints(record: Fields): Complaints {
  const event = isObject(record['event']) ? record['event'] : {};
  const categories = event['category'] as readonly string[];
  const types = event['type'] as readonly string[];
  const ecs = record['ecs'];
  return [
    ...Object.keys(record).filter((name) => !ECS_SETS.includes(name)),
    ...(isTimestamp(record['@timestamp']) ? [] : ['@timestamp: required']),
    ...(isObject(ecs) && isGiven(ecs['version']) ? [] : ['ecs.version: required']),
    ...(ECS_KINDS.includes(String(event['kind'])) ? [] : ['event.kind: not an allowed value']),
    ...(['success', 'failure', 'unknown'].includes(String(event['outcome'])) ? [] : ['event.outcome']),
    ...categories.filter((name) => !ECS_TYPES[name]).map((name) => `event.category: ${name}`),
    ...categories.flatMap((name) =>
      types.filter((type) => !ECS_TYPES[name]?.includes(type)).map((type) => `event.type: ${type} in ${name}`),
    ),
    ...(types.length > 0 ? [] : ['event.type: empty']),
    ...['sequence', 'severity'].filter((name) => !isInteger(event[name])),
    ...['id', 'action', 'dataset', 'module'].filter((name) => !isGiven(event[name])),
    ...(event['duration'] === undefined || isInteger(event['duration']) ? [] : ['event.duration: not nanoseconds']),
  ];
}

/** Checks one record against CloudEvents in JSON format. */
export function cloudEventComplaints(record: Fields): Complaints {
  const isText = (name: string) => typeof record[name] === 'string' && record[name] !== '';
  return [
    ...['id', 'source', 'specversion', 'type'].filter((name) => !isText(name)).map((name) => `${name}: required`),
    ...(record['specversion'] === '1.0' ? [] : ['specversion: not 1.0']),
    ...(URL.canParse(String(record['source'])) ? [] : ['source: not a URI']),
    ...(isTimestamp(record['time']) ? [] : ['time: not RFC 3339']),
    ...Object.keys(record)
      .filter((name) => !/^[a-z0-9]{1,20}$/.test(name))
      .map((name) => `${name}: not a name of an attribute`),
    ...Object.entries(record)
      .filter(([name, value]) => name !== 'data' && !['string', 'boolean'].includes(typeof value) && !isInteger(value))
      .map(([name]) => `${name}: not a type of an attribute`),
  ];
}

function isTimestamp(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(value);
}

import type { Json } from '../base/json.ts';

/** What is wrong in a document, and where: a JSON pointer (RFC 6901). */
export interface OscalComplaint {
  readonly path: string;
  readonly message: string;
}

/** Allowed values of OSCAL 1.2.1 that its JSON schema leaves open, by the key that holds them. */
const ALLOWED: Readonly<Record<string, ReadonlySet<string>>> = {
  methods: new Set(['EXAMINE', 'INTERVIEW', 'TEST', 'UNKNOWN']),
  lifecycle: new Set(['recommendation', 'planned', 'completed']),
  reason: new Set(['pass', 'fail', 'other']),
  algorithm: new Set(['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512', 'SHA3-224', 'SHA3-256', 'SHA3-384', 'SHA3-512']),
  'status-change': new Set([
    'open',
    'investigating',
    'remediating',
    'deviation-requested',
    'deviation-approved',
    'closed',
  ]),
};
/** The same, where the key alone does not say enough: by the key above it. */
const ALLOWED_BELOW: Readonly<Record<string, Readonly<Record<string, ReadonlySet<string>>>>> = {
  actors: { type: new Set(['tool', 'assessment-platform', 'party']) },
  target: { type: new Set(['statement-id', 'objective-id']) },
  subjects: { type: new Set(['component', 'inventory-item', 'location', 'party', 'user', 'resource']) },
  'implementation-status': { state: new Set(['implemented', 'partial', 'planned', 'alternative', 'not-applicable']) },
};
const RISK_STATUSES = ALLOWED['status-change']!;
const FINDING_STATES = new Set(['satisfied', 'not-satisfied']);

/** Keys that refer to the `uuid` of something else in the document. */
const REFERENCES = new Set([
  'observation-uuid',
  'risk-uuid',
  'response-uuid',
  'subject-uuid',
  'actor-uuid',
  'component-uuid',
  'party-uuids',
]);

/**
 * What the JSON schema of OSCAL cannot say: every reference finds what it names, ids are unique, values are of the allowed
 * ones, and each reviewed control has exactly one finding. Takes a document of any shape; an empty answer says that nothing
 * was found, not that the document is valid: that takes the schema too.
 */
export function checkOscal(document: Json): readonly OscalComplaint[] {
  const complaints: OscalComplaint[] = [];
  const uuids = new Map<string, string>();
  const controls = new Map<string, number>();
  const resources = new Set<string>();
  for (const { path, key, value } of walk(document)) {
    if (typeof value !== 'string') continue;
    if (key === 'uuid') {
      const first = uuids.get(value);
      if (first !== undefined) complaints.push({ path, message: `the id ${value} is that of ${first} too` });
      uuids.set(value, path);
      if (path.includes('/back-matter/')) resources.add(value);
    }
    if (key === 'control-id') controls.set(value, 0);
  }
  for (const node of walk(document)) {
    const { value } = node;
    if (typeof value !== 'string') continue;
    complaints.push(...complaintsAbout(node, value, uuids, resources));
    if (node.key === 'target-id') {
      const count = controls.get(value);
      if (count === undefined)
        complaints.push({ path: node.path, message: `${value} is not among the reviewed controls` });
      else controls.set(value, count + 1);
    }
  }
  for (const [control, count] of controls) {
    if (count !== 1) complaints.push({ path: '/', message: `${control} has ${count} findings, and should have one` });
  }
  return complaints;
}

function complaintsAbout(
  { path, key, parent }: Node,
  value: string,
  uuids: ReadonlyMap<string, string>,
  resources: ReadonlySet<string>,
): readonly OscalComplaint[] {
  if (REFERENCES.has(key) && !uuids.has(value)) return [{ path, message: `nothing has the id ${value}` }];
  if (key === 'href' && value.startsWith('#') && !resources.has(value.slice(1))) {
    return [{ path, message: `no resource has the id ${value.slice(1)}` }];
  }
  const allowed = allowedFor(key, parent, path);
  return allowed && !allowed.has(value) ? [{ path, message: `must be one of ${[...allowed].join(', ')}` }] : [];
}

function allowedFor(key: string, parent: string, path: string): ReadonlySet<string> | undefined {
  if (key === 'status' && /\/risks\/\d+\/status$/.test(path)) return RISK_STATUSES;
  if (key === 'state' && path.endsWith('/target/status/state')) return FINDING_STATES;
  return ALLOWED_BELOW[parent]?.[key] ?? ALLOWED[key];
}

interface Node {
  readonly path: string;
  /** The nearest name; of an item of a list, that of the list. */
  readonly key: string;
  /** The nearest name above it. */
  readonly parent: string;
  readonly value: Json;
}

function* walk(value: Json, path = '', key = '', parent = ''): Generator<Node> {
  yield { path, key, parent, value };
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* walk(item as Json, `${path}/${index}`, key, parent);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) yield* walk(item, `${path}/${name}`, name, key);
  }
}

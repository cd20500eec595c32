import { fromIso } from '../base/clock.ts';
import type { Json, JsonObject } from '../base/json.ts';
import { ALLOWED, REFERENCES, RESOURCE_PROPS } from './oscal-rules.ts';

/** What is wrong in a document, and where: a JSON pointer (RFC 6901). */
export interface OscalComplaint {
  readonly path: string;
  readonly message: string;
}

/** An object of the document: where it stands, and under which names. */
interface Item {
  readonly path: string;
  /** Of an item of a list, the name of the list. */
  readonly key: string;
  readonly parent: string;
  readonly value: JsonObject;
}

/**
 * What the JSON schema of OSCAL cannot say, as the constraints of its metaschema and other people's validators do: every
 * reference finds what it names, and that of the right kind; ids are unique; values are of the allowed ones; times are in order; each
 * reviewed control has exactly one finding. Takes a document of any shape; an empty answer says that nothing was found, not
 * that the document is valid: that takes the schema too.
 */
export function checkOscal(document: Json): readonly OscalComplaint[] {
  const items = [...itemsOf(document)];
  const complaints: OscalComplaint[] = [];
  const kinds = new Map<string, string>();
  const uuids = new Map<string, string>();
  for (const { path, key, value } of items) {
    const { uuid } = value;
    if (typeof uuid !== 'string') continue;
    const first = uuids.get(uuid);
    if (first !== undefined) complaints.push({ path, message: `the id ${uuid} is that of ${first} too` });
    uuids.set(uuid, path);
    kinds.set(uuid, key);
  }
  const roles = new Set(items.filter(({ key }) => key === 'roles').map(({ value }) => value['id']));
  for (const item of items) {
    complaints.push(...referenceComplaints(item, kinds), ...valueComplaints(item), ...timeComplaints(item));
    const role = item.value['role-id'];
    if (role !== undefined && !roles.has(role))
      complaints.push({ path: item.path, message: `no role is ${said(role)}` });
    complaints.push(...shapeComplaints(item, items));
  }
  return [...complaints, ...findingComplaints(items)];
}

/** Files beside the document that it names, with the digest where it gives one. */
export function filesNamedIn(document: Json): readonly { readonly href: string; readonly sha256: string | null }[] {
  return [...itemsOf(document)]
    .filter(({ key }) => key === 'rlinks' || key === 'relevant-evidence')
    .filter(({ value }) => typeof value['href'] === 'string' && !/^(?:[a-z][a-z0-9+.-]*:|#)/i.test(value['href']))
    .map(({ value }) => {
      const hash = listOf(value['hashes']).find(
        (each) => (each as JsonObject)['algorithm'] === 'SHA-256',
      ) as JsonObject;
      return { href: String(value['href']), sha256: hash === undefined ? null : String(hash['value']) };
    });
}

/** Each reference names something that is there, of the kind that it asks for. */
function referenceComplaints({ path, value }: Item, kinds: ReadonlyMap<string, string>): readonly OscalComplaint[] {
  const complaints: OscalComplaint[] = [];
  for (const [name, wanted] of Object.entries(REFERENCES)) {
    for (const id of listOf(value[name])) {
      const kind = kinds.get(String(id));
      const allowed = typeof wanted === 'string' ? wanted : wanted[String(value['type'])];
      if (kind === undefined) complaints.push({ path: `${path}/${name}`, message: `nothing has the id ${said(id)}` });
      else if (allowed !== kind) {
        complaints.push({
          path: `${path}/${name}`,
          message: `${said(id)} is one of ${kind}, not of ${allowed ?? 'any'}`,
        });
      }
    }
  }
  const { href } = value;
  if (typeof href === 'string' && href.startsWith('#') && kinds.get(href.slice(1)) !== 'resources') {
    complaints.push({ path: `${path}/href`, message: `no resource has the id ${href.slice(1)}` });
  }
  return complaints;
}

function valueComplaints({ path, key, parent, value }: Item): readonly OscalComplaint[] {
  const complaints = ALLOWED.flatMap(({ of, name, values, under }) =>
    (of === undefined || of === key) && (under === undefined || under === parent)
      ? listOf(value[name])
          .filter((each) => typeof each === 'string' && !values.includes(each))
          .map(() => ({ path: `${path}/${name}`, message: `must be one of ${values.join(', ')}` }))
      : [],
  );
  if (key !== 'props' || value['ns'] !== undefined) return complaints;
  const values = parent === 'resources' ? RESOURCE_PROPS[String(value['name'])] : undefined;
  const isKnown = values !== undefined && (values.length === 0 || values.includes(String(value['value'])));
  if (isKnown) return complaints;
  const message = `${said(value['name'])}: ${said(value['value'])} is no property of OSCAL here; one of our own needs its ns`;
  return [...complaints, { path, message }];
}

function timeComplaints({ path, value }: Item): readonly OscalComplaint[] {
  const pairs = [
    ['start', 'end'],
    ['collected', 'expires'],
  ] as const;
  return pairs.flatMap(([from, to]) => {
    const [first, last] = [value[from], value[to]];
    const isWrong = typeof first === 'string' && typeof last === 'string' && fromIso(first) > fromIso(last);
    return isWrong ? [{ path: `${path}/${to}`, message: `is before ${from}` }] : [];
  });
}

/** What has to be there beside something else. */
function shapeComplaints({ path, key, value }: Item, items: readonly Item[]): readonly OscalComplaint[] {
  if (key === 'assessment-results') {
    const plan = String((value['import-ap'] as JsonObject | undefined)?.['href'] ?? '').slice(1);
    const found = items.find((each) => each.key === 'resources' && each.value['uuid'] === plan);
    const leads = found === undefined || listOf(found.value['rlinks']).length > 0 || 'base64' in found.value;
    return leads
      ? []
      : [{ path: `${path}/import-ap/href`, message: 'the resource leads nowhere: no rlink, no base64' }];
  }
  if (key === 'resources') {
    const links = listOf(value['rlinks']).map((link) => (link as JsonObject)['href']);
    const isTwice = new Set(links).size < links.length;
    return isTwice ? [{ path: `${path}/rlinks`, message: 'names a file twice' }] : [];
  }
  if (key !== 'risks') return [];
  const entries = listOf((value['risk-log'] as JsonObject | undefined)?.['entries']) as readonly JsonObject[];
  const own = new Set(listOf(value['remediations']).map((each) => (each as JsonObject)['uuid']));
  const responses = entries.flatMap((entry) => listOf(entry['related-responses']) as readonly JsonObject[]);
  const isStrange = responses.some((each) => !own.has(each['response-uuid'] ?? null));
  const isOpen = value['status'] === 'closed' && !entries.some((entry) => entry['status-change'] === 'closed');
  return [
    ...(isStrange ? [{ path: `${path}/risk-log`, message: 'names a response of another risk' }] : []),
    ...(isOpen ? [{ path: `${path}/status`, message: 'is closed, and the log does not say when' }] : []),
  ];
}

/** A finding is about an objective that was reviewed, and each reviewed control has one. */
function findingComplaints(items: readonly Item[]): readonly OscalComplaint[] {
  const reviewed = items
    .filter(({ key }) => key === 'include-controls')
    .map(({ value }) => String(value['control-id']));
  const objectives = items
    .filter(({ key }) => key === 'include-objectives')
    .map(({ value }) => String(value['objective-id']));
  const targets = items.filter(({ key }) => key === 'target');
  const complaints = targets
    .filter(({ value }) => !objectives.includes(String(value['target-id'])))
    .map(({ path, value }) => {
      return { path: `${path}/target-id`, message: `${said(value['target-id'])} is not among the reviewed objectives` };
    });
  for (const control of new Set([...reviewed, ...objectives])) {
    const count = targets.filter(({ value }) => value['target-id'] === control).length;
    if (count !== 1) complaints.push({ path: '/', message: `${control} has ${count} findings, and should have one` });
    const times = reviewed.filter((each) => each === control).length;
    if (times !== 1)
      complaints.push({ path: '/', message: `${control} is reviewed ${times} times, and should be once` });
  }
  return complaints;
}

function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

function said(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function* itemsOf(value: Json, path = '', key = '', parent = ''): Generator<Item> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* itemsOf(item as Json, `${path}/${index}`, key, parent);
  } else if (typeof value === 'object' && value !== null) {
    yield { path, key, parent, value: value as JsonObject };
    for (const [name, item] of Object.entries(value)) yield* itemsOf(item, `${path}/${name}`, name, key);
  }
}

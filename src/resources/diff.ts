import { isDeepStrictEqual } from 'node:util';
import { assert } from '../base/assert.ts';
import type { Json } from '../base/json.ts';
import { type FieldPath, formatPath, isSecretPath, maskCredentials } from './field-path.ts';
import { KINDS, type Resource, resourceKey } from './resource.ts';

/** One value that differs. Without `before` it was not there, without `after` it will not be. */
export interface FieldChange {
  readonly path: FieldPath;
  readonly before?: Json;
  readonly after?: Json;
}

/** What happens to one resource. `fields` is empty unless it is changed. */
export interface Change {
  /** `Workload/records` */
  readonly key: string;
  readonly change: 'added' | 'changed' | 'removed' | 'unchanged';
  readonly fields: readonly FieldChange[];
}

/**
 * What turns the current resources into the desired ones, ordered by kind and name: the order in which they are given
 * does not matter. Equal lists give only `unchanged`. Each list names a resource once.
 */
export function diffResources(current: readonly Resource[], desired: readonly Resource[]): Change[] {
  const before = byKey(current);
  const after = byKey(desired);
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].sort(byKindAndName).map((key) => changeOf(key, before.get(key), after.get(key)));
}

function byKey(resources: readonly Resource[]): Map<string, Resource> {
  const map = new Map(resources.map((resource) => [resourceKey(resource), resource]));
  assert(map.size === resources.length, 'a list of resources names each once');
  return map;
}

function byKindAndName(a: string, b: string): number {
  const kindOf = (key: string) => KINDS.findIndex((kind) => key.startsWith(`${kind}/`));
  return kindOf(a) - kindOf(b) || (a < b ? -1 : 1);
}

function changeOf(key: string, before: Resource | undefined, after: Resource | undefined): Change {
  if (!before) return { key, change: 'added', fields: [] };
  if (!after) return { key, change: 'removed', fields: [] };
  const fields = diffValues([], before, after);
  return { key, change: fields.length > 0 ? 'changed' : 'unchanged', fields };
}

/** Every value in which two pieces of plain data differ, below `path`. */
export function diffValues(path: FieldPath, before: unknown, after: unknown): FieldChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  const structured = isMapping(before) && isMapping(after);
  // Lists of mappings are told by place; of a list of plain values the whole says more than a place.
  const listed = Array.isArray(before) && Array.isArray(after) && [...before, ...after].some(isMapping);
  if (!structured && !listed) return [fieldChange(path, before, after)];
  return entriesOf(before, after).flatMap((part) => diffValues([...path, part], own(before, part), own(after, part)));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entriesOf(before: object, after: object): PropertyKey[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => index);
  }
  return [...new Set([...Object.keys(before), ...Object.keys(after)])];
}

function own(value: object, part: PropertyKey): unknown {
  return Object.hasOwn(value, part) ? (value as Record<PropertyKey, unknown>)[part] : undefined;
}

function fieldChange(path: FieldPath, before: unknown, after: unknown): FieldChange {
  return {
    path,
    ...(before === undefined ? {} : { before: before as Json }),
    ...(after === undefined ? {} : { after: after as Json }),
  };
}

const SIGNS = { added: '+', changed: '~', removed: '-', unchanged: ' ' } as const;

/** For people: a line a resource, a line a field, a count at the end. What may be a secret is not shown. */
export function renderChanges(changes: readonly Change[]): string {
  const lines = changes
    .filter(({ change }) => change !== 'unchanged')
    .flatMap(({ key, change, fields }) => [
      `${SIGNS[change]} ${key}`,
      ...fields.map((field) => `    ${fieldText(field)}`),
    ]);
  const count = (wanted: Change['change']) => changes.filter(({ change }) => change === wanted).length;
  const summary = `${count('added')} to add, ${count('changed')} to change, ${count('removed')} to remove, ${count('unchanged')} unchanged`;
  return `${[...lines, summary].join('\n')}\n`;
}

/** `spec.regions: ["eu"] -> ["us"]`; what may be a secret is not shown. */
export function fieldText({ path, before, after }: FieldChange): string {
  const text = (value: Json | undefined) => (value === undefined ? '(none)' : valueText(path, value));
  return `${formatPath(path)}: ${text(before)} -> ${text(after)}`;
}

function valueText(path: FieldPath, value: Json): string {
  const hidden = JSON.stringify(value, (key, inner: unknown) => {
    if (typeof inner !== 'string') return inner;
    return isSecretPath(key === '' ? path : [...path, key]) ? '<redacted>' : maskCredentials(inner);
  });
  return hidden;
}

import { z } from 'zod';
import { nearest } from './edit-distance.ts';
import { type FieldPath, formatPath } from './field-path.ts';
import { type Complaint, mayHoldSecret } from './manifest-document.ts';

type Issue = z.core.$ZodIssue;

/** Puts what a schema found into words for people: what must be there, what was probably meant, what stands there. */
export function complaintsOf(schema: z.core.$ZodType, value: unknown, issues: readonly Issue[]): Complaint[] {
  return issues
    .filter((issue) => !isAfterthought(issue, issues))
    .flatMap((issue) => {
      if (issue.code === 'unrecognized_keys') return unknownKeys(schema, value, issue);
      const complaint = { path: issue.path, message: messageOf(issue, valueAt(value, issue.path)) };
      return [issue.code === 'invalid_key' ? { ...complaint, atKey: true } : complaint];
    });
}

/** A rule about a value that is wrong in itself says nothing more. */
function isAfterthought(issue: Issue, issues: readonly Issue[]): boolean {
  const path = formatPath(issue.path);
  return issue.code === 'custom' && issues.some((other) => other.code !== 'custom' && formatPath(other.path) === path);
}

function unknownKeys(schema: z.core.$ZodType, value: unknown, issue: z.core.$ZodIssueUnrecognizedKeys): Complaint[] {
  const known = keysAt(schema, value, issue.path);
  return issue.keys.map((key) => {
    const meant = suggestion(key, known);
    const message = `unknown key${meant || (known.length > 0 ? `; known are ${known.join(', ')}` : '')}`;
    return { path: [...issue.path, key], message, atKey: true };
  });
}

/** `; did you mean `x`?` or nothing. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? '' : `; did you mean \`${meant}\`?`;
}

function messageOf(issue: Issue, value: unknown): string {
  if (value === undefined && issue.code !== 'custom') return `is required: ${wanted(issue)}`;
  const text = wanted(issue);
  const got = issue.code === 'invalid_key' || issue.code === 'custom' ? '' : gotText(issue.path, value);
  const rule = issue.code === 'custom' ? text : `must be ${text}`.replace('must be not', 'must not be');
  return `${rule}${meantOf(issue, value)}${got}`;
}

function meantOf(issue: Issue, value: unknown): string {
  if (typeof value !== 'string') return '';
  if (issue.code === 'invalid_value') return suggestion(value, issue.values.map(String));
  return issue.code === 'invalid_union' ? suggestion(value, discriminators(issue)) : '';
}

/** What stands there; never a whole structure, never what may be secret. */
function gotText(path: FieldPath, value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '' : ' (got a list)';
  if (typeof value === 'object' && value !== null) return ' (got a mapping)';
  if (mayHoldSecret(path) && typeof value === 'string') return '';
  const text = JSON.stringify(value) ?? String(value);
  return ` (got ${text.length > 60 ? `${text.slice(0, 57)}...` : text})`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

/** Reads after "must be" and after "is required:". */
function wanted(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'too_small':
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'invalid_format':
      return formatWanted(issue);
    case 'invalid_key':
      return `named differently: the name ${issue.issues.map((inner) => inner.message).join(', ')}`;
    case 'invalid_union':
      return unionWanted(issue);
    case 'custom':
      return issue.message;
    default:
      return `other than this: ${issue.message}`;
  }
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`;
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'string') return limit === 1 ? 'not empty' : `${relation} ${limit} characters long`;
  if (origin === 'array') return limit === 1 ? 'a list that is not empty' : `a list of ${relation} ${limit}`;
  return `${relation} ${limit}`;
}

function formatWanted(issue: z.core.$ZodIssueInvalidStringFormat): string {
  if (issue.format === 'starts_with')
    return `a text that starts with ${JSON.stringify((issue as z.core.$ZodIssueStringStartsWith).prefix)}`;
  if (issue.format === 'datetime') return 'a time such as 2026-01-31T18:00:00Z, with its zone';
  if (issue.format === 'url') return 'an address such as https://example.org/';
  // A schema with a message of its own says it better than its pattern does.
  if (issue.message.startsWith('must be ')) return issue.message.slice('must be '.length);
  return issue.format === 'regex' && issue.pattern ? `a text that matches ${issue.pattern}` : `a valid ${issue.format}`;
}

function unionWanted(issue: z.core.$ZodIssueInvalidUnion): string {
  const options = discriminators(issue);
  if (options.length > 0) return oneOf(options);
  const inner = issue.errors.flat().filter((nested) => nested.path.length === 0);
  return inner.length > 0 ? [...new Set(inner.map(wanted))].join(' or ') : 'one of the forms that the schema knows';
}

function discriminators(issue: z.core.$ZodIssueInvalidUnion): string[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
}

function valueAt(value: unknown, path: FieldPath): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[part];
  }
  return current;
}

/** The keys that the schema knows at a place of the value. */
function keysAt(schema: z.core.$ZodType, value: unknown, path: FieldPath): string[] {
  let current = unwrap(schema, value);
  let inner = value;
  for (const part of path) {
    inner = valueAt(inner, [part]);
    const next = childOf(current, part);
    if (!next) return [];
    current = unwrap(next, inner);
  }
  if (current instanceof z.ZodRecord && current.keyType instanceof z.ZodEnum)
    return current.keyType.options.map(String);
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function childOf(schema: z.core.$ZodType, part: PropertyKey): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<PropertyKey, z.core.$ZodType>)[part];
  if (schema instanceof z.ZodArray) return schema.element;
  return schema instanceof z.ZodRecord ? schema.valueType : undefined;
}

/** Without defaults and optionality; of a union the form that the value names. */
function unwrap(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.def.innerType, value);
  }
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const { discriminator } = schema.def;
  const named = valueAt(value, [discriminator]);
  const fits = (option: z.core.$ZodType) =>
    option instanceof z.ZodObject &&
    (option.shape as Record<string, z.ZodType>)[discriminator]?.safeParse(named).success;
  return schema.options.find(fits) ?? schema;
}

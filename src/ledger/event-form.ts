import { fromIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { LedgerEvent, NewEvent, PayloadNote, PersonalPart } from './entry.ts';
import type { NewEntry } from './sequencer.ts';

type Fields = Readonly<Record<string, unknown>>;

const isText = (value: unknown) => typeof value === 'string' && value.length > 0;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isAbsent = (value: unknown) => value === undefined;

/** Written without escapes, so that its place in the bytes of an entry is known. */
const TENANT = /^[A-Za-z0-9][\w.-]{0,252}$/;
const SUBJECT_CHARS_MAX = 512;

/** What only the ledger's own process says: an entry that excuses a missing payload must not come from outside. */
const RESERVED = /^(?:key|kek|erasure|payload|retention)\./;

const RULES: readonly [field: string, holds: (value: unknown) => boolean][] = [
  ['id', isText],
  ['at', (value) => typeof value === 'string' && !Number.isNaN(fromIso(value))],
  ['type', (value) => typeof value === 'string' && /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/.test(value)],
  ['class', (value) => Number.isInteger(value)],
  ['actor', (value) => isObject(value) && isText(value['kind']) && isText(value['name'])],
  ['subject', isText],
  ['tenant', (value) => value === undefined || (typeof value === 'string' && TENANT.test(value))],
  ['data', isObject],
  ['personal', (value) => value === undefined || isPersonal(value)],
  ['letter', (value) => value === undefined || isText(value)],
  // Given by the ledger.
  ...['v', 'tseq', 'tprev', 'pd'].map((field) => [field, isAbsent] as [string, typeof isAbsent]),
];

/** Whether a value is what `NewEvent.personal` may be. */
export function isPersonal(value: unknown): value is readonly PersonalPart[] {
  return Array.isArray(value) && value.length <= LIMITS.ledgerPayloads && value.every(isPart);
}

function isPart(part: unknown): boolean {
  if (!isObject(part) || (part['role'] !== 'actor' && part['role'] !== 'subject')) return false;
  const { subject } = part;
  return typeof subject === 'string' && subject !== '' && subject.length <= SUBJECT_CHARS_MAX && isObject(part['data']);
}

/**
 * The events of the body of an append. Fields that are not known are kept: a newer client may send them. Throws
 * `request.invalid` with the position and the field of the first fault.
 */
export function eventsOfBody(body: unknown): NewEvent[] {
  const events = isObject(body) ? body['events'] : undefined;
  if (!Array.isArray(events)) throw new KinError('request.invalid', 'the body has no list `events`');
  return events.map((event: unknown, position) => {
    const broken = isObject(event) ? RULES.find(([field, holds]) => !holds(event[field]))?.[0] : 'event';
    if (broken !== undefined) throw refusal(position, broken, `${broken} is missing or malformed`);
    const { type } = event as NewEvent;
    if (RESERVED.test(type)) throw refusal(position, 'type', `only the ledger itself records ${type}`);
    return event as NewEvent;
  });
}

function refusal(position: number, field: string, what: string): KinError {
  return new KinError('request.invalid', `event ${position}: ${what}`, { details: { position, field } });
}

/**
 * The bytes of an event with its payloads, as they are stored and hashed; a tenant's entry gets its links when its place is
 * known. What is to be sealed is left out.
 */
export function entryOf(event: NewEvent, payloads: readonly SealedPart[] = []): NewEntry {
  const { tenant, personal: _personal, letter: _letter, data, ...facts } = event;
  const pd = payloads.map(({ note }) => note);
  const own = tenant === undefined ? {} : { tenant };
  const stored = { v: 2, ...own, ...facts, ...(pd.length > 0 ? { pd } : {}), data };
  return {
    id: event.id,
    bytes: Buffer.from(JSON.stringify(stored)),
    ...(pd.length > 0 ? { payloads: payloads.map(({ bytes }) => bytes) } : {}),
  };
}

/** A payload and what its entry says about it. */
export interface SealedPart {
  readonly note: PayloadNote;
  readonly bytes: Uint8Array;
}

/** Whether an event has something to seal. */
export function isToSeal({ personal = [], letter }: NewEvent & LedgerEvent): boolean {
  return personal.length > 0 || letter !== undefined;
}

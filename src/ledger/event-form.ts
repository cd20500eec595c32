import { fromIso } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { LedgerEvent } from './entry.ts';
import type { NewEntry } from './sequencer.ts';

type Fields = Readonly<Record<string, unknown>>;

const isText = (value: unknown) => typeof value === 'string' && value.length > 0;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const RULES: readonly [field: string, holds: (value: unknown) => boolean][] = [
  ['id', isText],
  ['at', (value) => typeof value === 'string' && !Number.isNaN(fromIso(value))],
  ['type', (value) => typeof value === 'string' && /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/.test(value)],
  ['class', (value) => Number.isInteger(value)],
  ['actor', (value) => isObject(value) && isText(value['kind']) && isText(value['name'])],
  ['subject', isText],
  ['tenant', (value) => value === undefined || isText(value)],
  ['data', isObject],
];

/**
 * The entries of the body of an append. Fields that are not known are kept: a newer client may send them. Throws
 * `request.invalid` with the position and the field of the first fault.
 */
export function entriesOfBody(body: unknown): NewEntry[] {
  const events = isObject(body) ? body['events'] : undefined;
  if (!Array.isArray(events)) throw new KinError('request.invalid', 'the body has no list `events`');
  return events.map((event: unknown, position) => {
    const broken = isObject(event) ? RULES.find(([field, holds]) => !holds(event[field]))?.[0] : 'event';
    if (broken !== undefined) {
      throw new KinError('request.invalid', `event ${position}: ${broken} is missing or malformed`, {
        details: { position, field: broken },
      });
    }
    return entryOf(event as LedgerEvent);
  });
}

/** The bytes of an event, exactly as they are stored and hashed. */
export function entryOf(event: LedgerEvent): NewEntry {
  return { id: event.id, bytes: Buffer.from(JSON.stringify(event)) };
}

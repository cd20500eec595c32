import type { JsonObject } from '../../base/json.ts';
import type { IndexedEvent } from '../client.ts';
import type { Provenance } from './form.ts';

/** CloudEvents 1.0.2 in its JSON format. What an event is about and who acted is in the data, as it stands on record. */
export function toCloudEvent({ index, event }: IndexedEvent, { origin }: Provenance): JsonObject {
  const { id, at, type, class: ocsfClass, actor, subject, tenant, data } = event;
  return {
    specversion: '1.0',
    id,
    source: `https://${origin}`,
    type: `dev.kintsugi.${type}`,
    time: at,
    subject,
    datacontenttype: 'application/json',
    // The extension `sequence` is a text that sorts like the numbers do.
    sequence: String(index).padStart(16, '0'),
    ...(tenant === undefined ? {} : { tenant }),
    data: { class: ocsfClass, actor: { kind: actor.kind, name: actor.name }, ...data },
  };
}

import type { JsonObject } from '../../base/json.ts';
import type { IndexedEvent } from '../client.ts';
import { toCloudEvent } from './cloud-event.ts';
import { toEcs } from './ecs.ts';
import { toOcsf } from './ocsf.ts';

/** Where entries come from. */
export interface Provenance {
  /** The origin of the log's checkpoints. */
  readonly origin: string;
  /** Version of Kintsugi. */
  readonly version: string;
}

/** An entry as others' tools take it. Whatever the type of the event, the result has all that the schema requires. */
export type Form = (entry: IndexedEvent, provenance: Provenance) => JsonObject;

/** The schemas that entries are exported in. */
export const FORMS = { ocsf: toOcsf, ecs: toEcs, cloudevents: toCloudEvent } as const satisfies Record<string, Form>;

export type FormName = keyof typeof FORMS;

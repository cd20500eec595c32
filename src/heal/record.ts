import { type Clock, toIso } from '../base/clock.ts';
import { newId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import { type Actor, type LedgerEvent, OCSF } from '../ledger/entry.ts';
import type { DatabaseTransaction } from '../store/database.ts';
import { enqueue } from '../store/outbox.ts';

/** Puts an event for the ledger into the transaction of the change that it records. Resolves with the id of the event. */
export type RecordEvent = (
  tx: DatabaseTransaction,
  type: string,
  subject: string,
  data: JsonObject,
  options?: { readonly actor?: Actor; readonly tenant?: string },
) => Promise<string>;

const CLASSES: Readonly<Record<string, number>> = {
  controls: OCSF.complianceFinding,
  evidence: OCSF.complianceFinding,
  access: OCSF.apiActivity,
  token: OCSF.entityManagement,
  duty: OCSF.complianceFinding,
  breach: OCSF.incidentFinding,
  register: OCSF.complianceFinding,
  record: OCSF.complianceFinding,
  incident: OCSF.incidentFinding,
  repair: OCSF.remediationActivity,
  move: OCSF.remediationActivity,
  plan: OCSF.remediationActivity,
  resource: OCSF.configurationChange,
  rollout: OCSF.applicationLifecycle,
  instance: OCSF.applicationLifecycle,
  stop: OCSF.entityManagement,
  drill: OCSF.entityManagement,
};

/** What operators do is recorded with `doorOfNow`: from where they did it. */
export function createRecord(
  clock: Clock,
  random: Random,
  doorOfNow: () => string | undefined = () => undefined,
): RecordEvent {
  return async (tx, type, subject, data, options = {}) => {
    const door = options.actor?.kind === 'operator' ? doorOfNow() : undefined;
    const event: LedgerEvent = {
      id: newId('evt', random),
      at: toIso(clock.now()),
      type,
      class: CLASSES[type.split('.')[0]!] ?? OCSF.applicationLifecycle,
      actor: options.actor ?? { kind: 'system', name: 'control' },
      subject,
      ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
      data: door === undefined ? data : { ...data, door },
    };
    await enqueue(tx, [event]);
    return event.id;
  };
}

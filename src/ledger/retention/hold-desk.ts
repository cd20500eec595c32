import { z } from 'zod';
import { type Clock, toIso } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import { OCSF } from '../entry.ts';
import { entryOf } from '../event-form.ts';
import type { OpenLedger } from '../open-ledger.ts';
import { holdSchema, type LegalHold, liftHold, readHolds, setHold } from './legal-holds.ts';

const askedSchema = holdSchema.omit({ at: true });
const liftSchema = holdSchema.pick({ id: true, reason: true, by: true });

interface HoldDeskOptions {
  readonly dir: string;
  readonly ledger: Pick<OpenLedger, 'sequencer'>;
  readonly clock: Clock;
}

/** Sets and lifts legal holds and puts both on record: a hold stands before its entry, and falls after it. */
export class HoldDesk {
  readonly #options: HoldDeskOptions;

  constructor(options: HoldDeskOptions) {
    this.#options = options;
  }

  /** The body of a request. Rejects with `request.invalid`, `resource.conflict`, or what the files and the log say. */
  async set(body: unknown): Promise<readonly LegalHold[]> {
    const { dir, clock } = this.#options;
    const hold = { ...parsed(askedSchema, body), at: toIso(clock.now()) };
    const same = readHolds(dir).find(({ id }) => id === hold.id);
    if (same) throw new KinError('resource.conflict', `the hold ${hold.id} stands since ${same.at}`);
    setHold(dir, hold);
    await this.#record('retention.held', hold);
    return readHolds(dir);
  }

  async lift(body: unknown): Promise<readonly LegalHold[]> {
    const { dir, clock } = this.#options;
    const lifted = { ...parsed(liftSchema, body), at: toIso(clock.now()) };
    const hold = readHolds(dir).find(({ id }) => id === lifted.id);
    if (!hold) throw new KinError('resource.unknown', `no hold is called ${lifted.id}`);
    await this.#record('retention.released', { ...hold, ...lifted });
    liftHold(dir, lifted.id);
    return readHolds(dir);
  }

  async #record(type: string, { id, reason, by, at, tenant }: LegalHold): Promise<void> {
    const event = {
      id: `${type}/${id}/${at}`,
      at,
      type,
      class: OCSF.entityManagement,
      actor: { kind: 'operator', name: by } as const,
      subject: `Hold/${id}`,
      ...(tenant === undefined ? {} : { tenant }),
      data: { reason },
    };
    await this.#options.ledger.sequencer.append([entryOf(event)]);
  }
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new KinError('request.invalid', z.prettifyError(result.error));
}

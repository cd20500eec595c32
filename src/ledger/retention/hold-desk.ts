import { z } from 'zod';
import { type Clock, toIso } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import { OCSF } from '../entry.ts';
import type { Eraser } from '../eraser.ts';
import type { Erasure } from '../erasure-file.ts';
import { entryOf } from '../event-form.ts';
import type { OpenLedger } from '../open-ledger.ts';
import { holdSchema, type LegalHold, liftHold, readHolds, setHold, type StandingHold } from './legal-holds.ts';

const askedSchema = holdSchema.omit({ at: true });
const liftSchema = holdSchema.pick({ id: true, reason: true, by: true });

interface HoldDeskOptions {
  readonly dir: string;
  readonly ledger: Pick<OpenLedger, 'sequencer'>;
  /** Who has the holds on persons, where there is a vault. */
  readonly eraser: Pick<Eraser, 'holds' | 'release' | 'eraseReleased'> | undefined;
  readonly clock: Clock;
}

/** What stands after a hold was set or lifted, and what was erased because it was lifted. */
export interface HoldsChanged {
  readonly holds: readonly StandingHold[];
  readonly erased: readonly Erasure[];
}

/**
 * Sets holds on everything or on a tenant, lifts any hold, and puts both on record: a hold stands before its entry, and falls
 * after it. What was approved to be erased and waited for the hold is erased then.
 */
export class HoldDesk {
  readonly #options: HoldDeskOptions;

  constructor(options: HoldDeskOptions) {
    this.#options = options;
  }

  /** All holds that stand, those on persons too. Throws `state.corrupt` when that cannot be told. */
  standing(): readonly StandingHold[] {
    const { dir, eraser } = this.#options;
    return [...readHolds(dir), ...(eraser?.holds ?? [])];
  }

  /** The body of a request. Rejects with `request.invalid`, `resource.conflict`, or what the files and the log say. */
  async set(body: unknown): Promise<HoldsChanged> {
    const { dir, clock } = this.#options;
    const hold = { ...parsed(askedSchema, body), at: toIso(clock.now()) };
    const same = this.standing().find(({ id }) => id === hold.id);
    if (same) throw new KinError('resource.conflict', `the hold ${hold.id} stands since ${same.at}`);
    setHold(dir, hold);
    await this.#record('retention.held', hold);
    return { holds: this.standing(), erased: [] };
  }

  async lift(body: unknown): Promise<HoldsChanged> {
    const { dir, clock, eraser } = this.#options;
    const lifted = { ...parsed(liftSchema, body), at: toIso(clock.now()) };
    const { id, by, reason } = lifted;
    if (eraser?.holds.some((each) => each.id === id)) {
      return { erased: await eraser.release(id, by, reason), holds: this.standing() };
    }
    const hold = readHolds(dir).find(({ id }) => id === lifted.id);
    if (!hold) throw new KinError('resource.unknown', `no hold is called ${lifted.id}`);
    await this.#record('retention.released', { ...hold, ...lifted });
    liftHold(dir, lifted.id);
    return { erased: (await eraser?.eraseReleased()) ?? [], holds: this.standing() };
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

import { sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { AssetOrder, Fleet, Mitigation } from '../heal/fleet.ts';
import type { MoveContext } from '../heal/move.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { Sample } from '../observe/sample.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';
import type { Slot, StoredVersion } from './declared.ts';
import type { Driver } from './driver.ts';
import { createInstanceHands, slotOf } from './instance-hands.ts';
import { notOf, type Parts, partsOwning } from './parts.ts';
import { createScaling } from './scaling.ts';
import { createSlotTable } from './slot-table.ts';
import { noteRelease, replaceOlder } from './release.ts';
import { createSuccession } from './succession.ts';
import type { World } from './world.ts';

export interface FleetOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly driver: Driver;
  readonly parts: readonly Parts[];
  readonly world: World;
  readonly clock: Clock;
  readonly record: RecordEvent;
  /** Environment of the instance that is about to start in a slot. */
  readonly environmentOf: (version: StoredVersion, slot: Slot) => Record<string, string>;
  /** Reads again what is declared, publishes the routing, renews the probes. Called after each change. */
  readonly refresh: () => Promise<void>;
  readonly onSample: (sample: Sample) => void;
  /** Resolves with whether the webhook took the call. The key is the same when it is repeated. */
  readonly callPerson: (message: { incident: string; summary: string }, key: string) => Promise<boolean>;
}

/** The fleet of real processes behind a driver. See `heal/fleet.ts` for what each call promises. */
export function createFleet(options: FleetOptions): Fleet {
  const { database, lease, world, record, refresh } = options;
  const fenced = <T>(context: MoveContext, fn: (tx: DatabaseTransaction) => Promise<T>): Promise<T> =>
    underEpoch(database, lease, context, fn);
  const hands = createInstanceHands({ ...options, fenced });
  const succession = createSuccession(hands);

  /** Parts are elsewhere and know no epochs: a former leader is refused here, before anything happens. */
  const onPart = async <T>(id: string, context: MoveContext, run: (part: Parts) => Promise<T>): Promise<T> => {
    const part = partsOwning(options.parts, id);
    await fenced(context, async () => undefined);
    const result = await run(part);
    await refresh();
    return result;
  };

  return {
    ...succession,
    ...createScaling(createSlotTable({ world, fenced, refresh }), hands, succession),
    async vacate(place, context) {
      const slot = slotOf(world, place);
      for (const [id, version] of [
        [slot.instance, slot.version],
        [slot.incoming, slot.incomingVersion],
      ] as const) {
        if (id === null) continue;
        await hands.stop(id, { ...slot, version, drain: true }, context);
        hands.retire(id, { ...slot, version });
      }
    },
    async setTarget({ workload, version, phase, rejected }, context) {
      await fenced(context, async (tx) => {
        await tx
          .updateTable('workload_state')
          .set({
            target_version: version,
            phase,
            phase_since: sql<string>`now()`,
            revision: sql<number>`revision + 1`,
          })
          .where('workload', '=', workload)
          .where((eb) => eb.or([eb('target_version', '!=', version), eb('phase', '!=', phase)]))
          .execute();
        await tx
          .updateTable('workload_version')
          .set({
            rejected_at: sql<
              string | null
            >`case when version = ${rejected ?? -1} then coalesce(rejected_at, now()) else null end`,
          })
          .where('workload', '=', workload)
          .where('version', 'in', [rejected ?? version, version])
          .execute();
        await record(tx, 'rollout.target-set', `Workload/${workload}`, { version, rejected });
      });
      await refresh();
    },
    async mitigate(mitigation: Mitigation, context) {
      const { id, tenant, kind, minutes, ...limits } = mitigation;
      await fenced(context, async (tx) => {
        await tx
          .insertInto('mitigation')
          .values({
            id,
            tenant,
            kind,
            limits: JSON.stringify({ ...limits, minutes }),
            expires_at: sql<string>`now() + ${minutes} * interval '1 minute'`,
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute();
        if (mitigation.untilLifted === true) await replaceOlder(tx, mitigation);
      });
      await refresh();
    },
    async liftMitigation(id, context) {
      await fenced(context, async (tx) => {
        const gone = await tx.deleteFrom('mitigation').where('id', '=', id).returningAll().executeTakeFirst();
        if (gone) await noteRelease(tx, gone, context.key, record);
      });
      await refresh();
    },
    set: (order, context) =>
      onPart(order.setting, context, async (part) => part.set?.(order, context) ?? notOf(part.name, order.setting)),
    unset: (order, context) =>
      onPart(order.setting, context, async (part) => part.unset?.(order, context) ?? notOf(part.name, order.setting)),
    act: (order, context) =>
      onPart(partOf(order), context, async (part) => part.act?.(order, context) ?? notOf(part.name, partOf(order))),
    unact: (order, context) =>
      onPart(partOf(order), context, async (part) => part.unact?.(order, context) ?? notOf(part.name, partOf(order))),
    suspend: async ({ actor }) => unknownPart(actor),
    async page(message, context) {
      context.signal.throwIfAborted();
      return { delivered: await options.callPerson(message, context.key) };
    },
  };
}

/**
 * A transaction under the epoch of the context: what began under an earlier one of this process writes nothing, also when
 * this process leads once more by then. Everything that decides is looked at before the first wait.
 */
async function underEpoch<T>(
  database: Database,
  lease: LeaderLease,
  context: MoveContext,
  fn: (tx: DatabaseTransaction) => Promise<T>,
): Promise<T> {
  context.signal.throwIfAborted();
  const epoch = lease.current()?.epoch;
  if (epoch !== undefined && epoch !== context.epoch) {
    throw new KinError('lease.stale', `epoch ${context.epoch} is over; this process leads under ${epoch}`);
  }
  return fencedTransaction(database, lease, fn);
}

/** Programs are run for anything; everything else is done by who has it. */
function partOf({ verb, asset }: AssetOrder): string {
  return verb === 'run' ? `program ${asset}` : asset;
}

function unknownPart(name: string): never {
  throw new KinError('resource.unknown', `no driver has ${name}`);
}

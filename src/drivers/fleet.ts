import { sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { describeError, isFault, KinError } from '../base/errors.ts';
import { regionAddress } from '../base/region-address.ts';
import type { Fleet, Mitigation, Replacement } from '../heal/fleet.ts';
import type { MoveContext } from '../heal/move.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { Sample } from '../observe/sample.ts';
import type { Database, DatabaseTransaction } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';
import type { Slot, StoredVersion } from './declared.ts';
import type { Driver } from './driver.ts';
import type { World } from './world.ts';

export interface FleetOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly driver: Driver;
  readonly world: World;
  readonly clock: Clock;
  readonly record: RecordEvent;
  /** Environment of the instance that is about to start in a slot. */
  readonly environmentOf: (version: StoredVersion, slot: Slot) => Record<string, string>;
  /** Reads again what is declared, publishes the routing, renews the probes. Called after each change. */
  readonly refresh: () => Promise<void>;
  readonly onSample: (sample: Sample) => void;
  readonly callPerson: (message: { incident: string; summary: string }) => Promise<boolean>;
}

/** The fleet of real processes behind a driver. See `heal/fleet.ts` for what each call promises. */
export function createFleet(options: FleetOptions): Fleet {
  const { database, lease, driver, world, clock, record, refresh } = options;

  const fenced = <T>(fn: (tx: DatabaseTransaction) => Promise<T>): Promise<T> => fencedTransaction(database, lease, fn);

  const stopInstance = async (id: string, workload: string, version: number | null, epoch: number, drain: boolean) => {
    const spec = version === null ? undefined : world.version(workload, version)?.spec;
    const child = world.child(id);
    if (drain && spec && child?.state === 'running') {
      world.draining.add(id);
      await refresh();
      await clock.sleep(spec.stop.drainMs);
    }
    const command = {
      epoch,
      signal: spec?.stop.signal ?? ('SIGTERM' as const),
      killAfterMs: spec?.stop.killAfterMs ?? 5_000,
      reason: 'replaced',
    };
    try {
      world.setChild(await driver.stop(id, command));
    } catch (error) {
      if (!(error instanceof KinError) || error.code !== 'resource.unknown') throw error;
    } finally {
      world.draining.delete(id);
    }
  };

  const retire = (id: string, slot: Slot, version: number | null) =>
    options.onSample({
      kind: 'retired',
      at: clock.now(),
      vantage: 'control',
      instance: id,
      workload: slot.workload,
      version: version ?? 0,
      region: slot.region,
    });

  const start = async (order: Replacement, slot: Slot, version: StoredVersion, epoch: number) => {
    const { spec } = version;
    const child = await driver.start({
      id: order.newInstance,
      epoch,
      workload: order.workload,
      version: order.version,
      region: order.region,
      host: regionAddress(order.region),
      port: order.inPlace ? slot.port : 0,
      spec: {
        command: spec.command,
        cwd: version.artefactPath,
        env: options.environmentOf(version, slot),
        limits: {
          ...(spec.resources.memoryMiB === undefined ? {} : { memoryMiB: spec.resources.memoryMiB }),
          ...(spec.resources.cpus === undefined ? {} : { cpus: spec.resources.cpus }),
          ...(spec.resources.pids === undefined ? {} : { pids: spec.resources.pids }),
        },
      },
      artefact: { path: version.artefactPath, digest: version.artefactDigest },
    });
    world.setChild(child);
    await refresh();
    return child;
  };

  const untilReady = async (order: Replacement, version: StoredVersion, context: MoveContext) => {
    const deadline = clock.deadline(version.spec.start.deadlineMs, context.signal);
    const settled = () => world.isReady(order.newInstance) || !world.isRunning(order.newInstance);
    await world.until(settled, deadline).catch(() => undefined);
    if (world.isReady(order.newInstance)) return;
    context.signal.throwIfAborted();
    const lastLine = world.child(order.newInstance)?.exit?.lastLines.at(-1);
    const why = world.isRunning(order.newInstance)
      ? `was not ready within ${version.spec.start.deadlineMs} ms`
      : `ended before it was ready${lastLine ? `: ${lastLine}` : ''}`;
    throw new KinError('instance.not-ready', `${order.newInstance} ${why}`);
  };

  const startFailed = (order: Replacement, error: unknown) =>
    options.onSample({
      kind: 'start-failed',
      at: clock.now(),
      vantage: 'control',
      instance: order.newInstance,
      workload: order.workload,
      version: order.version,
      region: order.region,
      reason: describeError(error),
    });

  const updateSlot = (
    order: Replacement,
    values: Partial<Record<'instance_id' | 'incoming_id', string | null>> &
      Partial<Record<'version' | 'incoming_version', number | null>> & { port?: number },
  ) =>
    fenced((tx) =>
      tx
        .updateTable('slot')
        .set(values)
        .where('workload', '=', order.workload)
        .where('region', '=', order.region)
        .where('ordinal', '=', order.ordinal)
        .execute(),
    ).then(refresh);

  const replace = async (order: Replacement, context: MoveContext): Promise<void> => {
    await refresh();
    const slot = slotOf(world, order);
    const version = world.version(order.workload, order.version);
    if (!version) throw new KinError('resource.unknown', `${order.workload} has no version ${order.version}`);
    if (slot.instance !== order.newInstance) {
      if (slot.instance !== order.oldInstance) {
        throw new KinError(
          'resource.conflict',
          `slot of ${order.oldInstance ?? 'nobody'} is held by ${slot.instance ?? 'nobody'}`,
        );
      }
      if (slot.incoming && slot.incoming !== order.newInstance) {
        await stopInstance(slot.incoming, order.workload, slot.incomingVersion, context.epoch, false);
      }
      await updateSlot(order, { incoming_id: order.newInstance, incoming_version: order.version });
      if (order.inPlace && order.oldInstance) {
        await stopInstance(order.oldInstance, order.workload, slot.version, context.epoch, true);
      }
      try {
        const child = await start(order, slotOf(world, order), version, context.epoch);
        await untilReady(order, version, context);
        await updateSlot(order, {
          instance_id: order.newInstance,
          version: order.version,
          incoming_id: null,
          incoming_version: null,
          port: child.port,
        });
      } catch (error) {
        if (!context.signal.aborted && STARTS_FAIL_WITH.some((code) => isFault(error, code))) startFailed(order, error);
        throw error;
      }
    }
    if (order.oldInstance) {
      await stopInstance(order.oldInstance, order.workload, slot.version ?? order.version, context.epoch, true);
      retire(order.oldInstance, slot, oldVersionOf(world, order, slot));
    }
    await refresh();
  };

  const undoReplace = async (order: Replacement, context: MoveContext): Promise<void> => {
    await refresh();
    const slot = slotOf(world, order);
    if (slot.instance === order.newInstance) {
      // It ended but for the stop of the old instance, which must not go on beside its successor.
      if (order.oldInstance) await stopInstance(order.oldInstance, order.workload, order.version, context.epoch, true);
      return;
    }
    await stopInstance(order.newInstance, order.workload, order.version, context.epoch, false);
    retire(order.newInstance, slot, order.version);
    if (slot.incoming === order.newInstance) await updateSlot(order, { incoming_id: null, incoming_version: null });
  };

  return {
    replace,
    undoReplace,
    async vacate(place, context) {
      const slot = slotOf(world, place);
      for (const [id, version] of [
        [slot.instance, slot.version],
        [slot.incoming, slot.incomingVersion],
      ] as const) {
        if (id === null) continue;
        await stopInstance(id, slot.workload, version, context.epoch, true);
        retire(id, slot, version);
      }
    },
    async setTarget({ workload, version, phase, rejected }) {
      await fenced(async (tx) => {
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
    async mitigate(mitigation: Mitigation) {
      const { id, tenant, kind, minutes, ...limits } = mitigation;
      await fenced((tx) =>
        tx
          .insertInto('mitigation')
          .values({
            id,
            tenant,
            kind,
            limits: JSON.stringify({ ...limits, minutes }),
            expires_at: sql<string>`now() + ${minutes} * interval '1 minute'`,
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute(),
      );
      await refresh();
    },
    async liftMitigation(id) {
      await fenced((tx) => tx.deleteFrom('mitigation').where('id', '=', id).execute());
      await refresh();
    },
    async scale({ workload, regions, by, key }) {
      const delta = JSON.stringify({ [key]: Object.fromEntries(regions.map((region) => [region, by])) });
      await fenced((tx) =>
        tx
          .updateTable('workload_state')
          .set({
            scale_delta:
              by === 0 ? sql<string>`scale_delta - ${key}::text` : sql<string>`scale_delta || ${delta}::jsonb`,
          })
          .where('workload', '=', workload)
          .execute(),
      );
      await refresh();
    },
    set: async ({ setting }) => unknownPart(setting),
    unset: async ({ setting }) => unknownPart(setting),
    act: async ({ asset }) => unknownPart(asset),
    unact: async ({ asset }) => unknownPart(asset),
    suspend: async ({ actor }) => unknownPart(actor),
    async page(message) {
      return { delivered: await options.callPerson(message) };
    },
  };
}

function unknownPart(name: string): never {
  throw new KinError('resource.unknown', `no driver has ${name}`);
}

/** Faults that say something about the instance; all others are about Kintsugi itself. */
const STARTS_FAIL_WITH = [
  'instance.not-ready',
  'instance.start-failed',
  'artefact.missing',
  'artefact.drifted',
] as const;

function slotOf(world: World, order: Pick<Replacement, 'workload' | 'region' | 'ordinal'>): Slot {
  const slot = world
    .workload(order.workload)
    ?.slots.find((each) => each.region === order.region && each.ordinal === order.ordinal);
  if (slot) return slot;
  throw new KinError('resource.unknown', `there is no slot ${order.workload}/${order.region}/${order.ordinal}`);
}

/** The version that the retired instance ran: the slot may already name its successor's after a takeover. */
function oldVersionOf(world: World, order: Replacement, slot: Slot): number | null {
  return world.child(order.oldInstance ?? '')?.version ?? slot.version;
}

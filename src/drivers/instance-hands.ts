import type { Clock } from '../base/clock.ts';
import { describeError, isFault, KinError } from '../base/errors.ts';
import { regionAddress } from '../base/region-address.ts';
import type { MoveContext } from '../heal/move.ts';
import type { Sample } from '../observe/sample.ts';
import type { DatabaseTransaction } from '../store/database.ts';
import type { Slot, StoredVersion } from './declared.ts';
import type { Driver } from './driver.ts';
import type { SlotPlace, SlotState, SuccessionPorts, Successor } from './succession.ts';
import type { World } from './world.ts';

export interface InstanceHandsOptions {
  readonly driver: Driver;
  readonly world: World;
  readonly clock: Clock;
  /** A transaction under the epoch of the context and no other. */
  readonly fenced: <T>(context: MoveContext, fn: (tx: DatabaseTransaction) => Promise<T>) => Promise<T>;
  /** Environment of the instance that is about to start in a slot. */
  readonly environmentOf: (version: StoredVersion, slot: Slot) => Record<string, string>;
  /** Reads again what is declared, publishes the routing, renews the probes. Called after each change. */
  readonly refresh: () => Promise<void>;
  readonly onSample: (sample: Sample) => void;
}

/** Faults that say something about the instance; all others are about Kintsugi itself. */
const STARTS_FAIL_WITH = [
  'instance.not-ready',
  'instance.start-failed',
  'artefact.missing',
  'artefact.drifted',
] as const;

/** What replacing is made of, with slots in PostgreSQL and instances behind a driver. */
export function createInstanceHands(options: InstanceHandsOptions): SuccessionPorts {
  const { driver, world, refresh } = options;
  return {
    async slot(place) {
      await refresh();
      return toState(slotOf(world, place));
    },
    write: (place, change, context) => writeSlot(options, place, change, context),
    async start(next, context) {
      context.signal.throwIfAborted();
      const slot = slotOf(world, next);
      const version = versionOf(world, next);
      const child = await driver.start(startOf(next, slot, version, options.environmentOf(version, slot), context));
      world.setChild(child);
      await refresh();
      return child.port;
    },
    untilReady: (next, context) => untilReady(options, next, context),
    stop: (id, of, context) => stopInstance(options, id, of, context),
    isRunning: (id) => world.isRunning(id),
    retire(id, { workload, region, version }) {
      const known = world.child(id)?.version ?? version ?? 0;
      const who = { instance: id, workload, version: known, region };
      options.onSample({ kind: 'retired', at: options.clock.now(), vantage: 'control', ...who });
    },
    startFailed({ id, workload, version, region }, error) {
      if (!STARTS_FAIL_WITH.some((code) => isFault(error, code))) return;
      const who = { instance: id, workload, version, region, reason: describeError(error) };
      options.onSample({ kind: 'start-failed', at: options.clock.now(), vantage: 'control', ...who });
    },
  };
}

async function writeSlot(
  { fenced, refresh }: InstanceHandsOptions,
  place: SlotPlace,
  change: Partial<SlotState> & { readonly port?: number },
  context: MoveContext,
): Promise<void> {
  const { instance, version, incoming, incomingVersion, port } = change;
  const values = {
    ...(instance === undefined ? {} : { instance_id: instance }),
    ...(version === undefined ? {} : { version }),
    ...(incoming === undefined ? {} : { incoming_id: incoming }),
    ...(incomingVersion === undefined ? {} : { incoming_version: incomingVersion }),
    ...(port === undefined ? {} : { port }),
  };
  await fenced(context, (tx) =>
    tx
      .updateTable('slot')
      .set(values)
      .where('workload', '=', place.workload)
      .where('region', '=', place.region)
      .where('ordinal', '=', place.ordinal)
      .execute(),
  );
  await refresh();
}

function startOf(
  next: Successor,
  slot: Slot,
  { spec, artefactPath, artefactDigest }: StoredVersion,
  env: Record<string, string>,
  { epoch }: MoveContext,
) {
  const { memoryMiB, cpus, pids } = spec.resources;
  const limits = {
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(pids === undefined ? {} : { pids }),
  };
  return {
    id: next.id,
    epoch,
    workload: next.workload,
    version: next.version,
    region: next.region,
    host: regionAddress(next.region),
    port: next.inPlace ? slot.port : 0,
    spec: { command: spec.command, cwd: artefactPath, env, limits },
    artefact: { path: artefactPath, digest: artefactDigest },
  };
}

async function untilReady({ world, clock }: InstanceHandsOptions, next: Successor, context: MoveContext) {
  const { deadlineMs } = versionOf(world, next).spec.start;
  const deadline = clock.deadline(deadlineMs, context.signal);
  const settled = () => world.isReady(next.id) || !world.isRunning(next.id);
  await world.until(settled, deadline).catch(() => undefined);
  if (world.isReady(next.id)) return;
  context.signal.throwIfAborted();
  const lastLine = world.child(next.id)?.exit?.lastLines.at(-1);
  const why = world.isRunning(next.id)
    ? `was not ready within ${deadlineMs} ms`
    : `ended before it was ready${lastLine ? `: ${lastLine}` : ''}`;
  throw new KinError('instance.not-ready', `${next.id} ${why}`);
}

async function stopInstance(
  { driver, world, clock, refresh }: InstanceHandsOptions,
  id: string,
  of: SlotPlace & { readonly version: number | null; readonly drain: boolean },
  context: MoveContext,
): Promise<void> {
  context.signal.throwIfAborted();
  const child = world.child(id);
  const version = child?.version ?? of.version;
  const spec = version === null ? undefined : world.version(of.workload, version)?.spec;
  const drains = of.drain && spec !== undefined && child?.state === 'running';
  try {
    if (drains) {
      world.draining.add(id);
      await refresh();
      await clock.sleep(spec.stop.drainMs, context.signal);
    }
    const signal = spec?.stop.signal ?? ('SIGTERM' as const);
    const killAfterMs = spec?.stop.killAfterMs ?? 5_000;
    world.setChild(await driver.stop(id, { epoch: context.epoch, signal, killAfterMs, reason: 'replaced' }));
  } catch (error) {
    if (!isFault(error, 'resource.unknown')) throw error;
  } finally {
    world.draining.delete(id);
    if (drains) await refresh();
  }
}

function toState({ instance, version, incoming, incomingVersion }: Slot): SlotState {
  return { instance, version, incoming, incomingVersion };
}

function versionOf(world: World, next: Successor): StoredVersion {
  const version = world.version(next.workload, next.version);
  if (version) return version;
  throw new KinError('resource.unknown', `${next.workload} has no version ${next.version}`);
}

export function slotOf(world: World, place: SlotPlace): Slot {
  const slot = world
    .workload(place.workload)
    ?.slots.find((each) => each.region === place.region && each.ordinal === place.ordinal);
  if (slot) return slot;
  throw new KinError('resource.unknown', `there is no slot ${place.workload}/${place.region}/${place.ordinal}`);
}

import { KinError } from '../base/errors.ts';
import { type Fleet, type Replacement, returnOf } from '../heal/fleet.ts';
import type { MoveContext } from '../heal/move.ts';

/** Who has a slot and who is on the way into it. */
export interface SlotState {
  readonly instance: string | null;
  readonly version: number | null;
  readonly incoming: string | null;
  readonly incomingVersion: number | null;
}

export type SlotPlace = Pick<Replacement, 'workload' | 'region' | 'ordinal'>;

/** Who is to have a slot next. */
export interface Successor extends SlotPlace {
  readonly id: string;
  readonly version: number;
  readonly inPlace: boolean;
}

/**
 * The single effects of which replacements are made. Each is idempotent, refuses a stale epoch and an aborted signal
 * before it does anything, and may be the last thing that this process does.
 */
export interface SuccessionPorts {
  /** Read anew. Rejects with `resource.unknown` when there is no such slot. */
  slot(place: SlotPlace): Promise<SlotState>;
  write(place: SlotPlace, change: Partial<SlotState> & { readonly port?: number }, context: MoveContext): Promise<void>;
  /** Resolves with its port once the process exists; an id is started at most once. */
  start(next: Successor, context: MoveContext): Promise<number>;
  untilReady(next: Successor, context: MoveContext): Promise<void>;
  /** Resolves when it is gone, also when it never was. With `drain` it leaves the routing before. */
  stop(id: string, of: SlotPlace & { version: number | null; drain: boolean }, context: MoveContext): Promise<void>;
  /** Whether it runs and nobody told it to stop. */
  isRunning(id: string): boolean;
  /** What was observed of it counts no more: it was taken out of service on purpose. */
  retire(id: string, of: SlotPlace & { version: number | null }): void;
  startFailed(next: Successor, error: unknown): void;
}

/**
 * Replaces the occupants of slots, and takes that back. Killed between any two effects, either is finished by a repetition;
 * the undo is right wherever the replacement stopped. See `heal/fleet.ts` for what the two promise.
 */
export function createSuccession(ports: SuccessionPorts): Pick<Fleet, 'replace' | 'undoReplace'> {
  /** Writes down who comes before it is started: whoever leads then starts exactly that one. */
  const occupy = async (next: Successor, before: string | null, waits: boolean, context: MoveContext) => {
    await ports.write(next, { incoming: next.id, incomingVersion: next.version }, context);
    if (next.inPlace && before) {
      const { version } = await ports.slot(next);
      await ports.stop(before, { ...placeOf(next), version, drain: true }, context);
    }
    try {
      const port = await ports.start(next, context);
      if (waits) await ports.untilReady(next, context);
      const there = { instance: next.id, version: next.version, incoming: null, incomingVersion: null, port };
      await ports.write(next, there, context);
    } catch (error) {
      if (!context.signal.aborted) ports.startFailed(next, error);
      throw error;
    }
  };

  const replace = async (order: Replacement, context: MoveContext): Promise<void> => {
    const slot = await ports.slot(order);
    const place = placeOf(order);
    const { oldInstance, newInstance } = order;
    if (slot.instance !== newInstance) {
      if (slot.instance !== oldInstance) throw taken(order, slot);
      if (slot.incoming && slot.incoming !== newInstance) {
        await ports.stop(slot.incoming, { ...place, version: slot.incomingVersion, drain: false }, context);
      }
      await occupy({ ...order, id: newInstance }, oldInstance, true, context);
    }
    if (!oldInstance) return;
    await ports.stop(oldInstance, { ...place, version: order.oldVersion, drain: true }, context);
    ports.retire(oldInstance, { ...place, version: order.oldVersion });
  };

  /** The old version comes back under the id that is kept for it, because an id is started at most once. */
  const putBack = async (order: Replacement, context: MoveContext): Promise<void> => {
    if (order.oldVersion === null)
      throw new KinError('resource.unknown', `the version of ${order.oldInstance} is unknown`);
    const place = placeOf(order);
    const next = { ...place, id: returnOf(order), version: order.oldVersion, inPlace: order.inPlace };
    if (order.oldInstance) {
      await ports.stop(order.oldInstance, { ...place, version: order.oldVersion, drain: true }, context);
    }
    await occupy(next, (await ports.slot(order)).instance, order.oldState === 'ready', context);
  };

  const dismiss = async (order: Replacement, drain: boolean, context: MoveContext): Promise<void> => {
    const of = { ...placeOf(order), version: order.version };
    await ports.stop(order.newInstance, { ...of, drain }, context);
    ports.retire(order.newInstance, of);
  };

  const undoReplace = async (order: Replacement, context: MoveContext): Promise<void> => {
    const slot = await ports.slot(order);
    const { oldInstance, oldVersion, newInstance, oldState } = order;
    if (slot.instance === returnOf(order)) return dismiss(order, true, context);
    const isEqual = order.version === oldVersion && order.rereads === undefined;
    if (slot.instance === newInstance && isEqual) {
      // An equal one serves in its place, and the old one must not go on beside it.
      if (oldInstance) await ports.stop(oldInstance, { ...placeOf(order), version: oldVersion, drain: true }, context);
      return;
    }
    if (slot.instance === newInstance) {
      const isThere = oldInstance === null || oldState === 'gone' || ports.isRunning(oldInstance);
      if (!isThere) {
        await putBack(order, context);
        return dismiss(order, true, context);
      }
      const back = { instance: oldInstance, version: oldVersion };
      await ports.write(order, { ...back, incoming: newInstance, incomingVersion: order.version }, context);
    }
    await dismiss(order, false, context);
    const wasStopped = order.inPlace && oldInstance !== null && oldState !== 'gone' && !ports.isRunning(oldInstance);
    const { instance, incoming } = await ports.slot(order);
    if (wasStopped && instance === oldInstance) return putBack(order, context);
    if (incoming === newInstance) await ports.write(order, { incoming: null, incomingVersion: null }, context);
  };

  return { replace, undoReplace };
}

function placeOf({ workload, region, ordinal }: SlotPlace): SlotPlace {
  return { workload, region, ordinal };
}

function taken(order: Replacement, slot: SlotState): KinError {
  const who = (id: string | null) => id ?? 'nobody';
  return new KinError('resource.conflict', `slot of ${who(order.oldInstance)} is held by ${who(slot.instance)}`);
}

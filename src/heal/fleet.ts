import type { JsonObject } from '../base/json.ts';
import type { MoveContext } from './move.ts';

/** One successor for the instance in one slot. Ids are given, so that doing it twice does it once. */
export interface Replacement {
  readonly workload: string;
  readonly region: string;
  readonly ordinal: number;
  /** Null for a slot that was empty. */
  readonly oldInstance: string | null;
  readonly oldVersion: number | null;
  /** How the old one was when this was decided; the undo of a replacement makes that so again. */
  readonly oldState: 'ready' | 'running' | 'gone';
  readonly newInstance: string;
  readonly version: number;
  /** The old one stops first: it owns data or a place that two cannot share. */
  readonly inPlace: boolean;
  /** Machines that are in doubt: the successor is placed on another one, or not at all. */
  readonly avoidHosts?: readonly string[];
  /** The setting that the successor is to see, because processes read it at their start alone. */
  readonly rereads?: string;
}

/** Id under which an undo starts the old version again when the old instance is gone by then: an id is used once. */
export function returnOf(order: Pick<Replacement, 'newInstance'>): string {
  return `${order.newInstance}-back`;
}

/**
 * A limit at the gateways. `throttle` holds to a rate, `quarantine` refuses, `shed` refuses a share. What is named narrows
 * it: a tenant, a route, one kind of request, a caller; what is null or left out does not. It ends by itself.
 */
export interface Mitigation {
  readonly id: string;
  readonly kind: 'throttle' | 'quarantine' | 'shed';
  readonly tenant: string | null;
  readonly workload?: string | null;
  readonly route?: string | null;
  readonly fingerprint?: string | null;
  readonly actor?: string | null;
  /** `postgresql/records/us`: not requests, but new rows of the tenant in this store are refused. */
  readonly store?: string;
  /** It holds what leaks, or what is where it may not be: lifted once this incident is over, and not by an undo. */
  readonly incident?: string;
  /**
   * It does not end by itself, nor let through more and more: while nobody is there who could say that nothing leaks any
   * more, it holds. After its minutes it is decided on anew by whoever leads.
   */
  readonly untilLifted?: boolean;
  readonly requestsPerSecond: number;
  readonly concurrency: number;
  /** Share of the requests that is refused while it sheds, 0 to 1. */
  readonly share?: number;
  readonly minutes: number;
  /** Over the last part of its time it lets through more and more, so that nobody returns all at once. */
  readonly rampMinutes?: number;
}

/** A write of a setting. `key` names the write, so that a repetition is known and the undo finds it. */
export interface SettingOrder {
  readonly setting: string;
  /** Null removes it. */
  readonly value: string | null;
  readonly expectedRevision: number;
  readonly oldValue: string | null;
  readonly key: string;
}

/** Something that is done to an asset and is no state that could be written. */
export interface AssetOrder {
  readonly verb: 'terminate' | 'rotate' | 'sync-clock' | 'back-up' | 'dead-letter' | 'failover' | 'run';
  readonly asset: string;
  readonly key: string;
  /** What the verb needs: the session's id and start, the record's offset, the command. */
  readonly input: JsonObject;
}

/** One instance fewer of a workload in a region. */
export interface ScaleInOrder {
  readonly workload: string;
  readonly region: string;
  readonly key: string;
}

/**
 * What moves may do to the fleet. Every call is idempotent and may follow a crash in the middle of itself: it looks at
 * what is there and does what is left. Calls carry the epoch of the leader; a former leader is refused with `lease.stale`
 * or `keeper.refused` before anything happens.
 */
export interface Fleet {
  /**
   * Starts the successor, waits until it is ready, gives it the slot and stops the old instance (in the other order when
   * in place). Rejects with `instance.not-ready`, `instance.start-failed`, `artefact.missing` or `artefact.drifted`; the
   * old instance, if it still served, serves on unless the replacement is in place.
   */
  replace(order: Replacement, context: MoveContext): Promise<void>;
  /**
   * Takes back a replacement, however far it came: the slot has an instance of the old version, in the old state, and
   * nobody else runs for it. The old instance keeps the slot, or gets it back, while it runs; otherwise the old version is
   * started under `returnOf`. An equal successor that has the slot stays: it is as before under another name, unless it
   * reads a setting anew.
   */
  undoReplace(order: Replacement, context: MoveContext): Promise<void>;
  /** Sets the version that a workload is to run. `rejected` marks a version that was gone back from. */
  setTarget(
    target: { workload: string; version: number; phase: string; rejected: number | null },
    context: MoveContext,
  ): Promise<void>;
  /** Takes the instance of a slot out of the routing and stops it; the slot is to be removed. */
  vacate(place: { workload: string; region: string; ordinal: number }, context: MoveContext): Promise<void>;
  /**
   * Writes a setting. Rejects with `resource.conflict` when its revision is neither the expected one nor the one that the
   * same key made: somebody else wrote meanwhile, and the plan is stale.
   */
  set(order: SettingOrder, context: MoveContext): Promise<void>;
  /** Writes the old value back if the last write was made under the key of the order; otherwise there is nothing to undo. */
  unset(order: SettingOrder, context: MoveContext): Promise<void>;
  /** Does the thing once per key, and says what came of it. Rejects with `resource.unknown` when the asset is gone. */
  act(order: AssetOrder, context: MoveContext): Promise<JsonObject>;
  /** Takes back what can be taken back of `act`; a verb that cannot is irreversible, and its undo is not called. */
  unact(order: AssetOrder, context: MoveContext): Promise<void>;
  /** Stops an actor, or lets it go on. Both are states: twice is once. */
  suspend(order: { actor: string; suspended: boolean; key: string }, context: MoveContext): Promise<void>;
  mitigate(mitigation: Mitigation, context: MoveContext): Promise<void>;
  liftMitigation(id: string, context: MoveContext): Promise<void>;
  /**
   * Sets how many more instances than declared the move `key` asks for, per region, and resolves when they serve. With 0
   * those of this key are gone again when it resolves.
   */
  scale(
    order: { workload: string; regions: readonly string[]; by: number; key: string },
    context: MoveContext,
  ): Promise<void>;
  /**
   * Wants one instance fewer in one region, under the key of the order, and resolves when the newest slot there is gone; its
   * occupant leaves the routing and finishes what it has in hand before it stops.
   */
  scaleIn(order: ScaleInOrder, context: MoveContext): Promise<void>;
  /** Takes that back, however far it came: the slot is wanted again, and has an instance that serves. */
  undoScaleIn(order: ScaleInOrder, context: MoveContext): Promise<void>;
  /**
   * Calls a person through the configured webhook; says in the result whether there is one. The only call that may arrive
   * twice: it carries the key, by which the receiver knows a repetition.
   */
  page(message: { incident: string; summary: string }, context: MoveContext): Promise<{ delivered: boolean }>;
}

import type { MoveContext } from './move.ts';

/** One successor for the instance in one slot. Ids are given, so that doing it twice does it once. */
export interface Replacement {
  readonly workload: string;
  readonly region: string;
  readonly ordinal: number;
  /** Null for a slot that was empty. */
  readonly oldInstance: string | null;
  readonly newInstance: string;
  readonly version: number;
  /** The old one stops first: it owns data or a place that two cannot share. */
  readonly inPlace: boolean;
}

export interface Mitigation {
  readonly id: string;
  readonly tenant: string;
  readonly kind: 'throttle' | 'quarantine';
  readonly requestsPerSecond: number;
  readonly concurrency: number;
  readonly minutes: number;
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
  /** Takes back a replacement that did not end: stops the successor and leaves the slot with the old instance. One that
   * ended stays: an equal instance in the slot is as before. */
  undoReplace(order: Replacement, context: MoveContext): Promise<void>;
  /** Sets the version that a workload is to run. `rejected` marks a version that was gone back from. */
  setTarget(
    target: { workload: string; version: number; phase: string; rejected: number | null },
    context: MoveContext,
  ): Promise<void>;
  /** Takes the instance of a slot out of the routing and stops it; the slot is to be removed. */
  vacate(place: { workload: string; region: string; ordinal: number }, context: MoveContext): Promise<void>;
  mitigate(mitigation: Mitigation, context: MoveContext): Promise<void>;
  liftMitigation(id: string, context: MoveContext): Promise<void>;
  /** Sets how many more (or fewer) instances than declared the move `key` asks for, per region; 0 takes it back. */
  scale(
    order: { workload: string; regions: readonly string[]; by: number; key: string },
    context: MoveContext,
  ): Promise<void>;
  /** Calls a person through the configured webhook; says in the result whether there is one. */
  page(message: { incident: string; summary: string }, context: MoveContext): Promise<{ delivered: boolean }>;
}

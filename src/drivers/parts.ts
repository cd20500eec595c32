import type { Clock } from '../base/clock.ts';
import { KinError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Log } from '../base/log.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import type { ActorView, AssetView, SettingView } from '../diagnose/fleet-view.ts';
import type { AssetOrder, SettingOrder } from '../heal/fleet.ts';
import type { MoveContext } from '../heal/move.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { ConditionSample, LevelSample } from '../observe/sample.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import type { Database } from '../store/database.ts';
import type { LeaderLease } from '../store/lease.ts';
import type { Driver } from './driver.ts';
import type { Secrets } from './instance-environment.ts';
import type { World } from './world.ts';

/** What one kind of part looks like now, and what was measured of it. */
export interface PartsView {
  readonly settings: readonly SettingView[];
  readonly assets: readonly AssetView[];
  readonly actors: readonly ActorView[];
  readonly samples: readonly ConditionSample[];
  /** What runs out there; left out by who knows of nothing that does. */
  readonly levels?: readonly LevelSample[];
}

export const NO_PARTS: PartsView = { settings: [], assets: [], actors: [], samples: [] };

/**
 * Eyes and hands for what is not an instance: the tables and sessions of a database, the configuration of tenants,
 * programs that people bring. Whoever implements it owes:
 * - `look` tells what it can see; what it cannot reach is left out, which is no data and not health.
 * - `owns` is true for the ids of its settings and assets, also of those that are gone by now.
 * - The writes keep what `heal/fleet.ts` promises of `set`, `unset`, `act` and `unact`. What has no keys of its own to
 *   know a repetition by compares the state instead: what is there already is done. Who has no settings leaves out `set`
 *   and `unset`, who has no assets to act on `act` and `unact`: what is asked of them all the same is refused.
 */
export interface Parts {
  readonly name: string;
  look(signal: AbortSignal): Promise<PartsView>;
  owns(id: string): boolean;
  set?(order: SettingOrder, context: MoveContext): Promise<void>;
  unset?(order: SettingOrder, context: MoveContext): Promise<void>;
  act?(order: AssetOrder, context: MoveContext): Promise<JsonObject>;
  unact?(order: AssetOrder, context: MoveContext): Promise<void>;
  close?(): Promise<void>;
}

/** What parts may look at and write to. */
export interface PartsSituation {
  readonly world: World;
  readonly secrets: Secrets;
  readonly driver: Driver;
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether an incident is open that concerns the tenant. */
  readonly isTroubled: (tenant: string) => boolean;
  /** The numbers that the law of a tenant names for a fact. */
  readonly demanded: (tenant: string, fact: FactName) => readonly number[];
  /** Writes the routing of the gateways again, whatever stands in its file. */
  readonly publishRouting: () => void;
}

/** The parts that have this setting or asset. Throws `resource.unknown` when nobody does. */
export function partsOwning(all: readonly Parts[], id: string): Parts {
  const owner = all.find((each) => each.owns(id));
  if (!owner) throw new KinError('resource.unknown', `no driver has ${id}`);
  return owner;
}

/** For a part that has none of what is asked of it. */
export function notOf(name: string, id: string): never {
  throw new KinError('resource.unknown', `${name} cannot do this to ${id}`);
}

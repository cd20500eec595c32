import type { Account } from '../detect/account.ts';
import type { Converger } from '../drivers/converge.ts';
import type { Parts } from '../drivers/parts.ts';
import type { World } from '../drivers/world.ts';
import type { Ranking } from '../diagnose/diagnosis.ts';
import type { IncidentTracker } from '../heal/incident-tracker.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { RepairDesk } from '../heal/repair-desk.ts';
import type { LeaderLease } from '../store/lease.ts';
import type { BreachDesk } from './breach-desk.ts';
import type { Compliance } from './compliance.ts';
import type { DutyDesk } from './duty-desk.ts';
import type { Picture } from './picture.ts';
import type { RecordShelf } from './record-shelf.ts';
import type { RegisterDesk } from './register-desk.ts';
import type { ControlOptions } from './control-options.ts';

/** Everything that a running control process is made of; what the API shows and changes. */
export interface Control {
  readonly options: ControlOptions;
  readonly picture: Picture;
  readonly world: World;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly tracker: IncidentTracker;
  readonly desk: RepairDesk;
  readonly converger: Converger;
  readonly parts: readonly Parts[];
  /** What detectors know, for people. */
  accounts(): readonly Account[];
  /** The same of one detector, by its name. */
  accountsOf(detector: string): readonly Account[];
  /** Who adds the harm that is felt just now; undefined when none is. */
  ranking(): Ranking | undefined;
  /** Detectors that were blind meanwhile go on from what the last leader kept. Never rejects. */
  restoreDetection(): Promise<void>;
  readonly compliance: Compliance;
  /** Losses that people have to judge. */
  readonly breaches: BreachDesk;
  /** What the gate laid on moves that were made. */
  readonly duties: DutyDesk;
  /** What people did and signed. */
  readonly records: RecordShelf;
  /** Versions of the record of processing. */
  readonly registers: RegisterDesk;
  /** Reads again what is declared and looks at once. */
  refresh(): Promise<void>;
  /** Aborts when this process stops to lead or to run. */
  leadership(): AbortSignal;
  close(): Promise<void>;
}

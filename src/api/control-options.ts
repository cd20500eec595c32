import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import type { DetectionTerms } from '../detect/detection-terms.ts';
import type { RunningDetector } from '../detect/detector.ts';
import type { CollectorSituation } from '../drivers/collector-places.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Parts, PartsSituation } from '../drivers/parts.ts';
import type { Move } from '../heal/move.ts';
import type { LedgerClient } from '../ledger/client.ts';
import type { Collector } from '../observe/collector.ts';
import type { Probe } from '../observe/probe.ts';
import type { MoveName } from '../resources/playbook.ts';
import type { Database } from '../store/database.ts';

/** What a control process is given: its state, its hands and eyes, and who it is. */
export interface ControlOptions {
  readonly state: StateDirectory;
  readonly database: Database;
  readonly driver: Driver;
  readonly ledger: LedgerClient;
  readonly probes: readonly Probe[];
  readonly moves: ReadonlyMap<MoveName, Move>;
  readonly createParts: (situation: PartsSituation) => readonly Parts[];
  readonly createCollectors: (situation: CollectorSituation) => readonly Collector[];
  readonly createDetectors: (terms: DetectionTerms) => readonly RunningDetector[];
  readonly version: string;
  /** Of the detectors that run: what others have learnt may have another form. */
  readonly detectionShape: string;
  readonly holder: string;
  readonly internalPort: number;
  /** Where on this machine the healer's own state is served; undefined for the embedded server and for another machine. */
  readonly databasePort: number | undefined;
  readonly pageWebhook: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

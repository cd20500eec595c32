import { describeError, isFault } from '../base/errors.ts';
import type { Account } from '../detect/account.ts';
import type { RunningDetector } from '../detect/detector.ts';
import type { Converger } from '../drivers/converge.ts';
import type { Parts } from '../drivers/parts.ts';
import type { World } from '../drivers/world.ts';
import type { Ranking } from '../diagnose/diagnosis.ts';
import type { IncidentTracker } from '../heal/incident-tracker.ts';
import { DetectionKeeper } from '../heal/detection-memory.ts';
import { noteLeadership } from '../heal/leadership-store.ts';
import { createPostgresqlDetectionMemory } from '../heal/postgresql-detection-memory.ts';
import { createRecord, type RecordEvent } from '../heal/record.ts';
import type { RepairDesk } from '../heal/repair-desk.ts';
import { createHealer, type Healer } from '../healer.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { loop } from '../loop.ts';
import { type LeaderLease, leaderLease } from '../store/lease.ts';
import { drain } from '../store/outbox.ts';
import { BreachDesk } from './breach-desk.ts';
import { socketClient } from '../base/socket-http.ts';
import { administrationRecord } from './administration-record.ts';
import { doorOfNow } from './access/door.ts';
import { changeRecord } from './change-facts.ts';
import { BreachWatch } from './breach-watch.ts';
import { Compliance } from './compliance.ts';
import { DutyDesk } from './duty-desk.ts';
import type { DutyWatch } from './duty-watch.ts';
import { incidentRecords } from './incident-facts.ts';
import { MatchRecord } from './match-record.ts';
import { TurnRecord } from './turn-record.ts';
import type { OwnLevels } from './own-levels.ts';
import type { PartWatch } from './part-watch.ts';
import { Picture } from './picture.ts';
import { recordCollectors } from './record-facts.ts';
import type { RecordShelf } from './record-shelf.ts';
import { RegisterDesk } from './register-desk.ts';
import { reviewCollectors } from './review-facts.ts';
import {
  partsSituation,
  collectorSituation,
  recordShelfOf,
  dutyWatchOf,
  breachWorldOf,
  partWatchOf,
  ownLevelsOf,
  fleetOf,
  convergerOf,
  portsOf,
  termsOf,
} from './control-parts.ts';
import type { Control } from './control.ts';
import type { ControlOptions } from './control-options.ts';

/** A leader that is silent for this long is followed by another: with the resumption it keeps within 5 s. */
const LEASE_TTL_MS = 2_000;
/** What is declared is read again at least this often, also when nobody said that it changed. */
const RELOOK_MS = 2_000;
const OUTBOX_MS = 200;
/** Losses are looked for, and their clocks looked at, this often. */
const BREACH_MS = 2_000;
/** Duties of moves are looked after this often. */
const DUTIES_MS = 2_000;
/** What detectors know is kept in this rhythm, half a megabyte at a time. */
const DETECTION_MS = 2_000;

/**
 * Starts the control process: takes part in the election, and runs the loop while it leads. Whether it leads
 * shows later. `close` gives up the lead, so that another replica follows at once; what is half done stays journaled.
 */
export function startControl(options: ControlOptions): Control {
  const { clock, log, database } = options;
  const onFault = (error: unknown) => log.debug({ reason: describeError(error) }, 'lease');
  const lease = leaderLease({ database, name: 'leader', holder: options.holder, ttlMs: LEASE_TTL_MS, clock, onFault });
  const control = new RunningControl(options, lease);
  control.run();
  return control;
}

/** The process while it runs: who leads, and what beats. */
class RunningControl implements Control {
  readonly #running = new AbortController();
  readonly #beats: (() => void)[] = [];
  #leading = new AbortController();
  readonly options: ControlOptions;
  readonly picture: Picture;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly converger: Converger;
  readonly parts: readonly Parts[];
  readonly compliance: Compliance;
  readonly breaches: BreachDesk;
  readonly duties: DutyDesk;
  readonly records: RecordShelf;
  readonly registers: RegisterDesk;
  readonly #breachWatch: BreachWatch;
  readonly #dutyWatch: DutyWatch;
  readonly #partWatch: PartWatch;
  readonly #ownLevels: OwnLevels;
  readonly #healer: Healer;
  readonly #detectors: readonly RunningDetector[];
  readonly #detection: DetectionKeeper;

  constructor(options: ControlOptions, lease: LeaderLease) {
    this.options = options;
    this.lease = lease;
    this.record = createRecord(options.clock, options.random, doorOfNow);
    this.picture = new Picture(options, lease);
    this.parts = options.createParts(partsSituation(this));
    this.compliance = new Compliance(
      options,
      new TurnRecord({ database: options.database, lease, record: this.record }),
      new MatchRecord({ ...options, lease }),
      { onSample: (sample) => this.picture.take(sample), onFacts: (facts) => this.#breachWatch.take(facts) },
    );
    this.breaches = new BreachDesk({ ...options, lease, record: this.record });
    this.#breachWatch = new BreachWatch({ ...options, desk: this.breaches, world: breachWorldOf(this) });
    this.duties = new DutyDesk({ ...options, lease, record: this.record });
    this.#dutyWatch = dutyWatchOf(this);
    this.records = recordShelfOf(this);
    const tenants = () => this.world.declared.tenants.map(({ metadata }) => metadata.name);
    this.registers = new RegisterDesk({ ...options, lease, record: this.record, tenants });
    this.#partWatch = partWatchOf(this);
    this.#ownLevels = ownLevelsOf(this);
    const fleet = fleetOf(this);
    this.converger = convergerOf(this, fleet);
    this.#detectors = options.createDetectors(termsOf(this.world));
    this.#healer = createHealer(portsOf(this, fleet, this.#detectors));
    const { database, detectionShape: shape } = options;
    this.#detection = new DetectionKeeper(this.#detectors, createPostgresqlDetectionMemory({ database, lease, shape }));
  }

  get tracker(): IncidentTracker {
    return this.#healer.tracker;
  }

  accounts(): readonly Account[] {
    return this.#healer.accounts();
  }

  accountsOf(name: string): readonly Account[] {
    const { clock } = this.options;
    return this.#detectors.flatMap((each) => (each.name === name ? [...each.tell(clock.now())] : []));
  }

  ranking(): Ranking | undefined {
    return this.#healer.ranking();
  }

  get desk(): RepairDesk {
    return this.#healer.desk;
  }

  get world(): World {
    return this.picture.world;
  }

  async refresh(): Promise<void> {
    await this.picture.refresh();
    this.compliance.declare(this.world.declared);
  }

  leadership(): AbortSignal {
    return this.#leading.signal;
  }

  run(): void {
    const { log, clock } = this.options;
    const ignore = () => undefined;
    this.lease.onGained((epoch) => this.#lead(epoch));
    this.lease.onLost((epoch) => {
      log.warn({ epoch }, 'no longer leads');
      this.#leading.abort(new Error('no longer leads'));
    });
    this.#beats.push(clock.every(RELOOK_MS, () => this.refresh().catch(ignore)));
    this.#beats.push(clock.every(OUTBOX_MS, () => deliver(this).catch(ignore)));
    this.#beats.push(clock.every(BREACH_MS, () => this.#breachWatch.look()));
    this.#beats.push(clock.every(DUTIES_MS, () => this.#dutyWatch.look()));
    this.#beats.push(clock.every(DETECTION_MS, () => this.#keepDetection()));
    this.picture.observers.start(this.#running.signal);
    this.#partWatch.start();
    this.#ownLevels.start();
    this.picture.tenantLevels.start();
    this.compliance.start([
      ...this.picture.sampleFacts.collectors(),
      this.#breachWatch.collector(),
      ...recordCollectors({ ...this.options, lease: this.lease, world: this.world, tally: this.picture.served }),
      ...reviewCollectors({ ...this.options, posture: this.compliance.posture }),
      changeRecord({ ...this.options, world: this.world }),
      administrationRecord({
        ...this.options,
        lease: this.lease,
        record: this.record,
        enter: () => socketClient(this.options.state.socket('control'), 'control.unreachable'),
      }),
      incidentRecords({ ...this.options, world: this.world, posture: this.compliance.posture }),
      this.records.collector(),
      this.registers.collector(),
      ...this.options.createCollectors(collectorSituation(this)),
    ]);
    // What was learnt before is there before the first reading is looked at.
    void this.restoreDetection().then(() => this.#loop());
  }

  #loop(): Promise<void> {
    return loop(this.#healer.stages, this.#running.signal, (error) => {
      const expected = isFault(error, 'lease.lost') || isFault(error, 'lease.stale');
      this.options.log[expected ? 'debug' : 'warn'](
        { reason: describeError(error) },
        'nothing is decided in this turn',
      );
    });
  }

  async #keepDetection(): Promise<void> {
    if (!this.lease.current()) return;
    await this.#detection
      .keep()
      .catch((error: unknown) =>
        this.options.log.debug({ reason: describeError(error) }, 'what is known was not kept'),
      );
  }

  async restoreDetection(): Promise<void> {
    try {
      const restored = await this.#detection.restore();
      if (restored.length > 0) this.options.log.info({ detectors: restored }, 'goes on from what was known');
    } catch (error) {
      this.options.log.warn({ reason: describeError(error) }, 'begins without what was known');
    }
  }

  #lead(epoch: number): void {
    this.#leading = new AbortController();
    this.tracker.invalidate();
    this.options.log.info({ epoch }, 'leads');
    void takeOver(this, epoch, this.#leading.signal);
  }

  async close(): Promise<void> {
    this.#running.abort();
    this.#leading.abort(new Error('control stops'));
    for (const stop of this.#beats) stop();
    this.picture.observers.close();
    this.compliance.close();
    this.#ownLevels.close();
    this.picture.tenantLevels.close();
    await this.#partWatch.close();
    this.picture.waker.wake();
    await this.desk.settled();
    await this.lease.close();
  }
}

/** What a new leader does first: shut out the former one, look at everything, then go on with what the former one left. */
async function takeOver(control: Control, epoch: number, signal: AbortSignal): Promise<void> {
  const { options, world, desk } = control;
  while (!signal.aborted) {
    try {
      await options.driver.raiseFence(epoch, signal);
      world.setChildren(await options.driver.list(signal));
      await control.refresh();
      await control.restoreDetection();
      await noteLeadership(options.database, epoch, options.holder);
      await desk.resume(epoch, signal);
      return;
    } catch (error) {
      options.log.warn({ reason: describeError(error) }, 'could not take over yet');
      await options.clock.sleep(200, signal).catch(() => undefined);
    }
  }
}

async function deliver({ options, lease }: Control): Promise<void> {
  if (!lease.current()) return;
  await drain<LedgerEvent>(options.database, (events) => options.ledger.append(events));
}

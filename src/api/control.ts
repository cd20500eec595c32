import type { Clock } from '../base/clock.ts';
import { describeError, isFault } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import type { Account } from '../detect/account.ts';
import { PERIOD_MS } from '../detect/burn-rate/burn-rate.ts';
import type { DetectionTerms } from '../detect/detection-terms.ts';
import type { RunningDetector } from '../detect/detector.ts';
import type { CollectorSituation } from '../drivers/collector-places.ts';
import { Converger } from '../drivers/converge.ts';
import type { Driver } from '../drivers/driver.ts';
import { createFleet } from '../drivers/fleet.ts';
import type { Fleet } from '../heal/fleet.ts';
import type { Parts, PartsSituation } from '../drivers/parts.ts';
import type { World } from '../drivers/world.ts';
import type { Diagnosis, Ranking } from '../diagnose/diagnosis.ts';
import type { IncidentTracker } from '../heal/incident-tracker.ts';
import { DetectionKeeper } from '../heal/detection-memory.ts';
import { noteLeadership } from '../heal/leadership-store.ts';
import type { Move } from '../heal/move.ts';
import { createPostgresqlDetectionMemory } from '../heal/postgresql-detection-memory.ts';
import { createPostgresqlMemory } from '../heal/postgresql-memory.ts';
import { createRecord, type RecordEvent } from '../heal/record.ts';
import type { RepairDesk } from '../heal/repair-desk.ts';
import { signersOf } from '../evidence/signed-statement.ts';
import { createHealer, type Healer, type HealerOptions } from '../healer.ts';
import type { LedgerClient } from '../ledger/client.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { loop } from '../loop.ts';
import type { Collector } from '../observe/collector.ts';
import type { Probe } from '../observe/probe.ts';
import { detectionNumbers } from '../resources/detection-number.ts';
import type { MoveName } from '../resources/playbook.ts';
import { DEFAULT_BREACH } from '../resources/policy.ts';
import type { Database } from '../store/database.ts';
import { type LeaderLease, leaderLease } from '../store/lease.ts';
import { drain } from '../store/outbox.ts';
import { BreachDesk } from './breach-desk.ts';
import { BreachWatch, type BreachWorld } from './breach-watch.ts';
import { drillMarks } from './drill-marks.ts';
import { changeRecord } from './change-facts.ts';
import { Compliance } from './compliance.ts';
import { TurnRecord } from './turn-record.ts';
import { reasonToHold } from './hold.ts';
import { OwnLevels } from './own-levels.ts';
import { PartWatch } from './part-watch.ts';
import { Picture } from './picture.ts';
import { policyOf, surroundingsOf } from './policy.ts';
import { recordCollectors } from './record-facts.ts';
import { RecordShelf } from './record-shelf.ts';
import { RegisterDesk } from './register-desk.ts';
import { reviewCollectors } from './review-facts.ts';

/** A leader that is silent for this long is followed by another: with the resumption it keeps within 5 s. */
const LEASE_TTL_MS = 2_000;
/** What is declared is read again at least this often, also when nobody said that it changed. */
const RELOOK_MS = 2_000;
const OUTBOX_MS = 200;
/** Losses are looked for, and their clocks looked at, this often. */
const BREACH_MS = 2_000;
/** What clients felt is summed over so long. */
const FELT_MS = 5_000;
/** What detectors know is kept in this rhythm, half a megabyte at a time. */
const DETECTION_MS = 2_000;

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
  readonly records: RecordShelf;
  readonly registers: RegisterDesk;
  readonly #breachWatch: BreachWatch;
  readonly #partWatch: PartWatch;
  readonly #ownLevels: OwnLevels;
  readonly #healer: Healer;
  readonly #detectors: readonly RunningDetector[];
  readonly #detection: DetectionKeeper;

  constructor(options: ControlOptions, lease: LeaderLease) {
    this.options = options;
    this.lease = lease;
    this.record = createRecord(options.clock, options.random);
    this.picture = new Picture(options, lease);
    this.parts = options.createParts(partsSituation(this));
    this.compliance = new Compliance(
      options,
      new TurnRecord({ database: options.database, lease, record: this.record }),
      { onSample: (sample) => this.picture.take(sample), onFacts: (facts) => this.#breachWatch.take(facts) },
    );
    this.breaches = new BreachDesk({ ...options, lease, record: this.record });
    this.#breachWatch = new BreachWatch({ ...options, desk: this.breaches, world: breachWorldOf(this) });
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

function partsSituation(control: Control): PartsSituation {
  const { options, picture, lease, record } = control;
  const { driver, database, state, clock, log } = options;
  const isTroubled = (tenant: string) => control.tracker.open.some(({ body }) => concerns(body.diagnosis, tenant));
  return {
    world: picture.world,
    secrets: picture.secrets,
    driver,
    database,
    lease,
    record,
    state,
    clock,
    log,
    isTroubled,
  };
}

function collectorSituation({ options, picture }: Control): CollectorSituation {
  const { state, clock, random } = options;
  const { world, secrets, canary } = picture;
  return { world, secrets, canary, state, clock, random };
}

function recordShelfOf({ options, world, lease, record }: Control): RecordShelf {
  const { database, clock } = options;
  return new RecordShelf({
    database,
    lease,
    record,
    clock,
    signers: () => signersOf(world.declared.policy?.spec.signers ?? []),
    tenants: () => world.declared.tenants.map(({ metadata: { name }, spec }) => ({ name, ...spec })),
  });
}

/** What losses are told by. Its numbers are those of the policy, or its defaults. */
function breachWorldOf(control: Control): BreachWorld {
  const { options, world, lease, picture, compliance } = control;
  return {
    isLeading: () => lease.current() !== undefined,
    laws: () => compliance.posture.laws(),
    policy: () => world.declared.policy?.spec.breach ?? DEFAULT_BREACH,
    openIncidents: () => control.tracker.open,
    mitigations: () => world.declared.mitigations,
    felt: () => picture.userSignal.byTenant(options.clock.now(), FELT_MS),
    drillsSince: (at) => drillMarks(options.database, at),
    page: (message, key) => callPerson(options, message, key),
  };
}

/** An incident that names nobody may be anybody's. A control that is violated says nothing about how a tenant is served. */
function concerns({ subject, cause }: Diagnosis, tenant: string): boolean {
  if (cause === 'compliance') return false;
  return subject.kind !== 'tenant' || subject.name === tenant;
}

function partWatchOf({ options, picture, parts, compliance }: Control): PartWatch {
  const { clock, log } = options;
  return new PartWatch({
    parts,
    world: picture.world,
    clock,
    log,
    onSample: (sample) => picture.take(sample),
    onChange: (settings) => compliance.settingsChanged(settings),
  });
}

function ownLevelsOf({ options, picture }: Control): OwnLevels {
  const { database, state, clock, log } = options;
  return new OwnLevels({ folder: state.root, database, clock, log, onSample: (sample) => picture.take(sample) });
}

function fleetOf(control: Control): Fleet {
  const { options, picture, lease, record } = control;
  const { database, driver, clock } = options;
  return createFleet({
    database,
    lease,
    driver,
    parts: control.parts,
    world: picture.world,
    clock,
    record,
    refresh: () => picture.refresh(),
    environmentOf: (version, slot) => picture.environmentOf(version, slot),
    onSample: (sample) => picture.take(sample),
    callPerson: (message, key) => callPerson(options, message, key),
  });
}

function convergerOf(control: Control, fleet: Fleet): Converger {
  const { options, picture, lease, record } = control;
  const { database, clock, random, log } = options;
  return new Converger({
    database,
    lease,
    world: picture.world,
    fleet,
    clock,
    random,
    log,
    record,
    refresh: () => picture.refresh(),
    heldBy: (workload) => reasonToHold(control, workload),
    isRepairing: (workload) => control.desk.holds(`workload ${workload}`),
  });
}

/** What healing stands on in this process. */
function portsOf(control: Control, fleet: Fleet, detectors: readonly RunningDetector[]): HealerOptions {
  const { options, picture, lease, record, converger } = control;
  const { database, clock, random, log, moves } = options;
  const { world, waker, userSignal, samples } = picture;
  return {
    memory: createPostgresqlMemory({ database, lease, record, random }),
    fleet,
    moves,
    detectors,
    userSignal,
    clock,
    random,
    log,
    takeSamples: () => samples.splice(0),
    woken: (signal) => waker.woken(signal),
    wake: () => waker.wake(),
    epoch: () => lease.current()?.epoch,
    leadership: () => control.leadership(),
    view: () => world.view(),
    async lookAgain() {
      await control.refresh();
      return world.view();
    },
    async look() {
      if (world.declaredAt === 0) await control.refresh();
      return world.view();
    },
    policy: () => policyOf(control),
    surroundings: () => surroundingsOf(control),
    measureAgain: (facts) => control.compliance.measureAgain(facts),
    isBusy: (workload) => converger.isBusy(workload),
    converge: (epoch, signal) => converger.look(epoch, signal),
  };
}

/** What detectors go by, as declared at the moment they ask. */
function termsOf(world: World): DetectionTerms {
  return {
    promisedTo(tenant) {
      const found = world.declared.tenants.find((each) => each.metadata.name === tenant)?.spec.objectives;
      return found && { ...found, periodMs: PERIOD_MS };
    },
    numbers: () => detectionNumbers(world.declared.policy?.spec.detection),
  };
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

/** Posts to the webhook of KINTSUGI_PAGE_WEBHOOK; without one the incident stays open for whoever looks. */
async function callPerson(
  { pageWebhook, log, clock }: ControlOptions,
  message: { incident: string; summary: string },
  key: string,
): Promise<boolean> {
  log.warn(message, 'a person is needed');
  if (pageWebhook === undefined) return false;
  const answer = await fetch(pageWebhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ source: 'kintsugi', ...message }),
    signal: clock.deadline(5_000),
  });
  return answer.ok;
}

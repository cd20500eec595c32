import { type Clock, fromIso } from '../base/clock.ts';
import { describeError, isFault } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { StateDirectory } from '../base/state-directory.ts';
import type { RunningDetector } from '../detect/detector.ts';
import { Converger } from '../drivers/converge.ts';
import { readDeclared } from '../drivers/declared.ts';
import type { Driver } from '../drivers/driver.ts';
import { createFleet } from '../drivers/fleet.ts';
import { instanceEnvironment, Secrets } from '../drivers/instance-environment.ts';
import { routingOf } from '../drivers/routing.ts';
import { World } from '../drivers/world.ts';
import { SnapshotWriter } from '../gateway/snapshot-writer.ts';
import { createExecutor, type Executor, type RepairStore } from '../heal/executor.ts';
import type { Fleet } from '../heal/fleet.ts';
import type { Move } from '../heal/move.ts';
import { createRecord, type RecordEvent } from '../heal/record.ts';
import { createRepairStore } from '../heal/repair-store.ts';
import type { Ledger } from '../ledger/entry.ts';
import { loop } from '../loop.ts';
import type { Probe } from '../observe/probe.ts';
import type { Sample } from '../observe/sample.ts';
import { UserSignal } from '../observe/user-signal.ts';
import type { MoveName } from '../resources/playbook.ts';
import type { Database } from '../store/database.ts';
import { type LeaderLease, leaderLease } from '../store/lease.ts';
import { drain } from '../store/outbox.ts';
import { createStages } from './control-stages.ts';
import { IncidentTracker } from './incident-tracker.ts';
import { rejudge } from './judgement.ts';
import { Observers } from './observers.ts';
import { RepairDesk } from './repair-desk.ts';
import { Waker } from './waker.ts';
import { signalFor } from './user-level-signal.ts';

/** A leader that is silent for this long is followed by another: with the resumption it keeps within 5 s. */
const LEASE_TTL_MS = 2_000;
/** What is declared is read again at least this often, also when nobody said that it changed. */
const RELOOK_MS = 2_000;
const OUTBOX_MS = 200;

export interface ControlOptions {
  readonly state: StateDirectory;
  readonly database: Database;
  readonly driver: Driver;
  readonly ledger: Ledger;
  readonly probes: readonly Probe[];
  readonly moves: ReadonlyMap<MoveName, Move>;
  readonly createDetectors: (availabilityOf: (tenant: string) => number | undefined) => readonly RunningDetector[];
  readonly version: string;
  readonly holder: string;
  readonly internalPort: number;
  readonly pageWebhook: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Everything that a running control process is made of; what the API shows and changes. */
export interface Control {
  readonly options: ControlOptions;
  readonly world: World;
  readonly lease: LeaderLease;
  readonly record: RecordEvent;
  readonly tracker: IncidentTracker;
  readonly desk: RepairDesk;
  readonly converger: Converger;
  readonly signal: UserSignal;
  readonly observers: Observers;
  /** Reads again what is declared and looks at once. */
  refresh(): Promise<void>;
  /** Aborts when this process stops to lead or to run. */
  leadership(): AbortSignal;
  close(): Promise<void>;
}

/**
 * Starts the control process: elects a leader, and runs the loop while it leads. Resolves when it runs; whether it leads
 * shows later. `close` gives up the lead, so that another replica follows at once; what is half done stays journaled.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { clock, random, log, database, state, driver } = options;
  const world = new World(clock);
  const waker = new Waker(clock);
  const userSignal = new UserSignal();
  const record = createRecord(clock, random);
  const holder = options.holder;
  const onFault = (error: unknown) => log.debug({ reason: describeError(error) }, 'lease');
  const lease = leaderLease({ database, name: 'leader', holder, ttlMs: LEASE_TTL_MS, clock, onFault });
  const snapshots = new SnapshotWriter(state.snapshotFile, clock);
  const running = new AbortController();
  let leading = new AbortController();
  const samples: Sample[] = [];
  const onSample = (sample: Sample) => {
    samples.push(sample);
    if (sample.kind === 'requests') userSignal.add(sample);
    if (sample.kind !== 'probe' || world.onProbe(sample)) publish();
    waker.wake();
  };
  const observers = new Observers({
    world,
    clock,
    random,
    driver,
    log,
    probes: options.probes,
    onSample,
    wake: () => waker.wake(),
  });

  const publish = () => {
    const epoch = lease.current()?.epoch;
    if (epoch === undefined || world.declaredAt === 0) return;
    try {
      snapshots.publish(routingOf(world), epoch);
    } catch (error) {
      log.error({ err: error }, 'the routing could not be published; the gateways keep what they have');
    }
  };
  const refresh = async () => {
    world.declared = await readDeclared(database);
    world.declaredAt = clock.now();
    observers.assign(environmentOf);
    publish();
    world.wake();
    waker.wake();
  };
  const secrets = new Secrets(state.secrets, random);
  const environmentOf: Parameters<typeof createFleet>[0]['environmentOf'] = (version, slot) =>
    instanceEnvironment({ version, slot, world, secrets, state, internalPort: options.internalPort });
  const fleet: Fleet = createFleet({
    database,
    lease,
    driver,
    world,
    clock,
    record,
    environmentOf,
    refresh,
    onSample,
    callPerson: (message) => callPerson(options, message),
  });
  const store: RepairStore = createRepairStore({ database, lease, record });
  const tracker = new IncidentTracker({ database, lease, record, clock, random });
  const stages = () => createStages({ control, samples, waker });
  const executor: Executor = createExecutor({
    moves: options.moves,
    fleet,
    store,
    clock,
    signalOf: (plan, step, since) =>
      signalFor({ plan, step, since, world, userSignal, symptoms: () => parts.symptoms(), clock }),
    rejudge: (plan, moveIndex) => rejudge(control, plan, moveIndex),
  });
  const onChange = () => {
    tracker.invalidate();
    waker.wake();
  };
  const desk = new RepairDesk({ database, lease, executor, store, record, clock, random, log, onChange });
  const converger = new Converger({
    database,
    lease,
    world,
    fleet,
    clock,
    random,
    log,
    record,
    refresh,
    heldBy: (workload) => heldBy(control, workload),
    isRepairing: (workload) => desk.holds(`workload ${workload}`),
  });
  const control: Control = {
    options,
    world,
    lease,
    record,
    tracker,
    desk,
    converger,
    signal: userSignal,
    observers,
    refresh,
    leadership: () => leading.signal,
    async close() {
      running.abort();
      leading.abort(new Error('control stops'));
      observers.close();
      waker.wake();
      await desk.settled();
      await lease.close();
    },
  };
  const parts = stages();

  lease.onGained((epoch) => {
    leading = new AbortController();
    tracker.invalidate();
    log.info({ epoch }, 'leads');
    void takeOver(control, epoch, leading.signal);
  });
  lease.onLost((epoch) => {
    log.warn({ epoch }, 'no longer leads');
    leading.abort(new Error('no longer leads'));
  });
  clock.every(RELOOK_MS, () => refresh().catch(onFault));
  clock.every(OUTBOX_MS, () => deliver(control).catch(onFault));
  observers.start(running.signal);
  void loop(parts.stages, running.signal, (error) => {
    const level = isFault(error, 'lease.lost') || isFault(error, 'lease.stale') ? 'debug' : 'warn';
    log[level]({ reason: describeError(error) }, 'nothing is decided in this turn');
  });
  return control;
}

/** What a new leader does first: look at everything, then go on with what the former one left. */
async function takeOver(control: Control, epoch: number, signal: AbortSignal): Promise<void> {
  const { options, world, desk, refresh } = control;
  while (!signal.aborted) {
    try {
      world.setChildren(await options.driver.list(signal));
      await refresh();
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
  await drain(options.database, (events) => options.ledger.append(events as never));
}

/** Why nothing new is rolled out for a workload now. */
export function heldBy({ world, tracker, options }: Control, workload: string): string | undefined {
  const { stops, freezes } = world.declared;
  const stop = stops.find((each) => each.scope === 'global' || each.scope === `workload ${workload}`);
  if (stop) return `stopped by ${stop.by}: ${stop.reason}`;
  const now = options.clock.now();
  const freeze = freezes.find(
    ({ spec }) =>
      fromIso(spec.from) <= now &&
      now < fromIso(spec.until) &&
      (spec.workloads.length === 0 || spec.workloads.includes(workload)),
  );
  if (freeze) return `freeze ${freeze.metadata.name}: ${freeze.spec.reason}`;
  const incident = tracker.open.find((each) => each.body.diagnosis.workload === workload);
  return incident && `incident ${incident.id} is open`;
}

/** Posts to the webhook of KINTSUGI_PAGE_WEBHOOK; without one the incident stays open for whoever looks. */
async function callPerson(
  { pageWebhook, log, clock }: ControlOptions,
  message: { incident: string; summary: string },
): Promise<boolean> {
  log.warn(message, 'a person is needed');
  if (pageWebhook === undefined) return false;
  const answer = await fetch(pageWebhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ source: 'kintsugi', ...message }),
    signal: clock.deadline(5_000),
  });
  return answer.ok;
}

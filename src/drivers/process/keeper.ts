import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { KinError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { StateDirectory } from '../../base/state-directory.ts';
import { openCgroups } from './cgroup.ts';
import { Child, type Household, newStatus } from './child.ts';
import { Instances } from './instances.ts';
import { KeeperEvents } from './keeper-events.ts';
import { lockState } from './keeper-lock.ts';
import { type ChildRecord, KeeperFile, type KeeperRecord, readKeeperRecord } from './keeper-record.ts';
import { type KeeperServer, serveKeeper } from './keeper-server.ts';
import { PortAllocator } from './port-allocator.ts';
import { findMarked, isAlive, type MarkedProcess, type ProcessIdentity } from './process-identity.ts';
import type {
  ChildStatus,
  EpochCommand,
  KeeperEvent,
  SignalCommand,
  StartCommand,
  StopCommand,
  StopOrder,
} from './protocol.ts';
import { shutdownOrder } from './shutdown-order.ts';
import { SystemKeeper, type SystemProcess } from './system-process.ts';

export interface KeeperOptions {
  /** As `openStateDirectory` gives it. */
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly system: readonly SystemProcess[];
}

/**
 * The owner of every process of one Kintsugi on this machine. It starts, stops, watches and captures; it decides nothing
 * but to start Kintsugi's own processes again. Killing it harms nobody: its children go on, and the next keeper on the
 * same state directory adopts them.
 */
export interface Keeper {
  /** Stops everything in order (`shutdownOrder`) and ends the keeper. Calling it again gives the same promise. */
  down(): Promise<void>;
  /** Resolves when the keeper has ended, whoever asked for it. Never rejects. */
  readonly done: Promise<void>;
  children(): readonly ChildStatus[];
  /** Calls `listener` for each new event. Returns the way to stop. */
  onEvent(listener: (event: KeeperEvent) => void): () => void;
}

/** Events that the last keeper may have told after it last wrote down their number. */
const SEQUENCE_MARGIN = 10_000;
/** On the way down nobody says how long an instance may take; this is the default of `spec.stop.killAfterMs`. */
const DOWN_KILL_AFTER_MS = 5_000;

/**
 * Becomes the keeper of a state directory: adopts what still runs, reports what ended meanwhile, listens on the `keeper`
 * socket, and starts the system processes that do not run, in order. Rejects with `state.in-use` when another keeper
 * lives, `state.corrupt` or `state.unwritable`; then nothing was started.
 */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const run = join(options.state.root, 'run');
  mkdirSync(join(run, 'lifelines'), { recursive: true, mode: 0o700 });
  const unlock = lockState(run);
  try {
    const keeper = new LocalKeeper(options, readKeeperRecord(options.state.keeperFile), unlock);
    await keeper.start();
    return keeper;
  } catch (error) {
    unlock();
    throw error;
  }
}

/** `Keeper`, and what its server asks of it. */
export class LocalKeeper implements Keeper {
  readonly done: Promise<void>;
  readonly events: KeeperEvents;
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly log: Log;
  readonly #options: KeeperOptions;
  readonly #unlock: () => void;
  readonly #file: KeeperFile;
  readonly #home: Household;
  readonly #ports: PortAllocator;
  readonly #instances: Instances;
  readonly #system = new Map<string, SystemKeeper>();
  /** System processes that are still there from a keeper that was told of more of them. */
  readonly #retired = new Map<string, Child>();
  readonly #resolveDone: () => void;
  #record: Pick<KeeperRecord, 'epoch' | 'stopOrder'>;
  #server: KeeperServer | undefined;
  #down: Promise<void> | undefined;

  constructor(options: KeeperOptions, record: KeeperRecord, unlock: () => void) {
    const { state, clock, log, random } = options;
    this.state = state;
    this.clock = clock;
    this.log = log;
    this.#options = options;
    this.#unlock = unlock;
    this.#record = record;
    this.events = new KeeperEvents(clock, record.sequence + SEQUENCE_MARGIN);
    this.#file = new KeeperFile({ path: state.keeperFile, clock, log, compose: () => this.#compose() });
    this.#home = { state, clock, log, file: this.#file, events: this.events, cgroups: openCgroups() };
    this.#ports = new PortAllocator({ clock, random, handedOut: record.ports, inUse: () => this.#portsInUse() });
    this.#instances = new Instances(this.#home, this.#ports);
    const done = Promise.withResolvers<void>();
    this.done = done.promise;
    this.#resolveDone = done.resolve;
    this.#restore(record);
  }

  async start(): Promise<void> {
    this.#file.save();
    this.#server = await serveKeeper(this);
    for (const child of this.#retired.values()) void this.#retire(child);
    for (const process of this.#system.values()) await process.start();
    this.#server.ready();
  }

  /** Meets the world as it is: what is recorded, and what runs without being recorded. */
  #restore({ children }: KeeperRecord): void {
    const marked = new Map(findMarked(this.state.root).map((process) => [process.id, process]));
    const records = new Map(children.map((record) => [record.status.id, record]));
    for (const process of marked.values()) {
      if (!records.has(process.id)) records.set(process.id, recordOf(process));
    }
    const declared = this.#options.system.toSorted((a, b) => a.order - b.order);
    for (const process of declared) {
      const record = records.get(process.id);
      const keeper = new SystemKeeper(process, record, this.#home);
      keeper.adopt(record && identityFor(record, marked));
      this.#system.set(process.id, keeper);
      records.delete(process.id);
    }
    for (const record of records.values()) {
      const identity = identityFor(record, marked);
      if (record.status.role === 'instance') this.#instances.restore(record, identity);
      else if (identity) this.#adoptRetired(record, identity);
    }
  }

  #adoptRetired(record: ChildRecord, identity: ProcessIdentity): void {
    const child = new Child(record, this.#home, () => this.#retired.delete(child.id));
    if (child.adopt(identity)) this.#retired.set(child.id, child);
  }

  async #retire(child: Child): Promise<void> {
    this.log.info({ id: child.id }, 'stopping a process that is no longer declared');
    await child.stop('SIGTERM', DOWN_KILL_AFTER_MS);
  }

  children(): readonly ChildStatus[] {
    return this.#all().map(({ status }) => status);
  }

  /** The child with this id, for its log. */
  child(id: string): Child | undefined {
    return this.#all().find((child) => child.id === id);
  }

  #all(): readonly Child[] {
    return [
      ...[...this.#system.values()].map(({ child }) => child),
      ...this.#retired.values(),
      ...this.#instances.list(),
    ];
  }

  onEvent(listener: (event: KeeperEvent) => void): () => void {
    return this.events.follow(this.events.sequence, listener);
  }

  async startInstance(id: string, command: StartCommand): Promise<ChildStatus> {
    this.#refuseSystem(id);
    this.#admit(command.epoch);
    return await this.#instances.start(id, command);
  }

  async stopInstance(id: string, { epoch, signal, killAfterMs, reason }: StopCommand): Promise<ChildStatus> {
    this.#refuseSystem(id);
    this.#admit(epoch);
    this.log.info({ id, reason, epoch }, 'stop');
    return await this.#instances.stop(id, signal, killAfterMs);
  }

  /** A leader says that it leads. Throws `keeper.refused` when a later one has. */
  raiseFence({ epoch }: EpochCommand): void {
    this.#admit(epoch);
  }

  signalChild(id: string, { signal, reason }: SignalCommand): ChildStatus {
    const child = this.child(id);
    if (!child) throw new KinError('resource.unknown', `no child ${id}`, { details: { id } });
    if (!child.alive) throw new KinError('keeper.refused', `${id} does not run`, { details: { id } });
    this.log.info({ id, signal, reason }, 'signal');
    child.signal(signal);
    return child.status;
  }

  setStopOrder(stopOrder: StopOrder): void {
    this.#record = { ...this.#record, stopOrder };
    this.#file.saveSoon();
  }

  #refuseSystem(id: string): void {
    if (!this.#system.has(id) && !this.#retired.has(id)) return;
    throw new KinError('keeper.refused', `${id} is kept by the keeper itself`, { details: { id } });
  }

  /** The fence: an epoch is on disk before anything is done in its name. */
  #admit(epoch: number): void {
    if (this.#down) throw new KinError('keeper.refused', 'the keeper is going down');
    const highest = this.#record.epoch;
    if (epoch < highest) {
      throw new KinError('keeper.refused', `epoch ${epoch} is over: ${highest} leads`, { details: { epoch, highest } });
    }
    if (epoch === highest) return;
    this.#record = { ...this.#record, epoch };
    try {
      this.#file.save();
    } catch (error) {
      this.#record = { ...this.#record, epoch: highest };
      throw error;
    }
  }

  down(): Promise<void> {
    this.#down ??= this.#goDown();
    return this.#down;
  }

  async #goDown(): Promise<void> {
    this.log.info('going down');
    await this.#instances.settled();
    const startOrder = Object.fromEntries(this.#options.system.map(({ id, order }) => [id, order]));
    const { stopOrder } = this.#record;
    for (const group of shutdownOrder({ children: this.children(), startOrder, stopOrder })) {
      await Promise.all(group.map((id) => this.#stopAny(id)));
    }
    await this.#server?.close();
    // The last write before another keeper may write.
    this.#file.trySave();
    this.#home.cgroups.close();
    this.#unlock();
    this.log.info('down');
    this.#resolveDone();
  }

  async #stopAny(id: string): Promise<void> {
    const process = this.#system.get(id);
    if (process) await process.stop();
    else await this.child(id)?.stop('SIGTERM', DOWN_KILL_AFTER_MS);
  }

  #portsInUse(): ReadonlySet<number> {
    return new Set(this.#instances.list().flatMap(({ alive, status }) => (alive ? [status.port] : [])));
  }

  #compose(): KeeperRecord {
    return {
      epoch: this.#record.epoch,
      sequence: this.events.sequence,
      stopOrder: this.#record.stopOrder,
      ports: this.#ports.handedOut(),
      children: this.#all().map(({ record }) => withoutLines(record)),
    };
  }
}

/** The last lines are in the log; with them the record would be mostly text. */
function withoutLines(record: ChildRecord): ChildRecord {
  const { exit } = record.status;
  return exit ? { ...record, status: { ...record.status, exit: { ...exit, lastLines: [] } } } : record;
}

/** Who is the process of this record now. Only an intent without a process is looked up by its marks. */
function identityFor(record: ChildRecord, marked: ReadonlyMap<string, MarkedProcess>): ProcessIdentity | undefined {
  const { pid, id, state } = record.status;
  if (pid !== null && record.startTime !== null) {
    const identity = { pid, startTime: record.startTime };
    return isAlive(identity) ? identity : undefined;
  }
  return state === 'starting' ? marked.get(id)?.identity : undefined;
}

/** A record for a process that runs although nothing is known of it: the keeper's file was lost. */
function recordOf({ id, env }: MarkedProcess): ChildRecord {
  const workload = env['KINTSUGI_WORKLOAD'] ?? '';
  const place = {
    workload,
    version: Number(env['KINTSUGI_VERSION'] ?? 0),
    region: env['KINTSUGI_REGION'] ?? '',
    host: env['HOST'] ?? '',
    port: Number(env['PORT'] ?? 0),
  };
  const status = workload ? newStatus({ id, role: 'instance' }, place) : newStatus({ id, role: 'system' });
  return { status, startTime: null, specDigest: '' };
}

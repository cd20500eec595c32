import { instanceEnvironment, Secrets } from '../drivers/instance-environment.ts';
import { readDeclared, type Slot, type StoredVersion } from '../drivers/declared.ts';
import type { Canary } from '../drivers/collector-places.ts';
import { routingOf } from '../drivers/routing.ts';
import { World } from '../drivers/world.ts';
import { SnapshotWriter } from '../gateway/snapshot-writer.ts';
import type { VantageView } from '../heal/situation.ts';
import type { Sample } from '../observe/sample.ts';
import { ServiceTally } from '../observe/service-tally.ts';
import { UserSignal } from '../observe/user-signal.ts';
import type { LeaderLease } from '../store/lease.ts';
import type { ControlOptions } from './control-options.ts';
import { Observers } from './observers.ts';
import { SampleFacts } from './sample-facts.ts';
import { TenantLevels } from './tenant-levels.ts';
import { Waker } from '../base/waker.ts';

/** What never changes the routing. */
const ROUTINE: ReadonlySet<Sample['kind']> = new Set([
  'tries',
  'route',
  'requests',
  'calls',
  'memory',
  'level',
  'violation',
]);

/**
 * What this process sees of the world, kept in step: readings come in, the routing goes out, the loop is woken. Nothing in
 * here decides anything, and all of it can be built again from PostgreSQL and the keeper.
 */
export class Picture {
  readonly world: World;
  readonly waker: Waker;
  readonly userSignal = new UserSignal();
  readonly observers: Observers;
  readonly sampleFacts: SampleFacts;
  readonly served = new ServiceTally();
  readonly tenantLevels: TenantLevels;
  readonly canary: Canary;
  /** Readings that the loop has not looked at yet. */
  readonly samples: Sample[] = [];
  readonly #heardAt = new Map<string, number>();
  readonly #options: ControlOptions;
  readonly #lease: LeaderLease;
  readonly #snapshots: SnapshotWriter;
  readonly secrets: Secrets;

  constructor(options: ControlOptions, lease: LeaderLease) {
    const { clock, random, driver, log, probes, state } = options;
    this.#options = options;
    this.#lease = lease;
    this.world = new World(clock);
    this.sampleFacts = new SampleFacts(this.world, clock);
    this.waker = new Waker(clock);
    this.#snapshots = new SnapshotWriter(state.snapshotFile, clock);
    this.secrets = new Secrets(state.secrets, random);
    // Beside the others: what workloads are given by name they could name as well.
    const own = new Secrets(state.root, random);
    this.canary = { token: () => own.read('canary-token'), key: () => own.read('canary-key') };
    const onSample = (sample: Sample) => this.take(sample);
    const wake = () => this.waker.wake();
    this.tenantLevels = new TenantLevels({ world: this.world, clock, onSample });
    this.observers = new Observers({ world: this.world, clock, random, driver, log, probes, onSample, wake });
  }

  /** Takes a reading. What changes the routing is published at once; the rest waits for the loop. */
  take(sample: Sample): void {
    this.samples.push(sample);
    this.sampleFacts.take(sample);
    // Who measures facts does not look at instances.
    if (sample.kind !== 'violation') this.#heardAt.set(sample.vantage, sample.at);
    if (sample.kind === 'requests') {
      this.userSignal.add(sample);
      this.served.take(sample);
      this.tenantLevels.take(sample);
    }
    const isRoutine = ROUTINE.has(sample.kind);
    if (!isRoutine && (sample.kind !== 'probe' || this.world.onProbe(sample))) this.#publish();
    this.waker.wake();
  }

  /** Who was heard of, and when last. All of them run on this machine. */
  vantages(): readonly VantageView[] {
    return [...this.#heardAt].map(([name, lastHeardAt]) => ({ name, host: 'local', lastHeardAt }));
  }

  /** Reads again what is declared, renews the probes, publishes the routing. Rejects when state cannot be read. */
  async refresh(): Promise<void> {
    this.world.declared = await readDeclared(this.#options.database);
    this.world.declaredAt = this.#options.clock.now();
    this.observers.assign((version, slot) => this.environmentOf(version, slot));
    this.#publish();
    this.world.wake();
    this.waker.wake();
  }

  /** Writes the routing, whatever stands in its file. */
  publishAgain(): void {
    this.#snapshots.forget();
    this.#publish();
  }

  environmentOf(version: StoredVersion, slot: Slot): Record<string, string> {
    const { state, internalPort } = this.#options;
    return instanceEnvironment({ version, slot, world: this.world, secrets: this.secrets, state, internalPort });
  }

  #publish(): void {
    const epoch = this.#lease.current()?.epoch;
    if (epoch === undefined || this.world.declaredAt === 0) return;
    try {
      this.#snapshots.publish(routingOf(this.world, this.canary.key()), epoch);
    } catch (error) {
      this.#options.log.error({ err: error }, 'the routing could not be published; the gateways keep what they have');
    }
  }
}

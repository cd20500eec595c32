import { KinError, describeError, isFault } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { doubtedRelease } from '../../src/api/hold.ts';
import { createDetectors, MOVES } from '../../src/builtin.ts';
import { PERIOD_MS } from '../../src/detect/burn-rate/burn-rate.ts';
import type { RunningDetector } from '../../src/detect/detector.ts';
import { GUARDS } from '../../src/heal/guards/table.ts';
import { DetectionKeeper } from '../../src/heal/detection-memory.ts';
import type { Incident, Memory } from '../../src/heal/memory.ts';
import type { Plan } from '../../src/heal/plan.ts';
import { createHealer, type Healer } from '../../src/healer.ts';
import { loop, type Stages } from '../../src/loop.ts';
import type { Sample } from '../../src/observe/sample.ts';
import { detectionNumbers } from '../../src/resources/detection-number.ts';
import { UserSignal } from '../../src/observe/user-signal.ts';
import { Replica } from './calamity.ts';
import type { DetectionInMemory } from './detection-in-memory.ts';
import type { MemoryInMemory } from './memory-in-memory.ts';
import { SimulatedConverger } from './world/converger.ts';
import { handsOf } from './world/hands.ts';
import { policyIn, trustIn } from './world/policy.ts';
import { SimulatedProcess } from './world/process.ts';
import type { World } from './world/world.ts';

/** What a replica tells of what it saw and decided. */
export interface Notes {
  incidents(incidents: readonly Incident[]): void;
  fault(what: string): void;
}

/** What a replica that does not lead keeps of the readings: as far back as detectors look in full detail. */
const FOLLOWED_MS = 60_000;
const SAMPLES_MIN = 10_000;
const TAKEOVERS_MS = 600_000;
const NUMBERS = detectionNumbers();
const DETECTION_MS = 4_000;

/**
 * One replica of control in the simulated world: the very healer that control runs, with its own detectors, its own part
 * in the election and its own beliefs, on a process that can be killed, stopped and cut off.
 */
export class SimulatedControl {
  readonly process: SimulatedProcess;
  readonly healer: Healer;
  readonly #world: World;
  readonly #memory: MemoryInMemory;
  readonly #userSignal = new UserSignal();
  readonly #converger: SimulatedConverger;
  readonly #detection: DetectionKeeper;
  readonly #versions: RunningDetector | undefined;
  #keptAt = 0;
  readonly #running = new AbortController();
  #samples: Sample[] = [];
  #epoch: number | undefined;
  #term = new Replica(0);
  #leading = new AbortController();
  #wake: (() => void) | undefined;
  #isWoken = false;

  constructor(given: {
    readonly world: World;
    readonly memory: MemoryInMemory;
    readonly detection: DetectionInMemory;
    readonly name: string;
    readonly seed: number;
    readonly withoutGuards: readonly string[];
    readonly notes: Notes;
  }) {
    const { world, name, notes } = given;
    this.#world = world;
    this.#memory = given.memory;
    this.process = new SimulatedProcess(name, world.clock);
    const fleet = handsOf(world, this.process);
    this.#converger = new SimulatedConverger({
      world,
      fleet,
      isHeld: (workload) => this.#isHeld(workload),
      isRepairing: (workload) => this.healer.desk.holds(`workload ${workload}`),
    });
    const { tenants } = world.scenario.fleet;
    const detectors = createDetectors({
      promisedTo(name) {
        const tenant = tenants[name];
        return tenant && { availability: tenant.availability, latencyMs: tenant.latency, periodMs: PERIOD_MS };
      },
      numbers: () => NUMBERS,
    });
    this.#versions = detectors.find(({ name }) => name === 'version');
    this.#detection = new DetectionKeeper(detectors, given.detection);
    this.healer = createHealer({
      memory: this.#memoryPort(),
      fleet,
      moves: MOVES,
      guards: GUARDS.filter((each) => !given.withoutGuards.includes(each.name)),
      detectors,
      userSignal: this.#userSignal,
      clock: this.process.clock,
      random: seededRandom(given.seed),
      log: logTo(notes),
      takeSamples: () => this.#take(),
      woken: (signal) => this.#woken(signal),
      wake: () => this.wake(),
      epoch: () => this.#epoch,
      leadership: () => this.#leading.signal,
      view: () => world.view(),
      lookAgain: () => this.#look(),
      look: () => this.#look(),
      policy: () => policyIn(world),
      surroundings: async () => ({ vantages: world.observers.vantages(), healer: this.#self(), trust: trustIn(world) }),
      measureAgain: () => undefined,
      isBusy: (workload) => this.#converger.isBusy(workload),
      converge: (epoch, signal) => this.#converger.look(epoch, signal),
    });
    const turns = () =>
      loop(noted(this.healer.stages, notes), this.#running.signal, (error) => {
        const isExpected = (['lease.lost', 'lease.stale', 'postgres.unreachable', 'resource.conflict'] as const).some(
          (code) => isFault(error, code),
        );
        if (!isExpected) notes.fault(describeError(error));
      });
    void this.#detection.restore().then(turns);
  }

  #take(): readonly Sample[] {
    if (this.#samples.length === 0) return this.#samples;
    const samples = this.#samples;
    this.#samples = [];
    for (const sample of samples) if (sample.kind === 'requests') this.#userSignal.add(sample);
    return samples;
  }

  get isLeading(): boolean {
    return this.process.isAlive && this.#epoch !== undefined;
  }

  get epoch(): number | undefined {
    return this.#epoch;
  }

  leadership(): AbortSignal {
    return this.#leading.signal;
  }

  /**
   * Readings reach it, also while it stands still: it finds them when it goes on. One that does not lead folds them when
   * it comes to lead, which ends in the same state and spares the time of those that never do.
   */
  hear(samples: readonly Sample[]): void {
    if (!this.process.isAlive || this.process.isCut()) return;
    for (const sample of samples) this.#samples.push(sample);
    if (this.isLeading) return this.wake();
    const oldest = this.#world.now() - FOLLOWED_MS;
    if (this.#samples.length < SAMPLES_MIN || this.#samples[0]!.at >= oldest - FOLLOWED_MS) return;
    this.#samples = this.#samples.filter((each) => each.at >= oldest);
  }

  /** Its part in the election, in the rhythm of the world: it renews its lease, or tries to get one. */
  beat(aheadMs: number): void {
    if (!this.process.isRunning) return;
    const { lease } = this.#world;
    const now = this.#world.now();
    const isAway = this.process.isCut() || this.#memory.isAway;
    if (this.#epoch !== undefined) {
      if (!isAway && lease.renew(this.#epoch, now, aheadMs)) return this.#keepDetection(now);
      if (isAway && now < lease.expiresAt && lease.epoch === this.#epoch) return;
      this.#epoch = undefined;
      this.#leading.abort(new KinError('lease.lost', `${this.process.name} no longer leads`));
    }
    if (isAway) return;
    const epoch = lease.acquire(this.process.name, now);
    if (epoch === undefined) return;
    lease.renew(epoch, now, aheadMs);
    this.#lead(epoch);
  }

  /** Only where somebody may need it: who has never lost its memory does not read it. */
  #keepDetection(now: number): void {
    if (!this.#world.scenario.events.some((each) => 'healer' in each) || now - this.#keptAt < DETECTION_MS) return;
    this.#keptAt = now;
    void this.#detection.keep();
  }

  kill(): void {
    this.process.kill();
    this.#running.abort();
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  #lead(epoch: number): void {
    this.#epoch = epoch;
    this.#term = new Replica(epoch);
    this.#memory.epoch = Math.max(this.#memory.epoch, epoch);
    this.#leading = new AbortController();
    this.healer.tracker.invalidate();
    this.wake();
    void this.#takeOver(epoch, this.#leading.signal);
  }

  /** What a new leader does first: go on with what the former one left. */
  async #takeOver(epoch: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.process.isAlive) {
      try {
        await this.process.goOn();
        return await this.healer.desk.resume(epoch, signal);
      } catch {
        await this.process.clock.sleep(200, signal).catch(() => undefined);
      }
    }
  }

  async #woken(signal: AbortSignal): Promise<void> {
    await this.process.goOn();
    if (!this.#isWoken && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#isWoken = false;
    await this.process.goOn();
  }

  async #look() {
    await this.process.goOn();
    if (this.process.isCut() || this.#memory.isAway) throw new KinError('postgres.unreachable', 'state cannot be read');
    return this.#world.view();
  }

  #self() {
    const since = this.#world.now() - TAKEOVERS_MS;
    const takeovers = this.#world.lease.takeovers.filter((at) => at > since).length;
    const standsOn = this.#world.scenario.fleet.healerStandsOn;
    return { takeovers, overdue: 0, canWrite: !this.#memory.isAway && !this.process.isCut(), standsOn };
  }

  #isDoubted(workload: string): boolean {
    const declared = this.#world.workloads.get(workload)?.declared();
    const accounts = () => [...(this.#versions?.tell(this.#world.now()) ?? [])];
    return declared !== undefined && doubtedRelease(accounts, declared) !== undefined;
  }

  #isHeld(workload: string): boolean {
    const policy = policyIn(this.#world);
    const now = this.#world.now();
    return (
      policy.stops.some((each) => each.scope === 'global' || each.scope === `workload ${workload}`) ||
      policy.freezes.some(
        (each) =>
          each.from <= now && now < each.until && (each.workloads.length === 0 || each.workloads.includes(workload)),
      ) ||
      this.healer.tracker.open.some((each) => each.body.diagnosis.workload === workload) ||
      this.#isDoubted(workload)
    );
  }

  /** The memory as this process has it: cut off, stopped and deposed as the process is. What does not read, writes. */
  #memoryPort(): Memory {
    const call = async (name: keyof Memory, args: readonly unknown[]): Promise<unknown> => {
      await this.process.goOn();
      if (this.process.isCut()) throw new KinError('postgres.unreachable', 'the database cannot be reached');
      const isLost = !name.startsWith('read') && this.#epoch === undefined;
      if (isLost) throw new KinError('lease.lost', 'this replica does not lead');
      const method = this.#memory.of(this.#term)[name] as (...all: readonly unknown[]) => Promise<unknown>;
      const open = this.#memory.repairs.filter((each) => each.endedAt === null).map((each) => each.plan);
      const result = await method(...args);
      if (name === 'beginRepair') this.#holdAgainst(open, args as Parameters<Memory['beginRepair']>);
      await this.process.goOn();
      return result;
    };
    const handler: ProxyHandler<object> = {
      get:
        (_, name) =>
        (...args: readonly unknown[]) =>
          call(name as keyof Memory, args),
    };
    return new Proxy({}, handler) as Memory;
  }

  #holdAgainst(open: readonly Plan[], [, plan, scopes]: Parameters<Memory['beginRepair']>): void {
    const { invariants } = this.#world;
    invariants.begun(plan, open, this.#world.now());
    for (const scope of scopes) invariants.budget(scope, this.#memory.tokens(scope), this.#world.now());
  }
}

/** The stages, with what they found told as well. */
function noted(stages: Stages, notes: Notes): Stages {
  return {
    ...stages,
    async track(diagnoses, fleet) {
      const incidents = await stages.track(diagnoses, fleet);
      notes.incidents(incidents);
      return incidents;
    },
  };
}

function logTo(notes: Notes): Log {
  const ignore = () => undefined;
  const error = (data: { err?: unknown }, message: string) => notes.fault(`${message}: ${describeError(data.err)}`);
  return { info: ignore, debug: ignore, warn: ignore, error } as unknown as Log;
}

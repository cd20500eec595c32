import { KinError } from '../../../src/base/errors.ts';
import type { JsonObject } from '../../../src/base/json.ts';
import { seededRandom } from '../../../src/base/random.ts';
import type { FleetView } from '../../../src/diagnose/fleet-view.ts';
import type { Stop } from '../../../src/heal/situation.ts';
import type { Sample } from '../../../src/observe/sample.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { ActBook, type RepairLookup } from './act-book.ts';
import { Actors } from './actors.ts';
import { type Asset, Assets } from './assets.ts';
import { assetsIn, Effects, isTrue } from './effects.ts';
import { Faults } from './faults.ts';
import { FeltBook } from './felt.ts';
import { pictureOf } from './fleet-picture.ts';
import { Happenings } from './happenings.ts';
import { retiredSample } from './hands.ts';
import type { Instance } from './instance.ts';
import { Invariants } from './invariants.ts';
import { LeaseTable } from './lease-table.ts';
import { Mitigations } from './mitigations.ts';
import { Noise } from './noise.ts';
import { Observers } from './observers.ts';
import { WorkloadState } from './platform.ts';
import { Poisons } from './poisons.ts';
import { Population } from './population.ts';
import { Residency } from './residency.ts';
import { Rhythm } from './rhythm.ts';
import { Settings } from './settings.ts';
import { Traffic } from './traffic.ts';
import type { TrafficWorld } from './traffic-world.ts';
import { clocksOf, dataOf } from './implied-assets.ts';
import { areWell } from './wellness.ts';

interface Waiter {
  readonly level: () => boolean;
  readonly settle: () => void;
}

/** What a condition did over time. */
interface Span {
  readonly asset: string;
  readonly condition: string;
  readonly from: number;
  until: number | null;
}

export interface Page {
  readonly at: number;
  readonly incident: string;
  readonly summary: string;
}

/**
 * A scenario as a world that lives in virtual time: everything in it follows from the scenario, the seed and what is done
 * to it. `step` lets it live on to the time of its clock; whoever runs it decides how far that is, within `nextAt`.
 */
export class World implements TrafficWorld {
  readonly scenario: Scenario;
  readonly clock: VirtualClock;
  readonly noise: Noise;
  readonly startAt: number;
  readonly settings: Settings;
  readonly workloads: ReadonlyMap<string, WorkloadState>;
  readonly population: Population;
  readonly actors: Actors;
  readonly faults: Faults;
  readonly mitigations = new Mitigations();
  readonly felt: FeltBook;
  readonly observers: Observers;
  readonly residency: Residency;
  readonly traffic: Traffic;
  readonly poisons: Poisons;
  readonly happenings: Happenings;
  readonly rhythm: Rhythm;
  readonly invariants: Invariants;
  readonly acts: ActBook;
  readonly lease = new LeaseTable();
  readonly spokenFor: ReadonlySet<string>;
  /** What a verb did, by the key under which it was done. */
  readonly done = new Map<string, JsonObject>();
  readonly pages: Page[] = [];
  readonly conditions: Span[] = [];
  stops: Stop[] = [];
  freezes: {
    readonly from: number;
    readonly until: number;
    readonly workloads: readonly string[];
    readonly reason: string;
  }[] = [];
  dataLostMs = 0;
  /** Acts of a former leader that were refused. */
  fenced = 0;
  /** Finds the repair of a key; set by whoever heals. */
  repairOf: RepairLookup = () => undefined;
  /** Called when something changed that a healer may want to look at. */
  onWake: () => void = () => undefined;
  readonly #assets: Assets;
  readonly #effects: Effects;
  readonly #waiters = new Set<Waiter>();
  readonly #away = new Set<string>();
  #standing = '';
  #steppedAt: number;

  constructor(scenario: Scenario, clock: VirtualClock, seed: number, keepFelt = true) {
    this.scenario = scenario;
    this.clock = clock;
    this.noise = new Noise(seededRandom(seed));
    this.startAt = clock.now();
    this.#steppedAt = this.startAt;
    const { fleet } = scenario;
    this.settings = new Settings(fleet.settings, this.startAt);
    this.settings.onWrite = () => this.stir();
    this.faults = new Faults(this.noise);
    this.actors = new Actors(fleet.actors, this.startAt);
    this.workloads = new Map(
      Object.entries(fleet.workloads).map(([name, words]) => [
        name,
        new WorkloadState(name, words, scenario, this.settings, this.startAt),
      ]),
    );
    this.population = new Population(this);
    this.#assets = new Assets({ ...clocksOf(scenario), ...dataOf(scenario), ...fleet.assets }, this.#around());
    this.#effects = new Effects(scenario.effects, this.#facts(), (id) => this.settings.needsRestart(id), this.startAt);
    this.spokenFor = new Set(
      scenario.effects.flatMap((each) =>
        each.errors !== undefined || each.latency !== undefined ? assetsIn(each.when) : [],
      ),
    );
    this.felt = new FeltBook(Object.keys(fleet.tenants), this.startAt, keepFelt);
    this.invariants = new Invariants(this.startAt);
    this.acts = new ActBook(this.startAt);
    this.acts.areWell = (ids) => areWell(ids.map((id) => this.population.get(id)));
    this.population.settle();
    this.rhythm = new Rhythm(this);
    this.observers = new Observers(this.#observed());
    this.residency = new Residency(scenario);
    this.traffic = new Traffic(this);
    this.poisons = new Poisons(this);
    this.happenings = new Happenings(this);
    this.#assets.renew();
    this.#effects.renew(this.startAt, this.population.all());
  }

  now(): number {
    return this.clock.now();
  }

  assets(): Assets {
    return this.#assets;
  }

  effects(): Effects {
    return this.#effects;
  }

  workload(name: string): WorkloadState {
    const workload = this.workloads.get(name);
    if (workload) return workload;
    throw new KinError('resource.unknown', `there is no workload ${name}`);
  }

  loadOf(workload: string): number {
    return this.traffic.loadOf(workload);
  }

  loadTimes(tenant: string, workload: string): number {
    return this.happenings.loadTimes(tenant, workload);
  }

  view(): FleetView {
    return pictureOf(this);
  }

  emit(sample: Sample): void {
    this.observers.emit(sample);
  }

  /** From now on the world is looked at closely for a while. */
  stir(): void {
    this.rhythm.stir();
  }

  /** Something was done: whoever waits for a level looks again, and the healer does. */
  wake(): void {
    this.onWake();
  }

  inflightAt(instance: Instance): void {
    this.poisons.inflightAt(instance);
  }

  page(incident: string, summary: string): void {
    this.pages.push({ at: this.now() - this.startAt, incident, summary });
  }

  retire(id: string): void {
    const sample = retiredSample(this, id);
    if (sample) this.emit(sample);
  }

  /** A serving instance is taken out by a move. */
  takeAway(workload: string, id: string): void {
    const state = this.workload(workload);
    const isAway = (each: string) =>
      !this.population.isReady(each) && state.slots.some((slot) => slot.instance === each);
    for (const each of this.#away) if (!isAway(each)) this.#away.delete(each);
    const others = [...this.#away].filter((each) => each !== id && this.population.get(each)?.workload === workload);
    this.invariants.takenAway(workload, others.length, state.slots.length, this.now());
    this.#away.add(id);
  }

  /** A move writes a setting: one that sends a tenant somewhere must send it where it may be. */
  judgeWrite(setting: string, value: string | null): void {
    if (value === null) return;
    for (const [tenant, { routedBy }] of Object.entries(this.scenario.fleet.tenants)) {
      if (routedBy === setting)
        this.invariants.lawful(this.scenario, tenant, value, `${setting} = ${value}`, this.now());
    }
  }

  /** A move makes a copy of data lead: everybody whose data they are has to be allowed where it stands. */
  judgeMoveOfData({ id, words }: Asset): void {
    if (words.region === null) return;
    const tenants = words.tenants.length > 0 ? words.tenants : Object.keys(this.scenario.fleet.tenants);
    for (const tenant of tenants) {
      this.invariants.lawful(this.scenario, tenant, words.region, `failover to ${id}`, this.now());
    }
  }

  /** Resolves when the level is reached or the time is over; rejects when `signal` aborts. */
  until(level: () => boolean, withinMs: number, signal: AbortSignal): Promise<void> {
    if (level()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel();
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        level,
        settle: () => {
          end();
          resolve();
        },
      };
      const onAbort = () => {
        end();
        reject(signal.reason as Error);
      };
      const cancel = this.clock.after(withinMs, waiter.settle);
      this.#waiters.add(waiter);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Lives on from the last step to the present of the clock. */
  step(): void {
    const now = this.now();
    const dtMs = now - this.#steppedAt;
    if (dtMs <= 0) return;
    this.#steppedAt = now;
    const facts = this.#facts();
    // What comes now did not hold in the time that is over: requests are answered first.
    this.traffic.step(dtMs);
    this.happenings.due(now);
    if (this.actors.act(now, this.settings, (when) => isTrue(when, facts))) this.stir();
    this.#renew(now);
    this.population.step(dtMs);
    this.poisons.step(now);
    this.observers.look();
    for (const sample of this.residency.tell(now)) this.emit(sample);
    this.felt.turn(now);
    this.settings.soak(now, this.felt.troubleAt);
    this.rhythm.turn();
    for (const waiter of this.#waiters) if (waiter.level()) waiter.settle();
    this.wake();
  }

  /** Until when nothing can happen by itself that a step would miss. */
  nextAt(): number {
    return this.rhythm.nextAt();
  }

  /** Conditions and rules hang on each other: each is looked at again until the next step at the latest. */
  #renew(now: number): void {
    let changed = this.faults.expire(now, (id) => this.population.isRunning(id));
    changed = this.mitigations.expire(now) || changed;
    changed = this.observers.expire() || changed;
    this.#assets.caused = this.#effects.conditions(now);
    this.#assets.renew();
    changed = this.#effects.renew(now, this.population.all()) || changed;
    this.#noteConditions(now);
    if (changed) this.stir();
  }

  #noteConditions(now: number): void {
    const standing = this.#assets.standing();
    const key = standing.map(({ asset, condition }) => `${asset} ${condition}`).join('\n');
    if (key === this.#standing) return;
    this.#standing = key;
    this.stir();
    const at = now - this.startAt;
    const held = new Set(standing.map(({ asset, condition }) => `${asset}\n${condition}`));
    for (const span of this.conditions) {
      const known = `${span.asset}\n${span.condition}`;
      if (span.until === null && !held.delete(known)) span.until = at;
    }
    for (const each of held) {
      const [asset, condition] = each.split('\n') as [string, string];
      this.conditions.push({ asset, condition, from: at, until: null });
    }
  }

  #around() {
    return {
      settings: this.settings,
      now: () => this.now(),
      skewOf: (host: string) => this.population.skewOf(host),
      isHostDown: (host: string) => this.faults.isHostDown(host),
      instancesOf: (workload: string) => this.population.of(workload),
      usesOf: (asset: string) => this.actors.usesOf(asset),
    };
  }

  #facts() {
    return {
      value: (setting: string, instance: Instance | undefined) =>
        instance?.values.get(setting) ?? this.#valueFor(setting, instance),
      holds: (asset: string, condition: Parameters<Assets['holds']>[1]) => this.#assets.holds(asset, condition),
      isRunning: (actor: string) => this.actors.isRunning(actor),
      loadOf: (workload: string) => this.traffic.loadOf(workload),
      isDown: (workload: string) => !this.population.of(workload).some((each) => each.ready),
    };
  }

  #valueFor(setting: string, instance: Instance | undefined): string | null {
    return instance?.values.has(setting) ? null : this.settings.value(setting);
  }

  #observed() {
    return {
      noise: this.noise,
      gateways: this.scenario.fleet.gateways,
      probeLoss: this.scenario.noise.probeLoss,
      isLarge: this.rhythm.isLarge,
      isQuiet: () => this.rhythm.isQuiet,
      now: () => this.now(),
      instances: () => this.population.all(),
      memoryLimitOf: (instance: Instance) => this.population.memoryLimitOf(instance),
      assets: () => this.#assets,
    };
  }
}

import { KinError } from '../../../src/base/errors.ts';
import type { Sample } from '../../../src/observe/sample.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { Assets } from './assets.ts';
import type { Effects } from './effects.ts';
import type { Faults } from './faults.ts';
import { healthy, type Instance, refOf } from './instance.ts';
import type { Noise } from './noise.ts';
import { toInstance, type WorkloadState } from './platform.ts';
import type { Settings } from './settings.ts';

/** What processes live in. */
export interface Habitat {
  readonly scenario: Scenario;
  readonly workloads: ReadonlyMap<string, WorkloadState>;
  readonly settings: Settings;
  readonly noise: Noise;
  readonly faults: Faults;
  assets(): Assets;
  effects(): Effects;
  now(): number;
  emit(sample: Sample): void;
  /** Something happened that is worth looking at closely. */
  stir(): void;
  /** Requests that were in progress on a process that died. */
  inflightAt(instance: Instance): void;
}

/** A limit of memory that nobody set below this is no limit. */
const MEMORY_WANDER = 0.02;
/** A process that is gone is remembered for as long as somebody may ask what became of it. */
const KEPT_MS = 600_000;

/** All processes: who runs where, how each is, and who is born and dies. */
export class Population {
  readonly #habitat: Habitat;
  readonly #instances = new Map<string, Instance>();
  readonly #byWorkload = new Map<string, Instance[]>();
  readonly #hosts: ReadonlyMap<string, readonly string[]>;
  readonly #initial = new Map<string, number>();
  readonly #skews = new Map<string, number>();

  constructor(habitat: Habitat) {
    this.#habitat = habitat;
    const { regions } = habitat.scenario.fleet;
    this.#hosts = new Map(
      Object.entries(regions).map(([region, { hosts }]) => [
        region,
        Array.from({ length: hosts }, (_, i) => `${region}-${i + 1}`),
      ]),
    );
  }

  /** Fills the slots as they are before anything happens: everybody has been ready for long. */
  settle(): void {
    for (const workload of this.#habitat.workloads.values()) {
      for (const [region, count] of Object.entries(workload.instances)) {
        for (let ordinal = 0; ordinal < count; ordinal++) this.#settleSlot(workload, region, ordinal);
      }
    }
    for (const each of this.#instances.values()) this.#initial.set(each.region, this.#countIn(each.region));
  }

  skewOf(host: string): number {
    return this.#skews.get(host) ?? 0;
  }

  setSkew(host: string, skewMs: number): void {
    this.#skews.set(host, skewMs);
  }

  hostsOf(region: string): readonly string[] {
    return this.#hosts.get(region) ?? [];
  }

  get(id: string): Instance | undefined {
    return this.#instances.get(id);
  }

  all(): Iterable<Instance> {
    return this.#instances.values();
  }

  /** The processes of a workload that have not ended. */
  of(workload: string): readonly Instance[] {
    return this.#byWorkload.get(workload) ?? [];
  }

  isRunning(id: string): boolean {
    const state = this.#instances.get(id)?.state;
    return state === 'running' || state === 'starting';
  }

  isReady(id: string): boolean {
    return this.#instances.get(id)?.ready === true;
  }

  /** Instances that can still be placed in a region. */
  roomIn(region: string): number {
    const words = this.#habitat.scenario.fleet.regions[region];
    const up = this.hostsOf(region).filter((host) => !this.#isDown(host, region)).length;
    if (!words || up === 0) return 0;
    return words.room + (this.#initial.get(region) ?? 0) - this.#countIn(region);
  }

  /** A process is started. Once per id: one that ended is not started again. */
  start(next: { id: string; workload: string; region: string; ordinal: number; version: number }): Instance {
    const known = this.#instances.get(next.id);
    if (known) return known;
    const workload = this.#habitat.workloads.get(next.workload);
    if (!workload) throw new KinError('resource.unknown', `there is no workload ${next.workload}`);
    if (this.roomIn(next.region) <= 0) {
      throw new KinError('instance.start-failed', `there is no room in ${next.region} for ${next.id}`);
    }
    const { noise } = this.#habitat;
    const startMs = workload.words.start * (1 + this.#habitat.scenario.noise.jitter * (noise.uniform() - 0.5));
    const instance = this.#bear(workload, { ...next, instance: next.id }, startMs);
    this.#habitat.stir();
    return instance;
  }

  /** It is told to end, and does. */
  stop(id: string): void {
    const instance = this.#instances.get(id);
    if (!instance || instance.state === 'exited') return;
    instance.expected = true;
    this.#end(instance);
  }

  /** It dies: nobody told it to. */
  kill(
    instance: Instance,
    how: { readonly code: number | null; readonly signal: string | null; readonly line: string },
  ) {
    if (instance.state === 'exited') return;
    const now = this.#habitat.now();
    this.#habitat.inflightAt(instance);
    this.#end(instance);
    this.#habitat.emit({
      kind: 'exit',
      at: now,
      vantage: 'keeper',
      ...refOf(instance),
      expected: false,
      livedMs: now - instance.startedAt,
      code: how.code,
      signal: how.signal,
      lastLines: how.line === '' ? [] : [how.line],
    });
  }

  /** Everybody lives on for `dtMs`, under what holds now. */
  step(dtMs: number): void {
    const now = this.#habitat.now();
    for (const instance of this.#instances.values()) {
      if (instance.state === 'exited') {
        if (now - (instance.exitedAt ?? now) > KEPT_MS) this.#instances.delete(instance.instance);
      } else if (!instance.external) this.#live(instance, dtMs, now);
      else this.#behave(instance, now);
    }
  }

  /** Whether somebody's memory grows, or somebody is on the way up. */
  get isRestless(): boolean {
    for (const { state, behaviour } of this.#instances.values()) {
      if (state === 'starting' || (state === 'running' && behaviour.leakPerS > 0)) return true;
    }
    return false;
  }

  #live(instance: Instance, dtMs: number, now: number): void {
    const ends = this.#behave(instance, now);
    if (ends !== undefined) return this.kill(instance, ends);
    const { words } = this.#habitat.workloads.get(instance.workload)!;
    if (this.#grow(instance, words.memory, dtMs)) {
      return this.kill(instance, { code: null, signal: 'SIGKILL', line: 'out of memory' });
    }
    const wasReady = instance.ready;
    if (instance.state === 'starting' && now >= instance.readyAt) {
      if (this.#isStartBlocked(instance, now)) instance.readyAt = now + 1_000;
      else instance.state = 'running';
    }
    const { hangs, unreachable, notReady } = instance.behaviour;
    instance.ready = instance.state === 'running' && !hangs && !unreachable && !notReady;
    if (instance.ready !== wasReady) this.#habitat.stir();
  }

  /** What is the matter with it now. Returns how it ends, when it ends of it. */
  #behave(instance: Instance, now: number) {
    instance.behaviour = healthy();
    const isKilled = this.#habitat.faults.afflict(instance, now);
    const line = this.#habitat.effects().show(instance, now);
    if (line !== undefined) return { code: 1, signal: null, line };
    return isKilled ? { code: null, signal: 'SIGKILL', line: '' } : undefined;
  }

  /** True when it is above its limit. */
  #grow(instance: Instance, memory: { used: number; limit: number }, dtMs: number): boolean {
    const { leakPerS } = instance.behaviour;
    if (leakPerS > 0) instance.memoryMib += (leakPerS * dtMs) / 1_000;
    else {
      const about = Math.max(memory.used, instance.memoryMib > memory.used * 1.2 ? instance.memoryMib : 0);
      instance.memoryMib = about * (1 + MEMORY_WANDER * this.#habitat.noise.gauss());
    }
    return instance.memoryMib > this.#memoryLimit(instance, memory.limit);
  }

  #memoryLimit(instance: Instance, declared: number): number {
    const id = `${instance.workload}/memory`;
    const kept = instance.values.get(id);
    const set = kept === undefined ? this.#habitat.settings.number(id) : Number.parseFloat(kept ?? '');
    return set !== undefined && Number.isFinite(set) ? set : declared;
  }

  /** MiB at which it is killed. */
  memoryLimitOf(instance: Instance): number {
    return this.#memoryLimit(instance, this.#habitat.scenario.fleet.workloads[instance.workload]!.memory.limit);
  }

  #isStartBlocked(instance: Instance, now: number): boolean {
    const assets = this.#habitat.assets();
    const hooks = assets.ofKind('hook').filter(({ words }) => {
      return words.workloads.length === 0 || words.workloads.includes(instance.workload);
    });
    const isHooked = hooks.some(({ id }) =>
      ['failing', 'missing', 'blocked', 'expired'].some((c) => assets.holds(id, c as 'failing')),
    );
    return isHooked || this.#habitat.effects().blocksStart(instance, now);
  }

  #end(instance: Instance): void {
    instance.state = 'exited';
    instance.ready = false;
    instance.exitedAt = this.#habitat.now();
    const siblings = this.#byWorkload.get(instance.workload) ?? [];
    this.#byWorkload.set(
      instance.workload,
      siblings.filter((each) => each !== instance),
    );
    this.#habitat.effects().forget(instance.instance);
    this.#habitat.stir();
  }

  #settleSlot(workload: WorkloadState, region: string, ordinal: number): void {
    const { name } = workload;
    const id = `${name}-${region}-${ordinal}-${this.#habitat.noise.token(5)}`;
    const version = workload.targetVersion;
    const instance = this.#bear(workload, { instance: id, workload: name, region, ordinal, version }, 0);
    instance.state = 'running';
    instance.ready = true;
    instance.toldReady = true;
    if (workload.words.external) return;
    const slot = workload.addSlot(region, ordinal);
    slot.instance = id;
    slot.version = version;
  }

  #bear(
    workload: WorkloadState,
    next: { instance: string; workload: string; region: string; ordinal: number; version: number },
    startMs: number,
  ): Instance {
    const { settings, noise } = this.#habitat;
    const assets = this.#habitat.assets();
    const held = assets
      .ofKind('credential')
      .filter((each) => each.words.workloads.includes(workload.name) && each.current !== null)
      .map((each) => [each.id, each.current!] as const);
    const { workload: name, region, ordinal, version, instance: id } = next;
    const isFirst = startMs === 0;
    const instance = toInstance({
      instance: id,
      workload: name,
      version,
      region,
      ordinal,
      host: this.#hostFor(next),
      external: workload.words.external,
      now: isFirst ? this.#habitat.now() - 86_400_000 : this.#habitat.now(),
      startMs,
      memoryMib: workload.words.memory.used * (1 + MEMORY_WANDER * noise.gauss()),
      values: settings.snapshotFor(name),
      credentials: new Map(held),
      startedWith: this.#habitat.effects().heldAtStart(),
    });
    this.#instances.set(id, instance);
    this.#byWorkload.set(name, [...(this.#byWorkload.get(name) ?? []), instance]);
    return instance;
  }

  /** The machine with the fewest of the workload, then the fewest of all; not the one that its predecessor is on. */
  #hostFor(next: { workload: string; region: string; ordinal: number }): string {
    const hosts = this.hostsOf(next.region).filter((host) => !this.#isDown(host, next.region));
    const here = this.of(next.workload).filter((each) => each.region === next.region);
    const before = [...here].reverse().find((each) => each.ordinal === next.ordinal)?.host;
    const loads = hosts.map((host) => {
      const own = here.filter((each) => each.host === host).length;
      const avoid = host === before ? 1_000 : 0;
      return { host, load: avoid + own + this.#countOn(host) / 1_000 };
    });
    loads.sort((a, b) => a.load - b.load);
    return loads[0]?.host ?? `${next.region}-1`;
  }

  #isDown(host: string, region: string): boolean {
    const { faults } = this.#habitat;
    return faults.isHostDown(host) || faults.isRegionDown(region);
  }

  #countIn(region: string): number {
    let count = 0;
    for (const each of this.#instances.values()) if (each.region === region && each.state !== 'exited') count++;
    return count;
  }

  #countOn(host: string): number {
    let count = 0;
    for (const each of this.#instances.values()) if (each.host === host && each.state !== 'exited') count++;
    return count;
  }
}

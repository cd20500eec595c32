import type { ErrorClass } from '../../../src/observe/condition.ts';
import { Answers } from './answers.ts';
import type { Assets } from './assets.ts';
import { callOf, Chances } from './calls.ts';
import { FAILS_WITH, KIND_FAILS_WITH } from './condition-rules.ts';
import type { Instance } from './instance.ts';
import type { Peer } from './peer-book.ts';
import type { Population } from './population.ts';
import type { WorkloadState } from './platform.ts';
import { step as stationStep } from './queueing.ts';
import { canServe, weightOf } from './balancing.ts';
import { Demand } from './demand.ts';
import type { TrafficWorld } from './traffic-world.ts';

/** Over about this time the rate of arrivals is smoothed. */
const RATE_MS = 3_000;

/** What a workload's requests need and do not get, from one asset. */
interface Lack {
  readonly asset: string;
  readonly class: ErrorClass;
  readonly share: number;
  readonly instances: ReadonlySet<string> | undefined;
  readonly tenants: readonly string[] | undefined;
}

/**
 * One step of all requests, as flows. First the demand runs down the dependencies, each caller asking as often as it
 * retries; then what each instance makes of it runs up again; then the tenants are answered.
 */
export class Traffic {
  readonly #world: TrafficWorld;
  /** Callers before those whom they call. */
  readonly #order: readonly WorkloadState[];
  readonly #demand: Demand;
  readonly #answers: Answers;
  /** How one try at an instance goes, by instance, without a limit of time. */
  #chances = new Map<string, Chances>();
  #lacks = new Map<string, readonly Lack[]>();
  /** Failed share of the tries of a call, from the last step: `records>db`. */
  readonly #failing = new Map<string, number>();
  readonly #load = new Map<string, number>();
  isFailing = false;

  constructor(world: TrafficWorld) {
    this.#world = world;
    this.#order = callersFirst(world.workloads);
    this.#demand = new Demand(world);
    this.#answers = new Answers(world);
  }

  /** Requests per second that reach a workload, retries included. */
  loadOf(workload: string): number {
    return this.#load.get(workload) ?? 0;
  }

  step(dtMs: number): void {
    this.#renewLacks();
    const demand = this.#demand.step(dtMs);
    this.#runDown(dtMs);
    this.#runUp(dtMs);
    this.isFailing = this.#answers.give(demand, this.#chances, this.#demand.failing, dtMs);
    for (const workload of this.#order) {
      const arrivals = this.#world.population.of(workload.name).reduce((sum, each) => sum + each.last.arrivals, 0);
      this.#load.set(workload.name, (arrivals * 1_000) / dtMs);
    }
  }

  /** Each instance that serves asks those whom it needs, as often as its retries make it. */
  #runDown(dtMs: number): void {
    const { population } = this.#world;
    for (const workload of this.#order) {
      for (const [actor, perSecond] of this.#world.actors.callsOf(workload.name)) {
        this.#callByActor(actor, workload, (perSecond * dtMs) / 1_000, dtMs);
      }
      const asked = new Map<string, number>();
      for (const each of population.of(workload.name)) {
        asked.set(each.region, (asked.get(each.region) ?? 0) + each.last.arrivals);
      }
      for (const callee of [...workload.words.dependsOn, ...workload.words.optional]) {
        for (const [region, arrivals] of asked) {
          const failed = this.#failing.get(`${workload.name}>${callee}>${region}`) ?? 0;
          const { retries } = this.#callRules(workload);
          const tries = failed >= 1 ? retries + 1 : (1 - failed ** (retries + 1)) / (1 - failed);
          share(reachable(population, callee, region), arrivals * tries);
        }
      }
    }
  }

  #callByActor(actor: string, workload: WorkloadState, expected: number, dtMs: number): void {
    const { mitigations, noise, population } = this.#world;
    const asked = { tenant: null, actor, workload: workload.name, route: workload.words.route ?? null };
    const { admitted } = mitigations.pass(asked, noise.count(expected), dtMs, this.#world.now(), noise);
    share(population.of(workload.name).filter(canServe), admitted);
  }

  /** What becomes of the arrivals, callees first. */
  #runUp(dtMs: number): void {
    this.#chances = new Map();
    for (const workload of [...this.#order].reverse()) {
      const callResults = new Map<string, Chances>();
      for (const instance of this.#world.population.of(workload.name)) {
        const chances = this.#serve(workload, instance, dtMs, callResults);
        this.#chances.set(instance.instance, chances);
      }
    }
  }

  #serve(workload: WorkloadState, instance: Instance, dtMs: number, callResults: Map<string, Chances>): Chances {
    const { behaviour } = instance;
    const chances = new Chances();
    if (instance.state !== 'running' || behaviour.hangs || behaviour.unreachable) {
      chances.add(instance.state === 'running' ? 'timeout' : 'refused', 1);
      chances.latencyMs = 10_000;
      instance.backlog = 0;
      return chances;
    }
    const news = 1 - Math.exp(-dtMs / RATE_MS);
    const rate = (instance.last.arrivals * 1_000) / dtMs;
    instance.last.perSecond += news * (rate - instance.last.perSecond);
    const station = stationStep({
      arrivals: instance.last.arrivals,
      perSecond: instance.last.perSecond,
      backlog: instance.backlog,
      capacity: workload.words.capacity * behaviour.capacityTimes,
      workMs: workload.words.latency + behaviour.latencyMs,
      dtMs,
    });
    instance.backlog = station.backlog;
    instance.last.latencyMs = station.latencyMs;
    chances.latencyMs = station.latencyMs;
    chances.add('exhausted', station.shedShare);
    chances.add('server-error', this.#world.scenario.noise.errors);
    chances.addAll(behaviour.failing, null);
    this.#lack(workload, instance, chances);
    this.#call(workload, instance, chances, callResults);
    return chances;
  }

  /** Assets that it needs: what they refuse it fails with. Those that only some tenants need are asked per tenant. */
  #lack(workload: WorkloadState, instance: Instance, chances: Chances): void {
    for (const lack of this.#lacks.get(workload.name) ?? []) {
      const isHere = lack.instances === undefined || lack.instances.has(instance.instance);
      const failed = isHere ? lack.share : 0;
      if (isHere && lack.tenants) {
        instance.behaviour.failing.push({ errors: lack.share, class: lack.class, latencyMs: 0, tenants: lack.tenants });
      } else chances.add(lack.class, failed);
      const oneTry = { failedShare: failed, cause: lack.class, latencyMs: 5 };
      this.#world.observers.called(instance, lack.asset, instance.last.arrivals, oneTry);
    }
    for (const [callee, failing] of instance.behaviour.calls) {
      if (this.#world.workloads.has(callee)) continue;
      const blocked = new Chances();
      blocked.addAll(failing, null);
      for (const [cause] of blocked.weights) chances.add(cause, blocked.failedShare / blocked.weights.size);
      chances.latencyMs += blocked.latencyMs;
      const [cause] = blocked.weights.keys();
      const { failedShare, latencyMs } = blocked;
      const oneTry = { failedShare, cause: cause ?? 'server-error', latencyMs };
      this.#world.observers.called(instance, callee, instance.last.arrivals, oneTry);
    }
  }

  #call(workload: WorkloadState, instance: Instance, chances: Chances, results: Map<string, Chances>): void {
    const { timeoutMs, retries } = this.#callRules(workload);
    const { dependsOn, optional } = workload.words;
    for (const callee of [...dependsOn, ...optional]) {
      const key = `${workload.name}>${callee}>${instance.region}`;
      const shared = results.get(key) ?? this.#tryOf(callee, instance.region);
      results.set(key, shared);
      const oneTry = shared.copy();
      oneTry.addAll(instance.behaviour.calls.get(callee) ?? [], null);
      oneTry.limit(timeoutMs);
      const call = callOf(oneTry, timeoutMs, retries);
      this.#failing.set(key, oneTry.failedShare);
      chances.latencyMs += call.latencyMs;
      const [strongest] = [...oneTry.weights].sort((a, b) => b[1] - a[1]);
      const cause = strongest?.[0] ?? 'server-error';
      if (dependsOn.includes(callee)) chances.add(cause, call.failedShare);
      const tries = instance.last.arrivals * call.tries;
      const { failedShare, latencyMs } = oneTry;
      const peers = this.#peersOf(callee, instance.region, shared, oneTry);
      this.#world.observers.called(instance, callee, tries, { failedShare, cause, latencyMs }, peers);
    }
  }

  /** Whom the calls go to, and how they fail there: what is between the caller and all of them fails alike. */
  #peersOf(callee: string, region: string, shared: Chances, { failedShare, latencyMs }: Chances): readonly Peer[] {
    const instances = reachable(this.#world.population, callee, region);
    const all = instances.reduce((sum, each) => sum + weightOf(each), 0);
    const between = shared.failedShare >= 1 ? 0 : 1 - (1 - failedShare) / (1 - shared.failedShare);
    return instances.map((each) => {
      const own = this.#chances.get(each.instance)?.failedShare ?? 0;
      const failed = 1 - (1 - own) * (1 - Math.max(0, between));
      const slowerMs = Math.max(0, latencyMs - shared.latencyMs);
      const ownMs = this.#chances.get(each.instance)?.latencyMs ?? 0;
      return { instance: each, share: weightOf(each) / all, failedShare: failed, latencyMs: ownMs + slowerMs };
    });
  }

  /** One try at a workload from a region: at whoever of it takes the load. */
  #tryOf(callee: string, region: string): Chances {
    const instances = reachable(this.#world.population, callee, region);
    const mean = new Chances();
    if (instances.length === 0) {
      mean.add('refused', 1);
      return mean;
    }
    const all = instances.reduce((sum, each) => sum + weightOf(each), 0);
    for (const each of instances) {
      const chances = this.#chances.get(each.instance);
      if (!chances) continue;
      const weight = weightOf(each) / all;
      mean.latencyMs += weight * chances.latencyMs;
      const classes = [...chances.weights.values()].reduce((sum, one) => sum + one, 0);
      for (const [cause, one] of chances.weights) mean.add(cause, (weight * chances.failedShare * one) / classes);
    }
    return mean;
  }

  #callRules(workload: WorkloadState): { timeoutMs: number; retries: number } {
    const { settings } = this.#world;
    const { name, words } = workload;
    const timeout = settings.value(`${name}/timeout`);
    const retries = settings.number(`${name}/retries`);
    return {
      timeoutMs: timeout === null ? words.timeout : durationMs(timeout, words.timeout),
      retries: Math.max(0, Math.min(100, Math.round(retries ?? words.retries))),
    };
  }

  #renewLacks(): void {
    const lacks = new Map<string, Lack[]>();
    const assets = this.#world.assets();
    for (const { id, words } of assets.all()) {
      if (words.kind === 'hook' || this.#world.spokenFor.has(id)) continue;
      for (const [condition, standing] of assets.conditionsOf(id)) {
        const cause = FAILS_WITH[condition] && (KIND_FAILS_WITH[words.kind] ?? FAILS_WITH[condition]);
        if (cause === undefined) continue;
        const lack: Lack = {
          asset: id,
          class: cause,
          share: words.share * (standing.share ?? 1),
          instances: standing.instances && new Set(standing.instances),
          tenants: words.tenants.length > 0 ? words.tenants : undefined,
        };
        for (const workload of needersOf(assets, id)) lacks.set(workload, [...(lacks.get(workload) ?? []), lack]);
      }
    }
    this.#lacks = lacks;
  }
}

/** Who cannot work without it; of a session, also who waits for what it holds. */
function needersOf(assets: Assets, id: string): readonly string[] {
  const asset = assets.get(id);
  if (!asset) return [];
  const { holds, kind, workloads } = asset.words;
  if (kind !== 'session' || holds === undefined) return workloads;
  return [...new Set([...workloads, ...(assets.get(holds)?.words.workloads ?? [holds])])];
}

/** Who takes calls from a region: those in it that serve; those elsewhere when nobody here does. */
function reachable(population: Population, workload: string, region: string): readonly Instance[] {
  const ready = population.of(workload).filter(canServe);
  const here = ready.filter((each) => each.region === region);
  return here.length > 0 ? here : ready;
}

/** Lets arrivals come to instances by their weights. */
function share(instances: readonly Instance[], arrivals: number): void {
  const all = instances.reduce((sum, each) => sum + weightOf(each), 0);
  for (const each of instances) each.last.arrivals += (arrivals * weightOf(each)) / all;
}

/** `50ms`, `2s`, or a number of milliseconds. */
function durationMs(text: string, otherwise: number): number {
  const number = Number.parseFloat(text);
  if (!Number.isFinite(number)) return otherwise;
  if (/\dm$/.test(text)) return number * 60_000;
  return /\ds$/.test(text) ? number * 1_000 : number;
}

/** A workload stands before those whom it calls; a circle is cut where it closes. */
function callersFirst(workloads: ReadonlyMap<string, WorkloadState>): readonly WorkloadState[] {
  const order: WorkloadState[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const workload = workloads.get(name);
    if (!workload || seen.has(name)) return;
    seen.add(name);
    for (const callee of [...workload.words.dependsOn, ...workload.words.optional]) visit(callee);
    order.unshift(workload);
  };
  for (const name of workloads.keys()) visit(name);
  return order;
}

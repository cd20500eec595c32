import type { Instance } from './instance.ts';
import type { WorkloadState } from './platform.ts';
import { triesPerCall } from './queueing.ts';
import { canServe, weightOf } from './balancing.ts';
import type { TrafficWorld } from './traffic-world.ts';
import type { EventWords, TenantWords } from './words.ts';

/** The requests of one tenant to one workload in one step, and where they go. */
export interface Flow {
  readonly tenant: string;
  readonly words: TenantWords;
  readonly workload: WorkloadState;
  readonly requests: number;
  readonly admitted: number;
  readonly limited: number;
  readonly refused: number;
  /** How many could have served it: what fails at one of them can go to another. */
  readonly servers: number;
  /** Those who get some of it, with how much. Empty when nobody may or can serve it. */
  readonly parts: readonly { readonly instance: Instance; readonly count: number }[];
}

interface Pair {
  readonly tenant: string;
  readonly words: TenantWords;
  readonly workload: WorkloadState;
}

type LoadWords = NonNullable<EventWords['load']>;

/** What a tenant is entitled to when its contract does not say: this many times what it sends. */
const ENTITLED_TIMES = 10;
const BURST_S = 0.5;

/** Tenants times instances up to which every tenant meets every instance in every step. */
const EVERYBODY_MAX = 80;
const EVERYBODY_IN_LARGE_MAX = 12;

/** What the tenants ask for, and how the gateways spread it. */
export class Demand {
  readonly #world: TrafficWorld;
  readonly #pairs: readonly Pair[];
  /** Failed share of the last step, by tenant and workload: clients try again. */
  readonly failing = new Map<string, number>();
  #turn = 0;

  constructor(world: TrafficWorld) {
    this.#world = world;
    const routed = [...world.workloads.values()].filter((each) => each.words.route !== undefined);
    this.#pairs = Object.entries(world.scenario.fleet.tenants).flatMap(([tenant, words]) =>
      routed
        .filter((each) => words.uses.length === 0 || words.uses.includes(each.name))
        .map((workload) => ({ tenant, words, workload })),
    );
  }

  step(dtMs: number): readonly Flow[] {
    this.#turn++;
    for (const instance of this.#world.population.all()) instance.last.arrivals = 0;
    const groups = new Map<string, { flows: Asking[]; instances: readonly Instance[] }>();
    const flows: Flow[] = [];
    for (const pair of this.#pairs) {
      const asking = this.#ask(pair, dtMs);
      const region = this.#regionOf(pair);
      const key = `${pair.workload.name} ${region}`;
      const group = groups.get(key) ?? { flows: [], instances: this.#serversOf(pair.workload, region) };
      group.flows.push(asking);
      groups.set(key, group);
    }
    for (const { flows: asking, instances } of groups.values()) flows.push(...this.#spread(asking, instances));
    return flows;
  }

  #ask({ tenant, words, workload }: Pair, dtMs: number): Asking {
    const { noise, mitigations, scenario } = this.#world;
    const now = this.#world.now();
    const again = triesPerCall(this.failing.get(`${tenant} ${workload.name}`) ?? 0, words.retries);
    const wander = Math.max(0, 1 + (scenario.noise.jitter / 4) * noise.gauss());
    const times = this.#world.loadTimes(tenant, workload.name) * again * wander;
    const requests = noise.count((words.perSecond * times * dtMs) / 1_000);
    const route = workload.words.route ?? null;
    const entitled = this.#entitled(words, requests, dtMs);
    const passed = mitigations.pass({ tenant, workload: workload.name, route }, entitled, dtMs, now, noise);
    return { tenant, words, workload, requests, ...passed, limited: passed.limited + requests - entitled };
  }

  /** As many as its contract lets through, whatever else holds; the burst of a short step is not held against it. */
  #entitled({ limits, perSecond }: TenantWords, requests: number, dtMs: number): number {
    const rate = limits?.requestsPerSecond ?? Math.max(10, perSecond * ENTITLED_TIMES);
    return Math.min(requests, Math.ceil(rate * (dtMs / 1_000 + BURST_S)));
  }

  /** Where its requests are to go; by itself only to where it may be. */
  #regionOf({ words, workload }: Pair): string {
    const routed = words.routedBy === undefined ? null : this.#world.settings.value(words.routedBy);
    if (routed !== null) return routed;
    const ready = this.#world.population.of(workload.name).filter(canServe);
    return words.regions.find((region) => ready.some((each) => each.region === region)) ?? words.regions[0]!;
  }

  /** Those who look able to serve; all who are ready when nobody is left but the ejected. */
  #serversOf(workload: WorkloadState, region: string): readonly Instance[] {
    const now = this.#world.now();
    const here = this.#world.population
      .of(workload.name)
      .filter((each) => each.region === region && isRouted(each, now));
    const fine = here.filter((each) => each.ejectedUntil <= now);
    return fine.length > 0 ? fine : here;
  }

  #spread(flows: readonly Asking[], instances: readonly Instance[]): readonly Flow[] {
    if (instances.length === 0) return flows.map((each) => ({ ...each, servers: 0, parts: [] }));
    const weights = instances.map(weightOf);
    const max = this.#world.rhythm.isLarge ? EVERYBODY_IN_LARGE_MAX : EVERYBODY_MAX;
    const everybody = flows.length * instances.length <= max;
    const spread = everybody ? this.#toAll(flows, instances, weights) : this.#inSlices(flows, instances, weights);
    for (const { parts } of spread) for (const { instance, count } of parts) instance.last.arrivals += count;
    return spread;
  }

  #toAll(flows: readonly Asking[], instances: readonly Instance[], weights: readonly number[]): readonly Flow[] {
    const { noise } = this.#world;
    return flows.map((flow) => {
      const parts: { instance: Instance; count: number }[] = [];
      let left = flow.admitted;
      let weight = weights.reduce((sum, each) => sum + each, 0);
      for (const [i, instance] of instances.entries()) {
        const count = i === instances.length - 1 ? left : noise.of(left, weights[i]! / weight);
        if (count > 0) parts.push({ instance, count });
        left -= count;
        weight -= weights[i]!;
      }
      return { ...flow, servers: instances.length, parts };
    });
  }

  /**
   * Tenants' flows laid end to end over instances' shares laid end to end, from another place in each step: a tenant meets
   * one instance in a step and all of them in time.
   */
  #inSlices(flows: readonly Asking[], instances: readonly Instance[], weights: readonly number[]): readonly Flow[] {
    const servers = instances.length;
    const total = flows.reduce((sum, each) => sum + each.admitted, 0);
    const weight = weights.reduce((sum, each) => sum + each, 0);
    let at = this.#turn % servers;
    let room = (total * weights[at]!) / weight;
    return rotated(flows, this.#turn).map((flow) => {
      const parts = flow.admitted > 0 ? [{ instance: instances[at]!, count: flow.admitted }] : [];
      room -= flow.admitted;
      for (let passed = 0; room < 0.5 && passed < servers; passed++) {
        at = (at + 1) % servers;
        room += (total * weights[at]!) / weight;
      }
      return { ...flow, servers, parts };
    });
  }
}

type Asking = Omit<Flow, 'parts' | 'servers'>;

/** The routing follows the probes: for a moment it still sends to who is not ready any more. */
const ROUTING_LAG_MS = 500;

function isRouted(instance: Instance, now: number): boolean {
  if (instance.state !== 'running') return false;
  return instance.ready || now - instance.seenAt < ROUTING_LAG_MS;
}

function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const at = by % Math.max(1, items.length);
  return [...items.slice(at), ...items.slice(0, at)];
}

/** How loads of several events multiply for one tenant and workload. */
export function timesOf(loads: readonly LoadWords[], tenant: string, workload: string): number {
  return loads
    .filter((each) => (each.tenant ?? tenant) === tenant && (each.workload ?? workload) === workload)
    .reduce((times, each) => times * each.times, 1);
}

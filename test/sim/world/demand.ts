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
  /** Those who get some of it, with how much. Empty when nobody may or can serve it. */
  readonly parts: readonly { readonly instance: Instance; readonly count: number }[];
}

interface Pair {
  readonly tenant: string;
  readonly words: TenantWords;
  readonly workload: WorkloadState;
}

type LoadWords = NonNullable<EventWords['load']>;

/** Tenants times instances up to which every tenant meets every instance in every step. */
const EVERYBODY_MAX = 80;
/** Above that, a tenant's requests of one step go to this many instances, other ones in each step. */
const PARTS_MAX = 3;
/** While nothing changes, one is as good as three. */
const QUIET_PARTS_MAX = 1;

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
    const passed = mitigations.pass({ tenant, workload: workload.name, route }, requests, dtMs, now, noise);
    return { tenant, words, workload, requests, ...passed };
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
    if (instances.length === 0) return flows.map((each) => ({ ...each, parts: [] }));
    const weights = instances.map(weightOf);
    const everybody = flows.length * instances.length <= EVERYBODY_MAX;
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
      return { ...flow, parts };
    });
  }

  /** Tenants' flows laid end to end over instances' shares laid end to end, from another place in each step. */
  #inSlices(flows: readonly Asking[], instances: readonly Instance[], weights: readonly number[]): readonly Flow[] {
    const total = flows.reduce((sum, each) => sum + each.admitted, 0);
    const weight = weights.reduce((sum, each) => sum + each, 0);
    const start = this.#turn % instances.length;
    let at = start;
    let room = (total * weights[at]!) / weight;
    const partsMax = this.#world.rhythm.isQuiet ? QUIET_PARTS_MAX : PARTS_MAX;
    return rotated(flows, this.#turn).map((flow) => {
      const parts: { instance: Instance; count: number }[] = [];
      let left = flow.admitted;
      while (left > 0) {
        const isLast = parts.length === partsMax - 1 || (at + 1) % instances.length === start;
        const count = isLast ? left : Math.min(left, Math.max(1, Math.round(room)));
        parts.push({ instance: instances[at]!, count });
        left -= count;
        room -= count;
        if (room >= 0.5 || (at + 1) % instances.length === start) continue;
        at = (at + 1) % instances.length;
        room += (total * weights[at]!) / weight;
      }
      return { ...flow, parts };
    });
  }
}

type Asking = Omit<Flow, 'parts'>;

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

import type { Fleet } from '../../src/heal/fleet.ts';
import { SimulatedConverger } from './world/converger.ts';
import { handsOf } from './world/hands.ts';
import type { Instance } from './world/instance.ts';
import type { World } from './world/world.ts';

const LOOK_MS = 2_000;
/** So long it has to look unhealthy. */
const UNHEALTHY_MS = 10_000;
/** A new process gets this long before it is looked at again. */
const GRACE_MS = 20_000;
const FAILED_SHARE_MAX = 0.5;

export interface BaselineIncident {
  readonly id: string;
  readonly cause: string;
  readonly subject: string;
  readonly at: number;
}

/**
 * What most fleets have: whatever is unhealthy is restarted, at once and for ever. No budget, no diagnosis, no undo. It
 * shows what the same world is like under a healer that means well.
 */
export class Baseline {
  readonly incidents: BaselineIncident[] = [];
  readonly #world: World;
  readonly #fleet: Fleet;
  readonly #converger: SimulatedConverger;
  readonly #since = new Map<string, number>();
  readonly #busy = new Set<string>();
  readonly #restarts: boolean;
  readonly #living = new AbortController();
  #lookedAt = 0;
  #count = 0;

  /** Without `restarts` it only keeps the fleet as it is declared. */
  constructor(world: World, restarts: boolean) {
    this.#world = world;
    this.#restarts = restarts;
    const owner = { name: 'baseline', goOn: () => Promise.resolve(), isCut: () => false };
    this.#fleet = handsOf(world, owner);
    this.#converger = new SimulatedConverger({
      world,
      fleet: this.#fleet,
      isHeld: () => false,
      isRepairing: (workload) => [...this.#busy].some((each) => each.startsWith(`${workload}/`)),
    });
  }

  turn(): void {
    const world = this.#world;
    world.observers.take();
    this.#converger.look(0, this.#living.signal);
    if (!this.#restarts || world.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = world.now();
    for (const state of world.workloads.values()) {
      for (const { region, ordinal, instance: id, version, incoming } of state.slots) {
        const instance = id === null ? undefined : world.population.get(id);
        if (!instance || version === null || incoming !== null || this.#converger.isBusy(state.name)) continue;
        if (this.#isUnhealthy(instance)) void this.#restart(instance, region, ordinal, version);
      }
    }
  }

  end(): void {
    this.#living.abort();
  }

  #isUnhealthy(instance: Instance): boolean {
    const now = this.#world.now();
    const isBad = !instance.toldReady || instance.state === 'exited' || instance.last.failedShare > FAILED_SHARE_MAX;
    if (!isBad || now - instance.startedAt < GRACE_MS) this.#since.delete(instance.instance);
    else this.#since.set(instance.instance, this.#since.get(instance.instance) ?? now);
    const sinceMs = now - (this.#since.get(instance.instance) ?? now);
    return instance.state === 'exited' ? sinceMs > 0 || isBad : sinceMs >= UNHEALTHY_MS;
  }

  async #restart(instance: Instance, region: string, ordinal: number, version: number): Promise<void> {
    const { workload, instance: oldInstance } = instance;
    const slot = `${workload}/${region}/${ordinal}`;
    if (this.#busy.has(slot)) return;
    this.#busy.add(slot);
    const world = this.#world;
    const id = `baseline restart ${++this.#count}`;
    const cause = instance.state === 'exited' ? 'instance-died' : 'instance-degraded';
    this.incidents.push({ id, cause, subject: `instance ${oldInstance}`, at: world.now() - world.startAt });
    const newInstance = `${workload}-${region}-${ordinal}-${world.noise.token(5)}`;
    const oldState = instance.state === 'exited' ? ('gone' as const) : ('running' as const);
    const place = { workload, region, ordinal, oldInstance, oldVersion: version, oldState, newInstance, version };
    const order = { ...place, inPlace: true };
    world.acts.announce(`${id}:0:apply`, [workload, slot, oldInstance]);
    const context = { epoch: 0, signal: this.#living.signal, fleet: this.#fleet };
    try {
      await this.#fleet.replace(order, { ...context, key: `${id}:0:apply` });
    } catch {
      await this.#fleet.undoReplace(order, { ...context, key: `${id}:0:undo` }).catch(() => undefined);
    }
    this.#busy.delete(slot);
  }
}

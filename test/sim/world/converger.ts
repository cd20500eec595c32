import type { Slot } from '../../../src/drivers/declared.ts';
import { type RolloutStep, rolloutSteps } from '../../../src/drivers/rollout.ts';
import type { Fleet } from '../../../src/heal/fleet.ts';
import type { WorkloadState } from './platform.ts';
import type { World } from './world.ts';

/** After a step failed it is not tried again for this long; twice as long each time in a large fleet, which has time. */
const RETRY_MS = 3_000;
const RETRY_IN_LARGE_MAX_MS = 300_000;

export interface Convergence {
  readonly world: World;
  readonly fleet: Fleet;
  /** Why nothing new may be rolled out now. */
  readonly isHeld: (workload: string) => boolean;
  /** A repair has it: hands off. */
  readonly isRepairing: (workload: string) => boolean;
}

/** Makes declared things so, by the product's own rules of rollouts. Returns without waiting for what it started. */
export class SimulatedConverger {
  readonly #given: Convergence;
  readonly #busy = new Set<string>();
  readonly #notBefore = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  constructor(given: Convergence) {
    this.#given = given;
  }

  isBusy(workload: string): boolean {
    return this.#busy.has(workload);
  }

  look(epoch: number, signal: AbortSignal): void {
    const { world, isRepairing } = this.#given;
    for (const state of world.workloads.values()) {
      const { name } = state;
      if (state.words.external || this.#busy.has(name) || isRepairing(name)) continue;
      if (world.now() < (this.#notBefore.get(name) ?? 0)) continue;
      const steps = this.#stepsOf(state);
      if (steps.length === 0) continue;
      this.#busy.add(name);
      void this.#take(state, steps, epoch, signal);
    }
  }

  #stepsOf(state: WorkloadState): readonly RolloutStep[] {
    const { world, isHeld } = this.#given;
    const { population } = world;
    const now = world.now();
    const steps = rolloutSteps(state.declared(), {
      isReady: (id) => population.isReady(id),
      isGone: (id) => population.get(id) === undefined || population.get(id)?.expected === true,
      dependenciesReady: state.words.dependsOn.every((name) =>
        (world.workloads.get(name)?.slots ?? []).every(
          (each) => each.instance !== null && population.isReady(each.instance),
        ),
      ),
      held: isHeld(state.name),
      now,
    });
    return steps.filter((each) => each.do !== 'upgrade' || now - state.upgradedAt >= state.everyMs);
  }

  async #take(state: WorkloadState, steps: readonly RolloutStep[], epoch: number, signal: AbortSignal): Promise<void> {
    const { world } = this.#given;
    const results = await Promise.allSettled(steps.map((each) => this.#step(state, each, epoch, signal)));
    const hasFailed = results.some((each) => each.status === 'rejected');
    const failures = hasFailed ? (this.#failures.get(state.name) ?? 0) + 1 : 0;
    this.#failures.set(state.name, failures);
    const waitMs = world.rhythm.isLarge ? Math.min(RETRY_IN_LARGE_MAX_MS, RETRY_MS * 2 ** failures) : RETRY_MS;
    if (hasFailed) this.#notBefore.set(state.name, world.now() + waitMs);
    this.#busy.delete(state.name);
    world.wake();
  }

  async #step(state: WorkloadState, step: RolloutStep, epoch: number, signal: AbortSignal): Promise<void> {
    const { world, fleet } = this.#given;
    switch (step.do) {
      case 'add-slot':
        if (!state.slot(step.region, step.ordinal)) state.addSlot(step.region, step.ordinal);
        return;
      case 'remove-slot': {
        const { workload, region, ordinal } = step.slot;
        const key = `rollout:vacate:${step.slot.instance}`;
        await fleet.vacate({ workload, region, ordinal }, { key, epoch, signal, fleet });
        const at = state.slots.findIndex((each) => each.region === region && each.ordinal === ordinal);
        if (at >= 0) state.slots.splice(at, 1);
        return;
      }
      case 'phase':
        return state.enter(step.phase, step.promote, world.now());
      case 'fill':
      case 'upgrade':
        return this.#occupy(state, step, epoch, signal);
    }
  }

  async #occupy(
    state: WorkloadState,
    { slot, version, do: why }: { readonly slot: Slot; readonly version: number; readonly do: 'fill' | 'upgrade' },
    epoch: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { world, fleet } = this.#given;
    if (why === 'upgrade') state.upgradedAt = world.now();
    // A start that a former leader began is finished rather than begun again.
    const resumed = slot.incoming !== null && slot.incomingVersion === version ? slot.incoming : undefined;
    const { workload, region, ordinal } = slot;
    const newInstance = resumed ?? `${workload}-${region}-${ordinal}-${world.noise.token(5)}`;
    const old = slot.instance === null ? undefined : world.population.get(slot.instance);
    const order = {
      workload,
      region,
      ordinal,
      oldInstance: slot.instance,
      oldVersion: slot.version,
      oldState: old?.ready
        ? ('ready' as const)
        : old && old.state !== 'exited'
          ? ('running' as const)
          : ('gone' as const),
      newInstance,
      version,
      inPlace: state.words.replacement === 'in-place',
    };
    const context = { key: `rollout:${newInstance}`, epoch, signal, fleet };
    try {
      await fleet.replace(order, context);
    } catch (error) {
      if (!signal.aborted) await fleet.undoReplace(order, { ...context, key: `${context.key}:undo` });
      throw error;
    }
    if (why === 'upgrade' && state.phase === 'canary') state.enter('canary', false, world.now());
  }
}

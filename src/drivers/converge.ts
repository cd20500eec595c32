import { sql } from 'kysely';
import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Fleet, Replacement } from '../heal/fleet.ts';
import type { RecordEvent } from '../heal/record.ts';
import type { Database } from '../store/database.ts';
import { fencedTransaction, type LeaderLease } from '../store/lease.ts';
import type { DeclaredWorkload, Slot } from './declared.ts';
import { type RolloutStep, rolloutSteps } from './rollout.ts';
import type { World } from './world.ts';

/** After a step of a workload failed, it is not tried again for this long; the reason is in the log and in an incident. */
const RETRY_MS = 3_000;

export interface ConvergeOptions {
  readonly database: Database;
  readonly lease: LeaderLease;
  readonly world: World;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly record: RecordEvent;
  readonly refresh: () => Promise<void>;
  /** Why nothing new may be rolled out for this workload now, if anything. */
  readonly heldBy: (workload: string) => string | undefined;
  /** A repair has this workload or a slot of it: hands off. */
  readonly isRepairing: (workload: string) => boolean;
}

/**
 * Makes declared things so. Called whenever something may have changed; looks, starts what can be started, and returns
 * without waiting for it. Never two steps of one workload at a time, never a step while a repair has the workload.
 */
export class Converger {
  readonly #options: ConvergeOptions;
  readonly #busy = new Set<string>();
  readonly #notBefore = new Map<string, number>();
  constructor(options: ConvergeOptions) {
    this.#options = options;
  }

  isBusy(workload: string): boolean {
    return this.#busy.has(workload);
  }

  look(epoch: number, signal: AbortSignal): void {
    const { world, clock, isRepairing } = this.#options;
    for (const workload of world.declared.workloads) {
      const { name } = workload;
      if (this.#busy.has(name) || isRepairing(name) || clock.now() < (this.#notBefore.get(name) ?? 0)) continue;
      const steps = this.#stepsOf(workload);
      if (steps.length === 0) continue;
      this.#busy.add(name);
      void this.#take(workload, steps, epoch, signal).finally(() => {
        this.#busy.delete(name);
        world.wake();
      });
    }
  }

  #stepsOf(workload: DeclaredWorkload): readonly RolloutStep[] {
    const { world, heldBy, clock } = this.#options;
    return rolloutSteps(workload, {
      isReady: (instance) => world.isReady(instance),
      isGone: (instance) => {
        const child = world.child(instance);
        return child === undefined || (child.exit?.expected === true && child.state === 'exited');
      },
      dependenciesReady: workload.spec.dependsOn.every((name) =>
        (world.workload(name)?.slots ?? []).every((slot) => slot.instance !== null && world.isReady(slot.instance)),
      ),
      held: heldBy(workload.name) !== undefined,
      now: clock.now(),
    });
  }

  async #take(workload: DeclaredWorkload, steps: readonly RolloutStep[], epoch: number, signal: AbortSignal) {
    const { clock, log } = this.#options;
    const results = await Promise.allSettled(steps.map((step) => this.#step(workload, step, epoch, signal)));
    const failed = results.find((result) => result.status === 'rejected');
    if (!failed || signal.aborted) return;
    log.warn({ workload: workload.name, reason: describeError(failed.reason) }, 'a step of the rollout failed');
    this.#notBefore.set(workload.name, clock.now() + RETRY_MS);
  }

  async #step(workload: DeclaredWorkload, step: RolloutStep, epoch: number, signal: AbortSignal): Promise<void> {
    switch (step.do) {
      case 'add-slot':
        return this.#addSlot(workload.name, step.region, step.ordinal);
      case 'remove-slot':
        return this.#removeSlot(step.slot, epoch, signal);
      case 'phase':
        return this.#enter(workload, step.phase, step.promote);
      case 'fill':
      case 'upgrade':
        return this.#occupy(workload, step.slot, step.version, step.do, epoch, signal);
    }
  }

  async #occupy(
    workload: DeclaredWorkload,
    slot: Slot,
    version: number,
    why: 'fill' | 'upgrade',
    epoch: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { database, lease, fleet, random, record, world } = this.#options;
    // A start that a former leader began is finished rather than begun again.
    const resumed = slot.incoming !== null && slot.incomingVersion === version ? slot.incoming : undefined;
    const newInstance = resumed ?? `${slot.workload}-${slot.region}-${slot.ordinal}-${random.token(5)}`;
    const inPlace = workload.spec.replacement === 'in-place';
    const { region, ordinal } = slot;
    const order = {
      workload: workload.name,
      region,
      ordinal,
      oldInstance: slot.instance,
      oldVersion: slot.version,
      oldState: stateOf(world, slot.instance),
      newInstance,
      version,
      inPlace,
    };
    const context = { key: `rollout:${newInstance}`, epoch, signal, fleet };
    await fencedTransaction(database, lease, (tx) =>
      record(tx, `rollout.${why === 'fill' ? 'instance-starting' : 'instance-replacing'}`, newInstance, {
        workload: workload.name,
        version,
        region,
        replaces: slot.instance,
      }),
    );
    try {
      await fleet.replace(order, context);
    } catch (error) {
      if (!signal.aborted) await fleet.undoReplace(order, { ...context, key: `${context.key}:undo` });
      throw error;
    }
    if (why === 'upgrade' && workload.phase === 'canary') await this.#enter(workload, 'canary', false);
  }

  async #addSlot(workload: string, region: string, ordinal: number): Promise<void> {
    const { database, lease, refresh } = this.#options;
    await fencedTransaction(database, lease, (tx) =>
      tx
        .insertInto('slot')
        .values({ workload, region, ordinal })
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    );
    await refresh();
  }

  async #removeSlot(slot: Slot, epoch: number, signal: AbortSignal): Promise<void> {
    const { database, lease, refresh, fleet } = this.#options;
    const { workload, region, ordinal } = slot;
    await fleet.vacate(slot, { key: `rollout:vacate:${slot.instance}`, epoch, signal, fleet });
    await fencedTransaction(database, lease, (tx) =>
      tx
        .deleteFrom('slot')
        .where('workload', '=', workload)
        .where('region', '=', region)
        .where('ordinal', '=', ordinal)
        .execute(),
    );
    await refresh();
  }

  /** The phase begins now, also when it is the one it was: a canary is watched from when it became ready. */
  async #enter(workload: DeclaredWorkload, phase: string, promote: boolean): Promise<void> {
    const { database, lease, refresh, record } = this.#options;
    const { name, targetVersion } = workload;
    await fencedTransaction(database, lease, async (tx) => {
      await tx
        .updateTable('workload_state')
        .set({ phase, phase_since: sql<string>`now()`, revision: sql<number>`revision + 1` })
        .where('workload', '=', name)
        .where('revision', '=', workload.revision)
        .execute();
      if (promote) {
        await tx
          .updateTable('workload_version')
          .set({ promoted_at: sql<string>`now()` })
          .where('workload', '=', name)
          .where('version', '=', targetVersion)
          .execute();
      }
      await record(tx, promote ? 'rollout.promoted' : 'rollout.phase-entered', `Workload/${name}`, {
        phase,
        version: targetVersion,
      });
    });
    await refresh();
  }
}

function stateOf(world: World, instance: string | null): Replacement['oldState'] {
  if (instance === null || !world.isRunning(instance)) return 'gone';
  return world.isReady(instance) ? 'ready' : 'running';
}

import { assert } from '../../src/base/assert.ts';
import type { Clock } from '../../src/base/clock.ts';
import { KinError } from '../../src/base/errors.ts';
import type { SlotPlace, SlotState, SuccessionPorts } from '../../src/drivers/succession.ts';
import type { MoveContext } from '../../src/heal/move.ts';

/**
 * One change of the world. `name` says which; the same name under the same key is the same effect. `isDone` tells that the
 * world is like that already: the call is made, and changes nothing.
 */
export type Effect = (context: MoveContext, name: string, isDone: () => boolean, change: () => void) => Promise<void>;

export interface Runner {
  readonly version: number;
  readonly isReady: boolean;
  /** What it read at its start. */
  readonly read: string;
}

/** Slots and what runs for them. Instances are started at most once in their lives, as by the keeper. */
export class SlotsInMemory {
  readonly slots = new Map<string, SlotState>();
  readonly running = new Map<string, Runner>();
  readonly #used = new Set<string>();
  /** Instances that start and never become ready. */
  neverReady: readonly string[] = [];
  cannotStop: string | undefined;
  /** What an instance reads when it starts, and never again. */
  reads: () => string = () => '';

  add(name: string, instance: string, version: number, isReady: boolean): void {
    this.slots.set(name, { instance, version, incoming: null, incomingVersion: null });
    this.running.set(instance, { version, isReady, read: this.reads() });
    this.#used.add(instance);
  }

  /** The single effects on slots and instances, in which a replica can end. */
  handsOf(clock: Clock, effect: Effect): SuccessionPorts {
    return {
      slot: async (place) => this.at(place),
      write: (place, change, context) => {
        const parts = Object.entries(change).filter(([name]) => name !== 'port');
        const isDone = () => parts.every(([name, value]) => readOf(this.at(place), name) === value);
        const what = parts.map(([name, value]) => `${name} ${value}`);
        return effect(context, `slot ${slotName(place)} ${what.join(', ')}`, isDone, () => {
          this.slots.set(slotName(place), { ...this.at(place), ...Object.fromEntries(parts) });
        });
      },
      start: async (next, context) => {
        const isDone = () => this.#used.has(next.id);
        await effect(context, `start ${next.id}`, isDone, () => this.#start(next, next.id, next.version, next.inPlace));
        return 0;
      },
      untilReady: async ({ id }, context) => {
        await clock.sleep(30, context.signal);
        if (!this.running.has(id)) throw new KinError('instance.not-ready', `${id} ended before it was ready`);
        if (this.neverReady.includes(id)) throw new KinError('instance.not-ready', `${id} is not ready`);
        this.#becomeReady(id);
      },
      stop: (id, _of, context) =>
        effect(
          context,
          `stop ${id}`,
          () => !this.running.has(id),
          () => {
            if (this.cannotStop === id) throw new KinError('keeper.refused', `${id} cannot be stopped`);
            this.running.delete(id);
          },
        ),
      isRunning: (id) => this.running.has(id),
      retire: () => undefined,
      startFailed: () => undefined,
    };
  }

  at(place: SlotPlace): SlotState {
    const slot = this.slots.get(slotName(place));
    if (!slot) throw new KinError('resource.unknown', `there is no slot ${slotName(place)}`);
    return slot;
  }

  #becomeReady(id: string): void {
    const runner = this.running.get(id);
    if (runner) this.running.set(id, { ...runner, isReady: true });
  }

  #start(place: SlotPlace, id: string, version: number, inPlace: boolean): void {
    const slot = this.at(place);
    assert(slot.incoming === id, 'who is coming is written down before it is started');
    const others = [...this.running.keys()].filter((each) => each.startsWith(`${slotName(place)}:`));
    assert(others.length <= (inPlace ? 0 : 1), `${others.join(' and ')} run beside the successor ${id}`);
    this.#used.add(id);
    this.running.set(id, { version, isReady: false, read: this.reads() });
  }
}

/** Instances are called `eu/0:old`, `eu/0:new`: the slot says to whom they belong. */
export function slotName({ region, ordinal }: Pick<SlotPlace, 'region' | 'ordinal'>): string {
  return `${region}/${ordinal}`;
}

function readOf(slot: SlotState, name: string): unknown {
  return slot[name as keyof SlotState];
}

import { assert } from '../../src/base/assert.ts';
import type { Clock } from '../../src/base/clock.ts';
import { KinError } from '../../src/base/errors.ts';
import type { Fleet, Replacement } from '../../src/heal/fleet.ts';
import type { MoveContext } from '../../src/heal/move.ts';
import type { Replica } from './calamity.ts';

interface Place {
  instance: string | null;
  version: number;
  incoming: string | null;
}

/** What can be compared: two worlds with equal pictures are the same. */
export interface Picture {
  readonly slots: Readonly<Record<string, Place>>;
  readonly running: readonly string[];
  readonly target: { readonly version: number; readonly phase: string; readonly rejected: readonly number[] };
  readonly scale: Readonly<Record<string, number>>;
  readonly mitigations: readonly string[];
  readonly settings: Readonly<Record<string, string | null>>;
  readonly acts: readonly string[];
  readonly suspended: readonly string[];
}

/**
 * A fleet whose every change is one step of its own, in the order of the real one (`drivers/fleet.ts`), so that a replica
 * can end between any two of them. `onEffect` sees each change with the key under which it is made.
 */
export class FleetInMemory {
  readonly #clock: Clock;
  readonly #slots = new Map<string, Place>();
  readonly #running = new Set<string>();
  readonly #scale = new Map<string, number>();
  readonly #mitigations = new Set<string>();
  readonly #rejected = new Set<number>();
  readonly #settings = new Map<string, { readonly value: string | null; readonly key: string }>();
  readonly #acts = new Map<string, string>();
  readonly #suspended = new Set<string>();
  #target = { version: 2, phase: 'canary' };
  epoch = 0;
  pages = 0;
  /** What goes wrong by itself, whoever leads. */
  faults: {
    readonly start?: readonly string[];
    readonly stopOf?: string;
    readonly lift?: boolean;
    readonly page?: boolean;
  } = {};
  onEffect: (key: string) => void = () => undefined;

  constructor(clock: Clock, slots: Readonly<Record<string, string>>) {
    this.#clock = clock;
    for (const [name, instance] of Object.entries(slots)) {
      this.#slots.set(name, { instance, version: 2, incoming: null });
      this.#running.add(instance);
    }
  }

  picture(): Picture {
    return {
      slots: Object.fromEntries([...this.#slots].map(([name, slot]) => [name, { ...slot }])),
      running: [...this.#running].sort(),
      target: { ...this.#target, rejected: [...this.#rejected] },
      scale: Object.fromEntries(this.#scale),
      mitigations: [...this.#mitigations].sort(),
      settings: Object.fromEntries([...this.#settings].map(([name, { value }]) => [name, value])),
      acts: [...this.#acts.values()],
      suspended: [...this.#suspended].sort(),
    };
  }

  /** The hands of one replica. */
  handsOf(replica: Replica): Fleet {
    const effect = (context: MoveContext, change: () => void): void => {
      context.signal.throwIfAborted();
      if (context.epoch < this.epoch) throw new KinError('keeper.refused', 'a stale epoch');
      this.epoch = context.epoch;
      replica.act(() => {
        this.onEffect(context.key);
        change();
      });
    };
    return {
      replace: (order, context) => this.#replace(order, context, effect),
      undoReplace: async (order, context) => this.#undoReplace(order, context, effect),
      setTarget: async ({ version, phase, rejected }, context) =>
        effect(context, () => {
          this.#target = { version, phase };
          this.#rejected.delete(version);
          if (rejected !== null) this.#rejected.add(rejected);
        }),
      vacate: async () => undefined,
      mitigate: async ({ id }, context) => effect(context, () => void this.#mitigations.add(id)),
      liftMitigation: async (id, context) =>
        effect(context, () => {
          if (this.faults.lift) throw new KinError('resource.unknown', 'it cannot be lifted');
          this.#mitigations.delete(id);
        }),
      scale: async ({ by, key }, context) =>
        effect(context, () => void (by === 0 ? this.#scale.delete(key) : this.#scale.set(key, by))),
      set: async ({ setting, value, key }, context) =>
        effect(context, () => void this.#settings.set(setting, { value, key })),
      unset: async ({ setting, oldValue, key }, context) => {
        if (this.#settings.get(setting)?.key !== key) return;
        effect(context, () => void this.#settings.set(setting, { value: oldValue, key: `${key} undone` }));
      },
      act: async ({ verb, asset, key }, context) => {
        if (!this.#acts.has(key)) effect(context, () => void this.#acts.set(key, `${verb} ${asset}`));
        return {};
      },
      unact: async ({ key }, context) => effect(context, () => void this.#acts.delete(key)),
      suspend: async ({ actor, suspended }, context) =>
        effect(context, () => void (suspended ? this.#suspended.add(actor) : this.#suspended.delete(actor))),
      page: async (_message, context) => {
        if (this.faults.page) throw new KinError('control.unreachable', 'the webhook does not answer');
        effect(context, () => void this.pages++);
        return { delivered: true };
      },
    };
  }

  async #replace(order: Replacement, context: MoveContext, effect: Effect): Promise<void> {
    const slot = this.#slotOf(order);
    if (slot.instance !== order.newInstance) {
      if (slot.instance !== order.oldInstance) throw new KinError('resource.conflict', 'the slot is held by another');
      effect(context, () => {
        slot.incoming = order.newInstance;
      });
      if (order.inPlace && order.oldInstance) this.#stop(order.oldInstance, context, effect);
      await this.#start(order, slot, context, effect);
      effect(context, () => {
        slot.instance = order.newInstance;
        slot.version = order.version;
        slot.incoming = null;
      });
    }
    if (order.oldInstance) this.#stop(order.oldInstance, context, effect);
  }

  async #start(order: Replacement, slot: Place, context: MoveContext, effect: Effect): Promise<void> {
    effect(context, () => {
      assert(slot.incoming === order.newInstance, 'who is coming is written down before it is started');
      const others = [...this.#running].filter((id) => id.startsWith(`${nameOf(order)}:`) && id !== order.newInstance);
      assert(others.length <= (order.inPlace ? 0 : 1), `${others.join(' and ')} run beside a successor`);
      assert(
        others.every((id) => id === order.oldInstance),
        `${others.join(' and ')} is another successor`,
      );
      this.#running.add(order.newInstance);
    });
    await this.#clock.sleep(30, context.signal);
    if (!this.#running.has(order.newInstance)) throw new KinError('instance.not-ready', 'it was stopped meanwhile');
    if (!this.faults.start?.includes(order.newInstance)) return;
    throw new KinError('instance.not-ready', `${order.newInstance} is not ready`);
  }

  #undoReplace(order: Replacement, context: MoveContext, effect: Effect): void {
    const slot = this.#slotOf(order);
    if (slot.instance === order.newInstance) return;
    this.#stop(order.newInstance, context, effect);
    if (slot.incoming !== order.newInstance) return;
    effect(context, () => {
      slot.incoming = null;
    });
  }

  #stop(id: string, context: MoveContext, effect: Effect): void {
    effect(context, () => {
      if (this.faults.stopOf === id) throw new KinError('keeper.refused', `${id} cannot be stopped`);
      this.#running.delete(id);
    });
  }

  #slotOf(order: Replacement): Place {
    const slot = this.#slots.get(nameOf(order));
    assert(slot, `there is a slot ${nameOf(order)}`);
    return slot;
  }
}

type Effect = (context: MoveContext, change: () => void) => void;

/** Instances are called `0:old`, `0:new`: the slot says to whom they belong. */
function nameOf(order: Pick<Replacement, 'ordinal'>): string {
  return String(order.ordinal);
}

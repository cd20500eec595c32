import type { Clock } from '../../src/base/clock.ts';
import { KinError } from '../../src/base/errors.ts';
import { createScaling } from '../../src/drivers/scaling.ts';
import { createSuccession } from '../../src/drivers/succession.ts';
import type { Fleet } from '../../src/heal/fleet.ts';
import type { Replica } from './calamity.ts';
import { FactsInMemory } from './facts-in-memory.ts';
import { type Effect, SlotsInMemory, slotName } from './hands-in-memory.ts';

/** What can be compared: two worlds with equal pictures are the same to everybody but a reader of names. */
export interface Picture {
  /** By slot: which version it has, and whether that serves, runs or is gone. */
  readonly slots: Readonly<Record<string, string>>;
  readonly target: { readonly version: number; readonly phase: string; readonly rejected: readonly number[] };
  readonly wanted: Readonly<Record<string, number>>;
  readonly facts: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * A small fleet of one workload whose every change is an effect of its own, so that a replica can end between any two of
 * them. Slots are changed by the very code of the real fleet (`drivers/succession.ts`, `drivers/scaling.ts`).
 */
export class FleetInMemory {
  readonly slots = new SlotsInMemory();
  readonly facts: FactsInMemory;
  readonly #clock: Clock;
  readonly #asked = new Map<string, number>();
  readonly #rejected = new Set<number>();
  readonly #called = new Set<string>();
  readonly #replicas = new Map<number, Replica>();
  #target = { version: 2, phase: 'canary' };
  /** Instances wanted by region, moves not counted. */
  declared: Readonly<Record<string, number>> = {};
  /** The highest epoch that ever acted. */
  epoch = 0;
  /** What happens to an effect by itself, whoever leads: a fault, or nothing. */
  faultOf: (key: string, name: string) => Error | undefined = () => undefined;
  /** Sees each change with the key and the epoch under which it is made. */
  onEffect: (key: string, name: string, epoch: number) => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.facts = new FactsInMemory(this.#effect);
  }

  get pages(): number {
    return this.#called.size;
  }

  picture(): Picture {
    const { slots, running } = this.slots;
    const stateOf = (id: string | null) => {
      const runner = running.get(id ?? '');
      if (!runner) return 'nobody runs';
      return `version ${runner.version} ${runner.read} ${runner.isReady ? 'serves' : 'runs'}`;
    };
    return {
      slots: Object.fromEntries([...slots].map(([name, slot]) => [name, `${slot.version}: ${stateOf(slot.instance)}`])),
      target: { ...this.#target, rejected: [...this.#rejected] },
      wanted: Object.fromEntries(this.#asked),
      facts: Object.fromEntries([...this.facts.facts].toSorted(([a], [b]) => a.localeCompare(b))),
      settings: this.facts.values(),
    };
  }

  /** What must be true of slots whenever no repair is under way. */
  disorder(): readonly string[] {
    const { slots, running } = this.slots;
    const coming = [...slots].flatMap(([name, { incoming }]) =>
      incoming ? [`${incoming} is on its way into ${name}`] : [],
    );
    const placed = new Set([...slots.values()].map(({ instance }) => instance));
    const lost = [...running.keys()].filter((id) => !placed.has(id)).map((id) => `${id} runs and has no slot`);
    return [...coming, ...lost];
  }

  /** The hands of one replica. */
  handsOf(replica: Replica): Fleet {
    this.#replicas.set(replica.epoch, replica);
    const hands = this.slots.handsOf(this.#clock, this.#effect);
    const succession = createSuccession(hands);
    return {
      ...succession,
      ...createScaling(this.#scalingPorts(), hands, succession),
      setTarget: (order, context) => this.#setTarget(order, context),
      vacate: async (place, context) => {
        const { instance, version } = this.slots.at(place);
        if (instance) await hands.stop(instance, { ...place, version, drain: true }, context);
      },
      set: (order, context) => this.facts.set(order, context),
      unset: (order, context) => this.facts.unset(order, context),
      act: async (order, context) => {
        await this.facts.act(order, context);
        return {};
      },
      unact: (order, context) => this.facts.unact(order, context),
      suspend: ({ actor, key, suspended }, context) => this.facts.suspend(actor, key, suspended, context),
      mitigate: async ({ id }, context) => {
        await this.facts.write(`limit ${id}`, 'kept', context);
        await this.facts.write(`limit ${id} at the gateways`, 'in force', context);
      },
      liftMitigation: async (id, context) => {
        await this.facts.write(`limit ${id}`, null, context);
        await this.facts.write(`limit ${id} at the gateways`, null, context);
      },
      page: async (_message, context) => {
        const isKnown = () => this.#called.has(context.key);
        await this.#effect(context, 'call a person', isKnown, () => this.#called.add(context.key));
        return { delivered: true };
      },
    };
  }

  #setTarget({ version, phase, rejected }: Parameters<Fleet['setTarget']>[0], context: Parameters<Effect>[0]) {
    const isDone = () =>
      this.#target.version === version &&
      this.#target.phase === phase &&
      !this.#rejected.has(version) &&
      (rejected === null || this.#rejected.has(rejected));
    return this.#effect(context, `target ${version} ${phase}`, isDone, () => {
      this.#target = { version, phase };
      this.#rejected.delete(version);
      if (rejected !== null) this.#rejected.add(rejected);
    });
  }

  #scalingPorts(): Parameters<typeof createScaling>[0] {
    const { slots } = this.slots;
    const placeOf = (name: string) => ({
      workload: 'records',
      region: name.split('/')[0]!,
      ordinal: Number(name.split('/')[1]),
    });
    return {
      slots: async () => [...slots].map(([name, slot]) => ({ ...placeOf(name), ...slot })),
      wantedBesides: () => this.declared,
      ask: ({ by, key }, context) =>
        this.#effect(
          context,
          `ask for ${by}`,
          () => (this.#asked.get(key) ?? 0) === by,
          () => (by === 0 ? this.#asked.delete(key) : this.#asked.set(key, by)),
        ),
      add: (place, context) => {
        const empty = { instance: null, version: null, incoming: null, incomingVersion: null };
        const isDone = () => slots.has(slotName(place));
        return this.#effect(context, `add ${slotName(place)}`, isDone, () => slots.set(slotName(place), empty));
      },
      remove: (place, context) => {
        const isDone = () => !slots.has(slotName(place));
        return this.#effect(context, `remove ${slotName(place)}`, isDone, () => slots.delete(slotName(place)));
      },
      versionOfNew: () => 2,
    };
  }

  /** The fence stands before every effect, and after whatever kept the replica from making it. */
  readonly #effect: Effect = async (context, name, isDone, change) => {
    context.signal.throwIfAborted();
    const replica = this.#replicas.get(context.epoch);
    if (!replica) throw new KinError('keeper.refused', `nobody acts under epoch ${context.epoch}`);
    await replica.act(() => {
      if (context.epoch < this.epoch) throw new KinError('keeper.refused', 'a stale epoch');
      this.epoch = context.epoch;
      const fault = this.faultOf(context.key, name);
      if (fault) throw fault;
      if (isDone()) return;
      change();
      this.onEffect(context.key, name, context.epoch);
    });
  };
}

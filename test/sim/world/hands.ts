import { describeError, isFault, KinError } from '../../../src/base/errors.ts';
import type { JsonObject } from '../../../src/base/json.ts';
import { createScaling } from '../../../src/drivers/scaling.ts';
import { createSuccession, type SlotPlace, type SuccessionPorts } from '../../../src/drivers/succession.ts';
import type { AssetOrder, Fleet } from '../../../src/heal/fleet.ts';
import type { MoveContext } from '../../../src/heal/move.ts';
import { actOn } from './asset-verbs.ts';
import { refOf } from './instance.ts';
import { partsOf } from './act-book.ts';
import type { MutableSlot } from './platform.ts';
import { slotBookOf } from './slot-book.ts';
import type { World } from './world.ts';

/** Whose hands they are: a process that can be stopped, killed or cut off in the middle of anything. */
export interface Owner {
  readonly name: string;
  /** Resolves when the process goes on; never when it is dead. */
  goOn(): Promise<void>;
  /** Cut off from the fleet. */
  isCut(): boolean;
}

const START_DEADLINE_MS = 15_000;
/** Faults that say something about the instance; all others are about the healer itself. */
const STARTS_FAIL_WITH = ['instance.not-ready', 'instance.start-failed'] as const;

/** The hands of one process in the simulated fleet. Each effect is fenced, noted, and held against the invariants. */
export function handsOf(world: World, owner: Owner): Fleet {
  const effect = async <T>(context: MoveContext, change: () => T): Promise<T> => {
    await owner.goOn();
    if (owner.isCut()) throw new KinError('keeper.unreachable', `${owner.name} is cut off from the fleet`);
    context.signal.throwIfAborted();
    if (context.epoch < world.lease.epoch) {
      world.fenced++;
      throw new KinError('lease.stale', `epoch ${context.epoch} is not the current ${world.lease.epoch}`);
    }
    const known = world.repairOf(partsOf(context.key)?.repair ?? '');
    world.invariants.effect(context, world.lease, world.stops, known, world.now());
    world.acts.note(context.key, owner.name, context.epoch, world.now(), known);
    if (known) world.invariants.asked(world.scenario, known, partsOf(context.key)?.moveIndex ?? -1, world.now());
    world.stir();
    return change();
  };
  const called = async <T>(context: MoveContext, run: () => Promise<T>): Promise<T> => {
    try {
      const result = await run();
      world.acts.close(context.key, world.now(), null);
      return result;
    } catch (error) {
      world.acts.close(context.key, world.now(), describeError(error));
      throw error;
    }
  };
  const ports = portsOf(world, owner, effect);
  const succession = createSuccession(ports);
  const scaling = createScaling(slotBookOf(world, effect), ports, succession);
  const by = (context: MoveContext) => `kintsugi ${partsOf(context.key)?.repair ?? context.key}`;
  return {
    replace: (order, context) => called(context, () => succession.replace(order, context)),
    undoReplace: (order, context) => called(context, () => succession.undoReplace(order, context)),
    setTarget: ({ workload, version, phase, rejected }, context) =>
      called(context, () =>
        effect(context, () => world.workload(workload).setTarget(version, phase as 'steady', rejected, world.now())),
      ),
    vacate: (place, context) => called(context, () => vacate(world, place, context, effect)),
    set: (order, context) =>
      called(context, () =>
        effect(context, () => {
          world.judgeWrite(order.setting, order.value);
          world.settings.compareAndSet(order, by(context), world.now());
        }),
      ),
    unset: (order, context) =>
      called(context, () => effect(context, () => void world.settings.takeBack(order, by(context), world.now()))),
    act: (order, context) => called(context, () => effect(context, () => once(world, order))),
    unact: (_order, context) => called(context, () => effect(context, () => undefined)),
    suspend: (order, context) =>
      called(context, () =>
        effect(context, () => {
          if (!world.actors.has(order.actor))
            throw new KinError('resource.unknown', `there is no actor ${order.actor}`);
          world.actors.set(order.actor, !order.suspended, world.now());
        }),
      ),
    mitigate: (mitigation, context) =>
      called(context, () => effect(context, () => void world.mitigations.add(mitigation, world.now()))),
    liftMitigation: (id, context) => called(context, () => effect(context, () => void world.mitigations.lift(id))),
    scale: (order, context) => called(context, () => scaling.scale(order, context)),
    scaleIn: (order, context) => called(context, () => scaling.scaleIn(order, context)),
    undoScaleIn: (order, context) => called(context, () => scaling.undoScaleIn(order, context)),
    page: (message, context) =>
      called(context, () =>
        effect(context, () => {
          world.page(message.incident, message.summary);
          return { delivered: true };
        }),
      ),
  };
}

type Effect = <T>(context: MoveContext, change: () => T) => Promise<T>;

/** Once per key: a repetition hears what came of it. */
function once(world: World, order: AssetOrder): JsonObject {
  const known = world.done.get(order.key);
  if (known) return known;
  const result = actOn(world, order);
  world.done.set(order.key, result);
  return result;
}

function slotOf(world: World, place: SlotPlace): MutableSlot {
  const slot = world.workload(place.workload).slot(place.region, place.ordinal);
  if (slot) return slot;
  throw new KinError('resource.unknown', `there is no slot ${place.workload}/${place.region}/${place.ordinal}`);
}

function portsOf(world: World, owner: Owner, effect: Effect): SuccessionPorts {
  const { population } = world;
  return {
    async slot(place) {
      await owner.goOn();
      return { ...slotOf(world, place) };
    },
    write: (place, change, context) => effect(context, () => void Object.assign(slotOf(world, place), change)),
    start: (next, context) =>
      effect(context, () => {
        population.start(next);
        return 0;
      }),
    async untilReady(next, context) {
      const startMs = world.workload(next.workload).words.start;
      const settled = () => population.isReady(next.id) || !population.isRunning(next.id);
      await world.until(settled, Math.max(START_DEADLINE_MS, 3 * startMs), context.signal);
      await owner.goOn();
      if (population.isReady(next.id)) return;
      context.signal.throwIfAborted();
      const why = population.isRunning(next.id) ? 'was not ready in time' : 'ended before it was ready';
      throw new KinError('instance.not-ready', `${next.id} ${why}`);
    },
    stop: (id, of, context) =>
      effect(context, () => {
        const slot = slotOf(world, of);
        const instance = population.get(id);
        if (instance?.ready && slot.instance === id && of.drain) world.takeAway(of.workload, id);
        population.stop(id);
      }),
    isRunning: (id) => population.isRunning(id),
    retire: (id) => world.retire(id),
    startFailed(next, error) {
      if (!STARTS_FAIL_WITH.some((code) => isFault(error, code))) return;
      const { id: instance, workload, version, region } = next;
      const at = world.now();
      const reason = describeError(error);
      world.emit({ kind: 'start-failed', at, vantage: 'control', instance, workload, version, region, reason });
    },
  };
}

async function vacate(world: World, place: SlotPlace, context: MoveContext, effect: Effect): Promise<void> {
  const slot = slotOf(world, place);
  for (const id of [slot.instance, slot.incoming]) {
    if (id === null) continue;
    await effect(context, () => world.population.stop(id));
    world.retire(id);
  }
}

/** What leaves the fleet is forgotten by whoever watches it. */
export function retiredSample(world: World, id: string) {
  const instance = world.population.get(id);
  return instance && { kind: 'retired' as const, at: world.now(), vantage: 'control', ...refOf(instance) };
}

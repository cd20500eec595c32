import type { Fleet } from '../heal/fleet.ts';
import type { MoveContext } from '../heal/move.ts';
import type { SlotPlace, SlotState, SuccessionPorts } from './succession.ts';

type ScaleOrder = Parameters<Fleet['scale']>[0];

/** The single effects of which scaling is made, besides those on instances. The same is owed as for `SuccessionPorts`. */
export interface ScalingPorts {
  /** Slots of the workload, read anew. Rejects with `resource.unknown` when there is no such workload. */
  slots(workload: string): Promise<readonly (SlotPlace & SlotState)[]>;
  /** How many are wanted in each region by all but this order. */
  wantedBesides(order: ScaleOrder): Readonly<Record<string, number>>;
  /** Writes down that the key of the order asks for more; with 0 that it does not. */
  ask(order: ScaleOrder, context: MoveContext): Promise<void>;
  add(place: SlotPlace, context: MoveContext): Promise<void>;
  remove(place: SlotPlace, context: MoveContext): Promise<void>;
  /** What a new slot is to run. */
  versionOfNew(workload: string): number;
}

/**
 * More slots than declared, with an instance in each, and back. Ids come from the key, so that whoever goes on starts the
 * same ones, and the undo finds them. While a repair has the workload nobody else fills or removes its slots.
 */
export function createScaling(
  ports: ScalingPorts,
  hands: Pick<SuccessionPorts, 'stop' | 'retire'>,
  succession: Pick<Fleet, 'replace'>,
): Fleet['scale'] {
  const grow = async (order: ScaleOrder, context: MoveContext): Promise<void> => {
    await ports.slots(order.workload);
    await ports.ask(order, context);
    const places = placesOf(order, ports.wantedBesides(order));
    for (const place of places) await ports.add(place, context);
    // One by one: each takes room, and what does not become ready is undone before more is asked of the machine.
    for (const place of places) {
      const version = ports.versionOfNew(order.workload);
      const before = { oldInstance: null, oldVersion: null, oldState: 'gone' } as const;
      const newInstance = idOf(order, place);
      await succession.replace({ ...place, ...before, newInstance, version, inPlace: false }, context);
    }
  };

  const shrink = async (order: ScaleOrder, context: MoveContext): Promise<void> => {
    const slots = await ports.slots(order.workload);
    const wanted = ports.wantedBesides(order);
    for (const slot of slots.toReversed()) {
      const id = idOf(order, slot);
      const isOurs = slot.instance === id || slot.incoming === id;
      const isEmpty = slot.instance === null && slot.incoming === null && slot.ordinal >= (wanted[slot.region] ?? 0);
      if (!order.regions.includes(slot.region) || !(isOurs || isEmpty)) continue;
      if (isOurs) {
        const of = { ...slot, version: slot.version ?? slot.incomingVersion };
        await hands.stop(id, { ...of, drain: true }, context);
        hands.retire(id, of);
      }
      await ports.remove(slot, context);
    }
    // Last, so that until then whoever goes on knows what is to go.
    await ports.ask(order, context);
  };

  return (order, context) => (order.by > 0 ? grow(order, context) : shrink(order, context));
}

function placesOf(
  { workload, regions, by }: ScaleOrder,
  wanted: Readonly<Record<string, number>>,
): readonly SlotPlace[] {
  return regions.flatMap((region) =>
    Array.from({ length: by }, (_, i) => ({ workload, region, ordinal: (wanted[region] ?? 0) + i })),
  );
}

/** `records-eu-2-k3f9a`, as every instance is called: the end of the key stands for the plan. */
function idOf({ workload, key }: ScaleOrder, { region, ordinal }: Pick<SlotPlace, 'region' | 'ordinal'>): string {
  return `${workload}-${region}-${ordinal}-${key.slice(-5)}`;
}

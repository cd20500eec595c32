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
  /** Writes down that the key of the order asks for more, or below 0 for fewer; with 0 that it does not. */
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
  hands: Pick<SuccessionPorts, 'stop' | 'retire' | 'isRunning'>,
  succession: Pick<Fleet, 'replace'>,
): Pick<Fleet, 'scale' | 'scaleIn' | 'undoScaleIn'> {
  /** A new instance for a place, whoever had it before and serves no more. */
  const fill = async (order: ScaleOrder, place: SlotPlace, before: SlotState | undefined, context: MoveContext) => {
    const version = ports.versionOfNew(order.workload);
    const old = {
      oldInstance: before?.instance ?? null,
      oldVersion: before?.version ?? null,
      oldState: 'gone',
    } as const;
    await succession.replace({ ...place, ...old, newInstance: idOf(order, place), version, inPlace: false }, context);
  };

  const grow = async (order: ScaleOrder, context: MoveContext): Promise<void> => {
    await ports.slots(order.workload);
    await ports.ask(order, context);
    const places = placesOf(order, ports.wantedBesides(order));
    for (const place of places) await ports.add(place, context);
    // One by one: each takes room, and what does not become ready is undone before more is asked of the machine.
    for (const place of places) await fill(order, place, undefined, context);
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

  /** Whoever occupies what is beyond what is wanted: it is the number that counts, not who came under which key. */
  const scaleIn: Fleet['scaleIn'] = async (one, context) => {
    const order = { ...one, regions: [one.region], by: -1 };
    const slots = await ports.slots(order.workload);
    await ports.ask(order, context);
    const left = lastOf(order, ports);
    for (const slot of slots.toReversed()) {
      if (slot.region !== one.region || slot.ordinal < left) continue;
      for (const [id, version] of [
        [slot.incoming, slot.incomingVersion],
        [slot.instance, slot.version],
      ] as const) {
        if (id === null) continue;
        await hands.stop(id, { ...slot, version, drain: true }, context);
        hands.retire(id, { ...slot, version });
      }
      await ports.remove(slot, context);
    }
  };

  const undoScaleIn: Fleet['undoScaleIn'] = async (one, context) => {
    const order = { ...one, regions: [one.region], by: 0 };
    const place = { workload: one.workload, region: one.region, ordinal: lastOf(order, ports) };
    const slots = await ports.slots(order.workload);
    const slot = slots.find((each) => each.region === place.region && each.ordinal === place.ordinal);
    const serves = slot !== undefined && slot.instance !== null && hands.isRunning(slot.instance);
    if (!serves && place.ordinal >= 0) {
      await ports.add(place, context);
      await fill(order, place, slot, context);
    }
    // Last, so that until then whoever goes on knows that one is missing.
    await ports.ask(order, context);
  };

  const scale: Fleet['scale'] = (order, context) => (order.by > 0 ? grow(order, context) : shrink(order, context));
  return { scale, scaleIn, undoScaleIn };
}

/** Ordinal of the newest slot of a region as long as this order is not counted. */
function lastOf(order: ScaleOrder, ports: ScalingPorts): number {
  return (ports.wantedBesides(order)[order.regions[0]!] ?? 0) - 1;
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

import type { ScalingPorts } from '../../../src/drivers/scaling.ts';
import { versionFor } from '../../../src/drivers/rollout.ts';
import { wantedOf } from '../../../src/drivers/world.ts';
import type { MoveContext } from '../../../src/heal/move.ts';
import type { World } from './world.ts';

/** The slots of workloads and how many are wanted, as the moves that scale need them. */
export function slotBookOf(
  world: World,
  effect: <T>(context: MoveContext, change: () => T) => Promise<T>,
): ScalingPorts {
  return {
    slots: async (workload) => [...world.workload(workload).slots],
    wantedBesides({ workload, key }) {
      const declared = world.workload(workload).declared();
      const { [key]: _, ...scaleDelta } = declared.scaleDelta;
      return wantedOf({ ...declared, scaleDelta });
    },
    ask: ({ workload, regions, by, key }, context) =>
      effect(context, () => {
        const state = world.workload(workload);
        const { [key]: _, ...rest } = state.scaleDelta;
        const delta = Object.fromEntries(regions.map((region) => [region, by]));
        state.scaleDelta = by === 0 ? rest : { ...rest, [key]: delta };
        world.wake();
      }),
    add: ({ workload, region, ordinal }, context) =>
      effect(context, () => {
        const state = world.workload(workload);
        if (!state.slot(region, ordinal)) state.addSlot(region, ordinal);
      }),
    remove: ({ workload, region, ordinal }, context) =>
      effect(context, () => {
        const { slots } = world.workload(workload);
        const at = slots.findIndex((each) => each.region === region && each.ordinal === ordinal);
        if (at >= 0) slots.splice(at, 1);
      }),
    versionOfNew: (workload) => versionFor(world.workload(workload).declared(), { version: null }),
  };
}

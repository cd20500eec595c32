import type { MoveName } from '../../resources/playbook.ts';
import type { SettingOrder } from '../fleet.ts';
import type { Move } from '../move.ts';

/**
 * Writes one setting: back to what it was (`reenable` a protection, `recreate` an object that is declared), to another
 * size (`resize`), or to another way (`reroute`). The old value stands in the input, so undo needs no output.
 */
function writing(name: MoveName): Move {
  return {
    name,
    deadlineMs: 30_000,
    async apply(input, context) {
      await context.fleet.set(input as unknown as SettingOrder, context);
      return {};
    },
    undo: (input, context) => context.fleet.unset(input as unknown as SettingOrder, context),
  };
}

export const recreate = writing('recreate');
export const reenable = writing('reenable');
export const resize = writing('resize');
export const reroute = writing('reroute');

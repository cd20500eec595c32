import type { ScaleInOrder } from '../fleet.ts';
import type { Move } from '../move.ts';

/** One instance fewer in one region. The key of the input, not of the call, names the change, so that undo finds it. */
export const scaleIn: Move = {
  name: 'scale-in',
  deadlineMs: 60_000,
  async apply(input, context) {
    await context.fleet.scaleIn(input as unknown as ScaleInOrder, context);
    return {};
  },
  undo: (input, context) => context.fleet.undoScaleIn(input as unknown as ScaleInOrder, context),
};

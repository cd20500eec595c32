import type { AssetOrder } from '../fleet.ts';
import type { Move } from '../move.ts';

/** Does a thing to an asset that is no state one could write. What cannot be taken back says so in its touch. */
function acting(name: AssetOrder['verb'], deadlineMs: number): Move {
  return {
    name,
    deadlineMs,
    apply: (input, context) => context.fleet.act(input as unknown as AssetOrder, context),
    undo: (input, context) => context.fleet.unact(input as unknown as AssetOrder, context),
  };
}

export const terminate = acting('terminate', 10_000);
export const rotate = acting('rotate', 60_000);
export const syncClock = acting('sync-clock', 30_000);
export const backUp = acting('back-up', 30_000);
export const deadLetter = acting('dead-letter', 10_000);
export const failover = acting('failover', 120_000);
export const run = acting('run', 300_000);

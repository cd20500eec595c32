import type { MoveName } from '../../resources/playbook.ts';
import type { Replacement, SettingOrder } from '../fleet.ts';
import type { Move } from '../move.ts';

interface GoBack {
  readonly workload: string;
  readonly from: number;
  readonly to: number;
  readonly oldPhase: string;
  readonly inPlace: boolean;
  readonly slots: readonly { region: string; ordinal: number; oldInstance: string; newInstance: string }[];
}

/**
 * `revert` of one setting writes its old value. Of a whole configuration it is a rollback: `rollback` goes back to an older artefact, `revert` to an older configuration of the same artefact. Both set the target
 * first, so that nothing rolls the bad version out any further, and then replace what already runs it.
 */
function goingBack(name: MoveName): Move {
  return {
    name,
    deadlineMs: 120_000,
    async apply(input, context) {
      if ('setting' in input) {
        await context.fleet.set(input as unknown as SettingOrder, context);
        return {};
      }
      const order = input as unknown as GoBack;
      const { workload, from, to } = order;
      await context.fleet.setTarget({ workload, version: to, phase: 'steady', rejected: from }, context);
      await inTurn(replacements(order, order.to), (each) => context.fleet.replace(each, context));
      return {};
    },
    async undo(input, context) {
      if ('setting' in input) return context.fleet.unset(input as unknown as SettingOrder, context);
      const order = input as unknown as GoBack;
      await inTurn(replacements(order, order.to), (each) => context.fleet.undoReplace(each, context));
      const { workload, from, oldPhase } = order;
      await context.fleet.setTarget({ workload, version: from, phase: oldPhase, rejected: null }, context);
    },
  };

  function replacements(order: GoBack, version: number): readonly Replacement[] {
    const { workload, inPlace } = order;
    return order.slots.map((slot) => ({ ...slot, workload, inPlace, version }));
  }
}

/**
 * Two at a time: half the wait of one by one, and never more than two successors beside those that serve. A failure waits
 * for the other of the two, so that nothing is still under way when it is undone.
 */
async function inTurn<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += 2) {
    const results = await Promise.allSettled(items.slice(i, i + 2).map(run));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

export const rollback = goingBack('rollback');
export const revert = goingBack('revert');

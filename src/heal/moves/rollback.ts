import type { MoveName } from '../../resources/playbook.ts';
import type { Replacement, SettingOrder } from '../fleet.ts';
import type { Move } from '../move.ts';
import { toReplacement } from './replace.ts';

interface GoBack {
  readonly workload: string;
  readonly from: number;
  readonly to: number;
  readonly oldPhase: string;
  readonly inPlace: boolean;
  readonly slots: readonly (Pick<Replacement, 'region' | 'ordinal' | 'oldInstance' | 'newInstance'> &
    Partial<Pick<Replacement, 'oldState'>>)[];
}

/**
 * `revert` of one setting writes its old value. Of a whole configuration it is a rollback: `rollback` goes back to an older
 * artefact, `revert` to an older configuration of the same artefact. Both set the target first, so that nothing rolls the
 * bad version out any further, and then replace what already runs it. The undo goes the same way backwards: every slot that
 * was replaced gets its old version again, and the target last.
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
      await inTurn(replacements(order), order.inPlace, (each) => context.fleet.replace(each, context));
      return {};
    },
    async undo(input, context) {
      if ('setting' in input) return context.fleet.unset(input as unknown as SettingOrder, context);
      const order = input as unknown as GoBack;
      await inTurn(replacements(order).toReversed(), order.inPlace, (each) => context.fleet.undoReplace(each, context));
      const { workload, from, oldPhase } = order;
      await context.fleet.setTarget({ workload, version: from, phase: oldPhase, rejected: null }, context);
    },
  };

  function replacements(order: GoBack): readonly Replacement[] {
    const { workload, inPlace, from, to } = order;
    return order.slots.map((slot) => toReplacement({ workload, inPlace, version: to, oldVersion: from, ...slot }));
  }
}

/**
 * Two at a time: half the wait of one by one, and never more than two successors beside those that serve. One by one in
 * place, where each takes somebody away. A failure waits for the other of the two, so that nothing is still under way when
 * it is undone.
 */
async function inTurn<T>(items: readonly T[], inPlace: boolean, run: (item: T) => Promise<void>): Promise<void> {
  const width = inPlace ? 1 : 2;
  for (let i = 0; i < items.length; i += width) {
    const results = await Promise.allSettled(items.slice(i, i + width).map(run));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

export const rollback = goingBack('rollback');
export const revert = goingBack('revert');

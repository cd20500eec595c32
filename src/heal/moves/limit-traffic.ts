import type { MoveName } from '../../resources/playbook.ts';
import type { Mitigation } from '../fleet.ts';
import type { Move } from '../move.ts';

/** Limits a tenant, a route, one kind of request or a caller for a time that is in the input: no limit is forgotten. */
function limiting(name: MoveName): Move {
  return {
    name,
    deadlineMs: 10_000,
    async apply(input, context) {
      await context.fleet.mitigate(input as unknown as Mitigation, context);
      return {};
    },
    undo: (input, context) => context.fleet.liftMitigation(String(input['id']), context),
  };
}

export const throttle = limiting('throttle');
export const quarantine = limiting('quarantine');
export const shed = limiting('shed');

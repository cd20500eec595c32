import type { JsonObject } from '../../base/json.ts';
import type { MoveName } from '../../resources/playbook.ts';
import type { Replacement } from '../fleet.ts';
import type { Move } from '../move.ts';

/** `replace` starts the successor first; `restart` stops the old instance first. Which it is stands in the input. */
function replacing(name: MoveName): Move {
  return {
    name,
    deadlineMs: 60_000,
    async apply(input, context) {
      await context.fleet.replace(toReplacement(input), context);
      return {};
    },
    undo: (input, context) => context.fleet.undoReplace(toReplacement(input), context),
  };
}

/** A plan that was kept before it said how the old one was: an equal one is started again, and not waited for. */
export function toReplacement(input: JsonObject): Replacement {
  return { oldVersion: input['version'], oldState: 'running', ...input } as unknown as Replacement;
}

export const replace = replacing('replace');
export const restart = replacing('restart');

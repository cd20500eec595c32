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

function toReplacement(input: JsonObject): Replacement {
  return input as unknown as Replacement;
}

export const replace = replacing('replace');
export const restart = replacing('restart');

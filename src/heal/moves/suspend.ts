import type { Move } from '../move.ts';

/** Stops whoever does the damage, a job or a controller, before its traces are cleared away. */
export const suspend: Move = {
  name: 'suspend',
  deadlineMs: 30_000,
  async apply(input, context) {
    await context.fleet.suspend({ actor: String(input['actor']), suspended: true, key: String(input['key']) }, context);
    return {};
  },
  undo: (input, context) =>
    context.fleet.suspend({ actor: String(input['actor']), suspended: false, key: String(input['key']) }, context),
};

import type { Move } from '../move.ts';

/** Calls a person. What was said cannot be unsaid, and need not be: undo does nothing. */
export const page: Move = {
  name: 'page',
  deadlineMs: 10_000,
  escalates: true,
  apply: (input, context) =>
    context.fleet.page({ incident: String(input['incident']), summary: String(input['summary']) }, context),
  undo: async () => undefined,
};

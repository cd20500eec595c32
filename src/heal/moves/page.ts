import { describeError, isFault } from '../../base/errors.ts';
import type { Move } from '../move.ts';

/**
 * Calls a person. What was said cannot be unsaid, and need not be: undo does nothing. A call that nobody takes is no
 * reason to undo what else its rung did: the repair ends as escalated all the same, and says that nobody was reached.
 */
export const page: Move = {
  name: 'page',
  deadlineMs: 10_000,
  escalates: true,
  async apply(input, context) {
    try {
      const message = { incident: String(input['incident']), summary: String(input['summary']) };
      return await context.fleet.page(message, context);
    } catch (error) {
      if (context.signal.aborted || SELF.some((code) => isFault(error, code))) throw error;
      return { delivered: false, reason: describeError(error) };
    }
  },
  undo: async () => undefined,
};

/** Faults of the healer and not of the webhook. */
const SELF = ['lease.lost', 'lease.stale', 'keeper.refused', 'keeper.unreachable', 'postgres.unreachable'] as const;

import type { Move } from '../move.ts';

/** One more instance per region. The key of the input, not of the call, names the change, so that undo finds it. */
export const scale: Move = {
  name: 'scale',
  deadlineMs: 60_000,
  async apply(input, context) {
    await context.fleet.scale(orderOf(input, Number(input['by'])), context);
    return {};
  },
  undo: (input, context) => context.fleet.scale(orderOf(input, 0), context),
};

function orderOf(input: Parameters<Move['apply']>[0], by: number) {
  const regions = input['regions'] as unknown as readonly string[];
  return { workload: String(input['workload']), regions, by, key: String(input['key']) };
}

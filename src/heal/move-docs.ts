import type { MoveName } from '../resources/playbook.ts';
import { MOVE_PARAMETERS } from '../resources/move-parameters.ts';
import type { MoveTraits } from './move-traits.ts';

const LOSES = {
  nothing: 'nothing',
  work: 'what was in progress; whoever did it begins again',
  data: 'data, or an effect outside: it is asked for, and off unless the Policy lists it',
} as const;
const RISKS = { 1: 'low', 2: 'medium', 3: 'high' } as const;

/** The whole of docs/moves.md, from what the moves declare. The same declarations, the same text. */
export function renderMoveDocs(traits: Readonly<Record<MoveName, MoveTraits>>): string {
  const rows = Object.entries(traits).map(
    ([name, each]) =>
      `| \`${name}\` | ${each.footprint} | ${each.inverse} | ${each.cost} | ${LOSES[each.loses]} | ${RISKS[each.risk]} |`,
  );
  return `${[
    '# Moves',
    '',
    'In the order of what heals most. What a move is, is declared once, in `src/heal/move-traits.ts`; what it touches here,',
    'and how exactly it is taken back, every step of a plan says for itself. A step that loses data, or has an effect that',
    'nobody knows how to undo, is marked so in the plan, and two people approve it.',
    '',
    '| Move | Touches | Taken back by | Costs | Loses for good | Risk |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    '## Parameters',
    '',
    'What a rung of a playbook may tell its move. `run` has exactly one of `command`, `url`, `ansiblePlaybook` and',
    '`terraformDirectory`. Parameters are on record: no secret belongs into them.',
    '',
    '| Move | Parameter | Type | Says | Left out |',
    '|---|---|---|---|---|',
    ...parameterRows(),
    '',
    'What keeps a move from being made is in [guards](guards.md).',
  ].join('\n')}\n`;
}

function parameterRows(): readonly string[] {
  return Object.entries(MOVE_PARAMETERS).flatMap(([move, parameters]) =>
    Object.entries(parameters).map(
      ([name, { type, means, otherwise }]) => `| \`${move}\` | \`${name}\` | ${type} | ${means} | ${otherwise} |`,
    ),
  );
}

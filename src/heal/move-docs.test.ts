import { expect, test } from 'vitest';
import { MOVES } from '../resources/playbook.ts';
import { renderMoveDocs } from './move-docs.ts';
import { MOVE_TRAITS } from './move-traits.ts';

test('docs/moves.md says what the moves declare; `npx vitest run src/heal -u` writes it again', async () => {
  await expect(renderMoveDocs(MOVE_TRAITS)).toMatchFileSnapshot('../../docs/moves.md');
});

test('moves are declared in the order of what heals most, and twins name each other', () => {
  expect(Object.keys(MOVE_TRAITS)).toEqual(MOVES);
  for (const move of MOVES) {
    const { twin } = MOVE_TRAITS[move];
    if (twin) expect(MOVE_TRAITS[twin].twin).toBe(move);
  }
});

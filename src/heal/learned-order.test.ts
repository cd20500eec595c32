import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MOVES, type MoveName } from '../resources/playbook.ts';
import { inLearnedOrder, type Learned, type MoveRecord, recordKey } from './learned-order.ts';

const ladder = (['revert', 'replace', 'scale', 'page'] as const).map((move) => ({ move }));
const record = (tried: number, healed: number, harm = 0): MoveRecord => ({ tried, healed, harm });
const order = (learned: Partial<Record<MoveName, MoveRecord>>) => {
  const known: Learned = Object.fromEntries(
    Object.entries(learned).map(([move, each]) => [recordKey('resource', move as MoveName), each]),
  );
  return inLearnedOrder('resource', ladder, known).map(({ move }) => move);
};

describe('the learned order', () => {
  test('puts what heals before what does not', () => {
    expect(order({ revert: record(10, 0), replace: record(10, 10) })).toEqual(['replace', 'revert', 'scale', 'page']);
  });

  test.each([
    ['too few tries', { revert: record(4, 0), replace: record(10, 10) }],
    ['intervals that meet', { revert: record(6, 3), replace: record(6, 6) }],
    ['more harm', { revert: record(10, 0), replace: record(10, 10, 5) }],
    ['a rung without a record', { replace: record(10, 10) }],
    ['another cause', {}],
  ])('stays as it was for %s', (_why, learned) => {
    expect(order(learned)).toEqual(['revert', 'replace', 'scale', 'page']);
  });

  test('never moves the call to a person, loses nothing and is stable', () => {
    const records = fc.dictionary(
      fc.constantFrom(...MOVES).map((move) => recordKey('resource', move)),
      fc.nat(20).chain((tried) => fc.record({ tried: fc.constant(tried), healed: fc.nat(tried), harm: fc.nat(9) })),
    );
    const ladders = fc.array(
      fc.constantFrom(...MOVES).map((move) => ({ move })),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(ladders, records, (rungs, learned) => {
        const once = inLearnedOrder('resource', rungs, learned);
        expect(once.map(({ move }) => move).toSorted()).toEqual(rungs.map(({ move }) => move).toSorted());
        const pages = (all: readonly { move: MoveName }[]) =>
          all.flatMap(({ move }, i) => (move === 'page' ? [i] : []));
        expect(pages(once)).toEqual(pages(rungs));
        expect(inLearnedOrder('resource', once, learned)).toEqual(once);
      }),
    );
  });
});

import { expect, test } from 'vitest';
import { planOf, stepOf } from '../../test/sim/plans.ts';
import type { Move } from './move.ts';
import { page } from './moves/page.ts';
import { revert, rollback } from './moves/rollback.ts';
import { rehearse } from './rehearsal.ts';

const MOVES = new Map([revert, rollback, page].map((move: Move) => [move.name, move]));

test('a rehearsal tells every call of every step, with its order, and makes none', async () => {
  const setting = { setting: 'tenant/shop/SIZE', value: '10', oldValue: 'many', expectedRevision: 2, key: 'k' };
  const slots = [{ region: 'eu', ordinal: 0, oldInstance: 'a', newInstance: 'b' }];
  const back = { workload: 'records', from: 2, to: 1, oldPhase: 'canary', inPlace: false, slots };
  const steps = [
    stepOf({ move: 'revert', input: setting }),
    stepOf({ move: 'rollback', rung: 1, input: back }),
    stepOf({ move: 'page', rung: 2, input: { incident: 'inc_1', summary: 'it is broken' } }),
  ];
  const calls = await rehearse(planOf({ steps }), MOVES);
  expect(calls.map(({ moveIndex, call }) => [moveIndex, call])).toEqual([
    [0, 'set'],
    [1, 'setTarget'],
    [1, 'replace'],
    [2, 'page'],
  ]);
  expect(calls[0]?.order).toEqual(setting);
});

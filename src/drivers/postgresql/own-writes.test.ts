import { expect, test } from 'vitest';
import { settingView } from '../../../test/sim/scenes.ts';
import { OwnWrites } from './own-writes.ts';

const ID = 'postgresql/records/eu/grant of SELECT on records.summary to records_app';
const AT = 1_000_000;
const change = (value: string | null, at: number, by = 'unknown') => ({ value, at, by, soakedAt: null });

function handsIn(history: readonly ReturnType<typeof change>[], write: (own: OwnWrites) => void) {
  const own = new OwnWrites();
  write(own);
  return own.signed(settingView(ID, { value: null, history })).history.map(({ by }) => by);
}

test('what a repair took away is its own, and what came before and comes back later is not', () => {
  const history = [
    change(null, 0),
    change('there', AT),
    change(null, AT + 4_000),
    change('there', AT + 9_000),
    change(null, AT + 90_000),
  ];
  const hands = handsIn(history, (own) => own.note(ID, null, 'rep_1:0', AT + 3_000));
  expect(hands).toEqual(['unknown', 'unknown', 'kintsugi rep_1', 'unknown', 'unknown']);
});

test('a write that had nothing to do signs nothing that another does an hour later', () => {
  const hands = handsIn([change('x', AT - 1), change('there', AT + 3_600_000)], (own) =>
    own.note(ID, 'there', 'rep_1:0', AT),
  );
  expect(hands).toEqual(['unknown', 'unknown']);
});

test('who is known by a better name keeps it', () => {
  const hands = handsIn([change('there', AT - 1), change(null, AT, 'manifest')], (own) =>
    own.note(ID, null, 'rep_1:0', AT),
  );
  expect(hands).toEqual(['unknown', 'manifest']);
});

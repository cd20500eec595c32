import { expect, test } from 'vitest';
import type { FactName } from '../resources/fact-kinds.ts';
import type { Reason, Status } from './assess.ts';
import { goodSince } from './good-since.ts';

const KINDS: readonly (readonly FactName[])[] = [['clock.offset.seconds'], ['audit.canary.seconds']];

const reason = (fact: FactName, measuredAt: number | null, status: Status = 'satisfied'): Reason => {
  return { status, fact, subject: 'one', text: `${fact} is good`, measuredAt, collector: 'c', evidence: null };
};
const CLOCK = reason('clock.offset.seconds', 11);
const AUDIT = reason('audit.canary.seconds', 12);

test('is told when a fact of each kind was measured after, and all are good', () => {
  expect(goodSince([CLOCK, AUDIT, AUDIT], KINDS, 10)).toBe(
    'clock.offset.seconds is good; audit.canary.seconds is good',
  );
});

test.each([
  ['one kind is missing', [CLOCK]],
  ['one is of before', [CLOCK, reason('audit.canary.seconds', 10)]],
  ['one was never measured', [CLOCK, reason('audit.canary.seconds', null, 'unknown')]],
  ['one of several is bad', [CLOCK, AUDIT, reason('audit.canary.seconds', 13, 'not-satisfied')]],
  ['there is nothing', []],
])('proves nothing when %s', (_, reasons) => {
  expect(goodSince(reasons, KINDS, 10)).toBeUndefined();
});

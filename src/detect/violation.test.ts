import fc from 'fast-check';
import { expect, test } from 'vitest';
import { claimsAfter, standingAfter } from '../../test/sim/claims.ts';
import { violationAt } from '../../test/sim/readings.ts';
import type { Sample } from '../observe/sample.ts';
import { violationDetector } from './violation.ts';

const FACT = 'rls.views.bypassing';
const CLAIM = [`fact-${FACT} store records/eu`];
const good = (at: number): Sample => violationAt(at, FACT, []);
const bad = (at: number, tenants = ['shop']): Sample => violationAt(at, FACT, tenants);
const standingOf = (samples: readonly Sample[]) => standingAfter(violationDetector, samples);

test('what was good and is bad twice in a row is one claim, since the first time, with all that it breaks', () => {
  expect(standingOf([good(1), bad(2)])).toEqual([]);
  const [claim, ...others] = claimsAfter(violationDetector, [good(1), bad(2), bad(3, ['shop', 'clinic'])]);
  expect(others).toEqual([]);
  expect(claim).toMatchObject({ subject: { kind: 'asset', name: 'store records/eu' }, since: 2, at: 3 });
  expect(claim?.evidence).toMatchObject({ fact: FACT, violated: [{ tenants: ['shop', 'clinic'] }] });
});

test('what the loop has looked at twice before it was reported is believed at once', () => {
  const rls = (at: number, tenants: string[]) => violationAt(at, 'rls.enabled', tenants);
  expect(standingOf([rls(1, []), rls(2, ['shop'])])).toEqual(['fact-rls.enabled store records/eu']);
});

test('what has been bad since the first look is how people set it up; a leak is not', () => {
  expect(standingOf([bad(1), bad(2), bad(3)])).toEqual([]);
  expect(standingOf([bad(1), bad(2), good(3), bad(4), bad(5)])).toEqual(CLAIM);
  const leak = (at: number) => violationAt(at, 'isolation.sql.foreignRows', ['shop']);
  expect(standingOf([leak(1)])).toEqual([]);
  expect(standingOf([leak(1), leak(2)])).toEqual(['fact-isolation.sql.foreignRows store records/eu']);
});

test('what is counted of the past is no claim: its incidents have told of it', () => {
  const counted = (at: number, tenants: string[]) => violationAt(at, 'resilience.availability', tenants);
  expect(standingOf([counted(1, []), counted(2, ['shop']), counted(3, ['shop'])])).toEqual([]);
});

test('the same measurement told twice is one measurement', () => {
  expect(standingOf([good(1), bad(2), bad(2), bad(2)])).toEqual([]);
});

test('it is over with the first good measurement and gone with the second; bad again in between, it stands', () => {
  const claimed = [good(1), bad(2), bad(3)];
  expect(claimsAfter(violationDetector, [...claimed, good(4)])).toMatchObject([{ over: true }]);
  expect(standingOf([...claimed, good(4), good(5)])).toEqual([]);
  expect(claimsAfter(violationDetector, [...claimed, good(4), bad(5)])[0]).not.toHaveProperty('over');
});

test('a subject that is no more takes its claim along', () => {
  expect(standingOf([good(1), bad(2), bad(3), violationAt(4, FACT, [], { gone: true })])).toEqual([]);
});

test('what comes back has to be seen for longer each time', () => {
  const once = [good(1), bad(2), bad(3), good(4), good(5)];
  expect(standingOf([...once, bad(6), bad(7), bad(8)])).toEqual([]);
  expect(standingOf([...once, bad(6), bad(7), bad(8), bad(9)])).toEqual(CLAIM);
  const later = 700_000;
  expect(standingOf([...once, bad(later), bad(later + 1)])).toEqual(CLAIM);
});

test('what flaps with every measurement is never claimed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), (length) => {
      const flapping = Array.from({ length }, (_, at) => (at % 2 === 0 ? good(at + 1) : bad(at + 1)));
      expect(standingOf(flapping)).toEqual([]);
    }),
  );
});

test('nothing is ever claimed that was not measured to be bad last, or the time before', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (measured) => {
      const samples = measured.map((isBad, at) => (isBad ? bad(at + 1) : good(at + 1)));
      const isClaimed = claimsAfter(violationDetector, samples).some(({ over }) => over !== true);
      expect(isClaimed && measured.at(-1) === false).toBe(false);
    }),
  );
});

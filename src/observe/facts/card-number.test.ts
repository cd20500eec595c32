import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countCardNumbers } from './card-number.ts';

/** Numbers that schemes publish for tests. */
const KNOWN = ['4111111111111111', '5555555555554444', '378282246310005', '6011111111111117', '2223003122003222'];

describe('a card number', () => {
  test.each(KNOWN)('%s is found, alone, in groups and in a sentence', (number) => {
    const groups = number.replaceAll(/(\d{4})(?=\d)/g, '$1 ');
    expect([number, groups, groups.replaceAll(' ', '-'), `{"pan":"${number}"}`].map(countCardNumbers)).toEqual([
      1, 1, 1, 1,
    ]);
  });

  test('with another check digit is none', () => {
    fc.assert(
      fc.property(fc.constantFrom(...KNOWN), fc.integer({ min: 1, max: 9 }), (number, by) => {
        const last = (Number(number.at(-1)) + by) % 10;
        expect(countCardNumbers(`${number.slice(0, -1)}${last}`)).toBe(0);
      }),
    );
  });

  test.each([
    ['a longer number', '41111111111111110000000'],
    ['an id', 'ord_4111111111111111'],
    ['a uuid', '41111111-1111-1111-8111-111111111111'],
    ['zeros', '0000000000000000'],
    ['masked digits', '411111******1111'],
    ['a fraction', '0.4111111111111111'],
    ['a time in microseconds', '1763700000000000'],
  ])('%s is none', (_, text) => {
    expect(countCardNumbers(text)).toBe(0);
  });

  test('a text of any kind is counted without a fault, in linear time', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => countCardNumbers(text) >= 0));
    expect(countCardNumbers('1 '.repeat(200_000))).toBe(0);
  });
});

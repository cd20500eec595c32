import { expect, test } from 'vitest';
import { OwnWords } from './own-words.ts';

const words = new OwnWords('clinic', ['clinic', 'clinic-de', 'shop']);

test('a name counts as a word of its own', () => {
  expect(words.namesOther('the clinics of shopping')).toBe(false);
  expect(words.namesOther('store/shop/0')).toBe(true);
  expect(words.namesOwn('clinic-de')).toBe(false);
  expect(words.without('clinic-de drowns clinic, shop and shop-old')).toBe(
    'another tenant drowns clinic, another tenant and shop-old',
  );
});

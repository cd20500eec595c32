import { expect, test } from 'vitest';
import { countSeverity, oneIn, startRarity } from './rarity.ts';

test('a severity is as rare as all that was as severe or more', () => {
  const rarity = startRarity();
  for (let i = 0; i < 990; i++) countSeverity(rarity, 0);
  for (let i = 0; i < 8; i++) countSeverity(rarity, 1);
  for (let i = 0; i < 2; i++) countSeverity(rarity, 100);
  expect(oneIn(rarity, 0)).toBe(1);
  expect(oneIn(rarity, 1)).toBe(100);
  expect(oneIn(rarity, 100)).toBe(500);
  expect(oneIn(rarity, 1e30)).toBe(1_000);
});

import { expect, test } from 'vitest';
import { createPrintTime } from './moment.ts';

test('times are of the zone that was asked for', () => {
  const at = '2026-01-31T23:05:09.900Z';
  expect(createPrintTime('UTC')(at)).toBe('23:05:09');
  expect(createPrintTime('Europe/Berlin')(at)).toBe('00:05:09');
  expect(createPrintTime('UTC')(Number.NaN)).toBe('-');
});

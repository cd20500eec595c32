import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { LedgerParts } from './ledger-parts.ts';

let folder: string;
let parts: LedgerParts;
const path = () => join(folder, 'retention.json');
const declare = (policy: object | string) =>
  writeFileSync(path(), typeof policy === 'string' ? policy : JSON.stringify(policy));
const now = async () => (await parts.look()).settings[0];
const order = (oldValue: string) => ({
  setting: 'ledger/keepDays',
  value: '366',
  oldValue,
  expectedRevision: 1,
  key: 'pln_1-0',
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-keeping-'));
  parts = new LedgerParts({ folder, clock });
});
afterEach(() => rmSync(folder, { recursive: true }));

test('where nothing is ever dropped, or the policy cannot be read, there is nothing to raise', async () => {
  expect(await now()).toBeUndefined();
  declare('{ "keepDays": -1 }');
  expect(await now()).toBeUndefined();
  await parts.set(order('30'));
  expect(readFileSync(path(), 'utf8')).toBe('{ "keepDays": -1 }');
});

test('what is kept for too short is raised to the floor, all of it and nothing else, however often it is asked for', async () => {
  declare({ hotDays: 7, keepDays: 2_000, types: { 'request.': 30, 'repair.': 3_000 } });
  expect(await now()).toMatchObject({ value: '30', floor: { lawful: 366, worse: 'lower' } });
  for (let i = 0; i < 2; i++) await parts.set(order('30'));
  const kept = JSON.parse(readFileSync(path(), 'utf8'));
  expect(kept).toEqual({ hotDays: 7, warmDays: 366, keepDays: 2_000, types: { 'request.': 366, 'repair.': 3_000 } });
  expect(await now()).toMatchObject({ value: '366', revision: 2 });
  await parts.unset();
  expect(JSON.parse(readFileSync(path(), 'utf8'))).toEqual(kept);
});

test('what somebody wrote since it was decided on is looked at again first', async () => {
  declare({ keepDays: 40 });
  await expect(parts.set(order('30'))).rejects.toMatchObject({ code: 'resource.conflict' });
  declare({ keepDays: 500 });
  await parts.set(order('30'));
  expect(await now()).toMatchObject({ value: '500' });
});

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import type { BackedStore } from './backups.ts';
import { readableBackups, readableLogs } from './readable-files.ts';

let root: string;

/** `data/backups/eu-0/1/data/base` with a file in it, open on all heights. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-open-'));
  mkdirSync(join(root, 'backups/1/data'), { recursive: true });
  writeFileSync(join(root, 'backups/1/data/base'), '');
  writeFileSync(join(root, 'backups/1/backup.json'), '');
  for (const each of ['', 'backups', 'backups/1', 'backups/1/data']) chmodSync(join(root, each), 0o755);
  for (const each of ['backups/1/data/base', 'backups/1/backup.json']) chmodSync(join(root, each), 0o640);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function open(folder = join(root, 'backups')) {
  const place = { server: 'database', region: 'eu', tenants: 'all', folder } as unknown as BackedStore;
  const backups = readableBackups({ stores: () => [place, place], clock });
  const logs = readableLogs({ folders: [folder], clock });
  const facts = [...(await backups.collect(AbortSignal.any([]))), ...(await logs.collect(AbortSignal.any([])))];
  const told = facts.map(({ measured: it }) => (it.kind === 'value' ? (it.detail ?? it.value) : it.reason));
  expect(facts.map(({ subject }) => subject)).toEqual(['postgresql/database/eu', 'logs']);
  expect(told[0]).toEqual(told[1]);
  return told[0];
}

test('what a group can read that somebody keeps is no everybody', async () => {
  expect(await open()).toBe(0);
});

test('what everybody can read is named', async () => {
  chmodSync(join(root, 'backups/1/data/base'), 0o644);
  expect(await open()).toBe('1/data/base');
});

test.each(['', 'backups', 'backups/1', 'backups/1/data'])(
  'a shut folder (%s) keeps all out of what is below it',
  async (shut) => {
    chmodSync(join(root, 'backups/1/data/base'), 0o666);
    chmodSync(join(root, shut), 0o750);
    expect(await open()).toBe(0);
  },
);

test('a folder that is not there yet has nothing open', async () => {
  expect(await open(join(root, 'none'))).toBe(0);
});

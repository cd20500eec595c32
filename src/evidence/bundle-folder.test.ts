import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readBundle, writeBundle } from './bundle-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const files = new Map([
  ['dossier.json', Buffer.from('{}')],
  ['receipts/evt_1.tlog-proof', Buffer.from('x')],
]);

test('what was written is read again, and nothing lies beside it', () => {
  writeBundle(join(folder, 'out', 'one'), files);
  expect(readBundle(join(folder, 'out', 'one'))).toEqual(files);
  expect(readdirSync(join(folder, 'out'))).toEqual(['one']);
});

test('nothing is written over', () => {
  expect(() => writeBundle(folder, files)).toThrow(/never written over/);
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder that cannot be written leaves nothing', () => {
  expect(() => writeBundle(join(folder, 'bad\0name'), files)).toThrow(/cannot write|null bytes/);
  expect(readdirSync(folder)).toEqual([]);
});

test('a link is refused: it could lead anywhere', () => {
  symlinkSync('/etc/hostname', join(folder, 'dossier.json'));
  expect(() => readBundle(folder)).toThrow(/no plain file/);
});

test('what is far too large is refused before it is read, and an archive is no folder', () => {
  const large = join(folder, 'large');
  mkdirSync(large);
  writeFileSync(join(large, 'report.pdf'), '');
  truncateSync(join(large, 'report.pdf'), 2 ** 33);
  expect(() => readBundle(large)).toThrow(/too large/);
  writeFileSync(join(folder, 'bundle.zip'), 'PK');
  expect(() => readBundle(join(folder, 'bundle.zip'))).toThrow(/there is no bundle/);
});

test('a folder that is a link within it is refused too', () => {
  symlinkSync('/etc', join(folder, 'evidence'));
  expect(() => readBundle(folder)).toThrow(/no plain file/);
});

test('what is not there is told', () => {
  expect(() => readBundle(join(folder, 'nothing'))).toThrow(/there is no bundle/);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';

const CLINIC = join(import.meta.dirname, '../../examples/clinic');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-gate-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ask = (...words: string[]) => runCommand(['gate', ...words], { stateDefault: join(folder, 'state') });

function fileOf(text: string): string {
  const file = join(folder, 'moves.yaml');
  writeFileSync(file, text);
  return file;
}

test('moves are judged for each tenant of manifests, without anything that runs', async () => {
  const { code, stdout } = await ask('-f', join(CLINIC, 'moves.yaml'), '--from', join(CLINIC, 'stack.yaml'));
  expect(code).toBe(2);
  await expect(stdout).toMatchFileSnapshot('../../test/golden/cli/gate.txt');
});

test('the exit code is 0 when everything is permitted, and the answers can be read by a machine', async () => {
  const file = fileOf('move: wake\ndeeds: [page]\ntenants: [shop]\n');
  const { code, stdout } = await ask('-f', file, '--from', join(CLINIC, 'stack.yaml'), '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ answers: [{ move: 'wake', kind: 'permit', permitted: ['shop'] }] });
});

test.each([
  ['- move: x\n  deeds: [relocat]', 'moves.yaml:2:11: [0].deeds[0]: must be one of', 'did you mean `relocate`?'],
  ['move: x\ndeeds: [page]\nclaims: { recordd: true }', 'moves.yaml:3:11: claims.recordd:', 'did you mean `recorded`?'],
  ['move: x\ndeeds: []', 'moves.yaml:2:', 'must be a list that is not empty'],
  ['move: x\ndeeds: [page]\nafter: { data: somewhere }', 'moves.yaml:3:16: after.data:', 'a list or unknown'],
  ['- 7', 'moves.yaml:1:3', 'must be a mapping'],
])('%j is refused with its place', async (text, place, remedy) => {
  const { code, stdout, stderr } = await ask('-f', fileOf(text), '--from', join(CLINIC, 'stack.yaml'));
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  expect(stderr).toContain(place);
  expect(stderr).toContain(remedy);
});

test('a file without a move, and no file, are refused', async () => {
  expect((await ask('-f', fileOf('# nothing\n'), '--from', join(CLINIC, 'stack.yaml'))).code).toBe(66);
  expect((await ask()).code).toBe(64);
});

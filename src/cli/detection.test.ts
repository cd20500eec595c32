import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { DETECTION_NUMBERS } from '../resources/detection-number.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-detection-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...words: string[]) => runCommand(['detection', ...words], { stateDefault: join(folder, 'state') });

function policyFile(detection: string): string {
  const file = join(folder, 'policy.yaml');
  const head = 'apiVersion: kintsugi.dev/v1alpha1\nkind: Policy\nmetadata: { name: default }\n';
  writeFileSync(file, `${head}spec:\n  detection: ${detection}\n`);
  return file;
}

test('every number is shown with its default, and what a Policy sets is marked', async () => {
  const { code, stdout } = await run('--from', policyFile('{ leak.growthMin: 200 }'));
  expect(code).toBe(0);
  for (const name of Object.keys(DETECTION_NUMBERS)) expect(stdout).toContain(name);
  expect(stdout).toMatch(/leak\.growthMin +\*200 +96 +MiB/);
  expect(stdout).toMatch(/sibling\.warmMs +20000 +20000 +ms/);
});

test('a name that does not exist is refused with the one that was probably meant', async () => {
  const typed = await run('siblng', '--defaults');
  expect(typed).toMatchObject({ stdout: '' });
  expect(typed.code).not.toBe(0);
  expect(typed.stderr).toContain('did you mean sibling?');
  const declared = await run('--from', policyFile('{ sibling.timesSlowr: 5 }'));
  expect(declared.code).not.toBe(0);
  expect(declared.stderr).toContain('sibling.timesSlower');
  expect(declared.stderr).toMatch(/policy\.yaml:5/);
});

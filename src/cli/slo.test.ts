import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { parseManifests } from '../resources/manifest.ts';

const STACK = join(import.meta.dirname, '../../examples/clinic/stack.yaml');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-slo-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...words: string[]) => runCommand(['slo', ...words], { stateDefault: join(folder, 'state') });

test('what is exported, changed and imported is a manifest that can be applied', async () => {
  const { stdout: openslo } = await run('export', '--from', STACK);
  const file = join(folder, 'slo.yaml');
  writeFileSync(file, openslo.replace('value: 500', 'value: 300'));
  const { code, stdout, stderr } = await run('import', '-f', file, '--from', STACK);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^clinic-de: latencyMs 500 -> 300\nto make it so: .*kintsugi apply -f FILE/);
  const known = ['Profile/gdpr', 'Profile/hipaa', 'Profile/pci-dss'];
  const { resources } = parseManifests([{ file: 'out', folder, text: stdout }], { known });
  expect(resources.map(({ resource }) => resource)).toMatchObject([
    { kind: 'Tenant', metadata: { name: 'clinic-de' }, spec: { objectives: { latencyMs: 300 } } },
  ]);
});

test('documents that cannot be taken are refused with their place, and nothing is printed', async () => {
  const { stdout: openslo } = await run('export', '--from', STACK);
  const file = join(folder, 'slo.yaml');
  writeFileSync(file, openslo.replaceAll('duration: 30d', 'duration: 28d'));
  const { code, stdout, stderr } = await run('import', '-f', file, '--from', STACK);
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  expect(stderr).toContain('slo.yaml:');
  expect(stderr).toContain('use duration: 30d and isRolling: true');
  expect((await run('import', '-f', join(folder, 'none.yaml'), '--from', STACK)).code).toBe(66);
});

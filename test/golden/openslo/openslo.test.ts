import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KinError } from '../../../src/base/errors.ts';
import { exportObjectives } from '../../../src/resources/openslo/openslo-export.ts';
import { importObjectives } from '../../../src/resources/openslo/openslo-import.ts';
import type { BurnPolicy } from '../../../src/resources/openslo/openslo-terms.ts';
import { type Tenant, tenantSchema } from '../../../src/resources/tenant.ts';

// Expected texts are rewritten with `npx vitest run test/golden/openslo -u`.
const folder = import.meta.dirname;
const files = readdirSync(folder);

const BURNS: BurnPolicy = {
  periodMs: 30 * 86_400_000,
  alerts: [
    { name: 'page quick', severity: 'page', factor: 14.4, longMs: 3_600_000, shortMs: 300_000 },
    { name: 'ticket slow', severity: 'ticket', factor: 1, longMs: 3 * 86_400_000, shortMs: 6 * 3_600_000 },
  ],
};

function tenant(name: string): Tenant {
  const metadata = { name };
  const spec = { displayName: `${name}: "the" clinic`, regions: ['eu'] };
  return tenantSchema.parse({ apiVersion: 'kintsugi.dev/v1alpha1', kind: 'Tenant', metadata, spec });
}

function load(file: string) {
  return importObjectives(
    [{ file, folder, text: readFileSync(join(folder, file), 'utf8') }],
    [tenant('clinic-de'), tenant('shop')],
    BURNS,
  );
}

test('what is written is what other tools read', async () => {
  const text = exportObjectives([tenant('clinic-de')], BURNS);
  await expect(text).toMatchFileSnapshot(join(folder, 'exported.yaml'));
});

test('documents of another tool are taken, and told where they work in another way', async () => {
  const { tenants, changes, warnings } = load('foreign.good.yaml');
  expect(tenants.map(({ spec }) => spec.objectives)).toEqual([{ availability: 0.9995, latencyMs: 300, routes: [] }]);
  const told = [...changes, ...warnings].map((line) => `${line}\n`).join('');
  await expect(told).toMatchFileSnapshot(join(folder, 'foreign.good.txt'));
});

const bad = files.filter((file) => file.endsWith('.bad.yaml'));

test.each(bad)('%s is refused, each fault with its line and what to do', async (file) => {
  expect(bad.length).toBeGreaterThan(1);
  let fault: unknown;
  try {
    load(file);
  } catch (error) {
    fault = error;
  }
  expect(fault).toMatchObject({ name: 'KinError', code: 'manifest.invalid' });
  await expect(`${(fault as KinError).message}\n`).toMatchFileSnapshot(join(folder, file.replace(/yaml$/, 'txt')));
});

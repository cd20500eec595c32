import { expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { tenantSchema } from '../../resources/tenant.ts';
import { declaredTiers } from './declared-tiers.ts';

test('a tier that nobody declared is missing: none is made up for a manifest', async () => {
  const declared = ['critical', undefined].map((tier, index) => {
    const spec = { regions: ['eu'], ...(tier && { tier }) };
    const metadata = { name: `tenant-${index}` };
    return tenantSchema.parse({ apiVersion: 'kintsugi.dev/v1alpha1', kind: 'Tenant', metadata, spec });
  });
  const tenants = () => declared.map(({ metadata, spec }) => ({ name: metadata.name, tier: spec.tier }));
  const facts = await declaredTiers({ tenants, clock }).collect(new AbortController().signal);
  expect(facts.map(({ subject, measured }) => [subject, measured])).toEqual([
    ['tenant-0', { kind: 'value', value: false }],
    ['tenant-1', { kind: 'value', value: true }],
  ]);
});

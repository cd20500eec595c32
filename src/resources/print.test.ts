import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryResource } from './arbitrary-resource.ts';
import { readDocuments } from './manifest-document.ts';
import { printResources } from './print.ts';
import { SCHEMAS } from './resource.ts';

test('what is printed reads back equal', () => {
  fc.assert(
    fc.property(fc.array(arbitraryResource, { minLength: 1, maxLength: 3 }), (resources) => {
      const { documents, problems } = readDocuments({
        file: 'printed.yaml',
        folder: '/',
        text: printResources(resources),
      });
      expect(problems).toEqual([]);
      const read = documents.map(({ value }, index) => SCHEMAS[resources[index]?.kind ?? 'Tenant'].parse(value));
      expect(read).toEqual(resources);
    }),
    { numRuns: 500 },
  );
});

test('keys stand in the order of the schema, whatever order the data had', () => {
  const resource = SCHEMAS.Tenant.parse({
    spec: { regions: ['eu'] },
    metadata: { name: 'one' },
    kind: 'Tenant',
    apiVersion: 'kintsugi.dev/v1alpha1',
  });
  const shuffled = {
    spec: resource.spec,
    metadata: resource.metadata,
    kind: resource.kind,
    apiVersion: resource.apiVersion,
  };
  expect(printResources([shuffled])).toBe(printResources([resource]));
  expect(printResources([shuffled])).toMatch(/^apiVersion: .*\nkind: Tenant\nmetadata:\n {2}name: one\n/);
});

test('nothing is printed as an alias', () => {
  const shared = { A: '1' };
  const [one, two] = ['one', 'two'].map((name) =>
    SCHEMAS.Profile.parse({
      apiVersion: 'kintsugi.dev/v1alpha1',
      kind: 'Profile',
      metadata: { name, labels: shared, annotations: shared },
      spec: { title: 'x' },
    }),
  );
  expect(printResources([one!, two!])).not.toMatch(/[&*]/);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryResource } from './arbitrary-resource.ts';
import { diffResources, renderChanges } from './diff.ts';
import { type Resource, resourceKey, SCHEMAS } from './resource.ts';

function workload(spec: Record<string, unknown>, name = 'records'): Resource {
  return SCHEMAS.Workload.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Workload',
    metadata: { name },
    spec: { artefact: { path: '.' }, command: ['node'], instances: { eu: 1 }, ...spec },
  });
}

function playbook(moves: readonly string[]): Resource {
  return SCHEMAS.Playbook.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Playbook',
    metadata: { name: 'died' },
    spec: { answers: ['instance-died'], ladder: moves.map((move) => ({ move })) },
  });
}

const resources = fc.uniqueArray(arbitraryResource, { selector: resourceKey, maxLength: 5 });

test('equal lists, in whatever order, differ in nothing', () => {
  fc.assert(
    fc.property(resources, (list) => {
      const copy = structuredClone(list).reverse();
      expect(diffResources(list, copy).every(({ change }) => change === 'unchanged')).toBe(true);
    }),
  );
});

test('the way back is the opposite of the way there', () => {
  const opposite = { added: 'removed', removed: 'added', changed: 'changed', unchanged: 'unchanged' } as const;
  fc.assert(
    fc.property(resources, resources, (a, b) => {
      const there = diffResources(a, b);
      const back = diffResources(b, a);
      expect(back.map(({ key, change }) => [key, change])).toEqual(
        there.map(({ key, change }) => [key, opposite[change]]),
      );
      const swapped = there.map(({ fields }) => fields.map((field) => [field.before, field.after, field.path]));
      const paths = (rows: unknown[][][]) => rows.map((row) => new Set(row.map((entry) => JSON.stringify(entry))));
      expect(paths(back.map(({ fields }) => fields.map((field) => [field.after, field.before, field.path])))).toEqual(
        paths(swapped),
      );
    }),
  );
});

test('each value that differs has its path, before and after', () => {
  const before = workload({ config: { LEVEL: 'info', GONE: '1' }, command: ['node', 'a.ts'] });
  const after = workload({ config: { LEVEL: 'debug', NEW: '2' }, command: ['node', 'b.ts'] });
  const [change] = diffResources([before], [after]);
  expect(change).toMatchObject({ key: 'Workload/records', change: 'changed' });
  expect(change?.fields).toEqual([
    { path: ['spec', 'command'], before: ['node', 'a.ts'], after: ['node', 'b.ts'] },
    { path: ['spec', 'config', 'LEVEL'], before: 'info', after: 'debug' },
    { path: ['spec', 'config', 'GONE'], before: '1' },
    { path: ['spec', 'config', 'NEW'], after: '2' },
  ]);
});

test('people see a line for each change, and the count', () => {
  const current = [workload({}), workload({}, 'old'), playbook(['restart', 'page'])];
  const desired = [workload({}), workload({}, 'new'), playbook(['replace'])];
  expect(renderChanges(diffResources(current, desired)).split('\n')).toEqual([
    '+ Workload/new',
    '- Workload/old',
    '~ Playbook/died',
    '    spec.ladder[0].move: "restart" -> "replace"',
    '    spec.ladder[1]: {"move":"page","also":[],"soakMs":3000,"verifyWithinMs":30000,"parameters":{}} -> (none)',
    '1 to add, 1 to change, 1 to remove, 1 unchanged',
    '',
  ]);
});

test('what may be a secret is not shown, but that it differs is', () => {
  const before = workload({ config: { DB_PASSWORD: 'hunter2', URL: 'postgres://me:hunter2@db/x' } });
  const after = workload({
    config: { DB_PASSWORD: 'hunter22', URL: 'postgres://me:hunter22@db/y' },
    command: ['x', 'https://a:hunter2@b/'],
  });
  const text = renderChanges(diffResources([before], [after]));
  expect(text).not.toContain('hunter2');
  expect(text).toContain('spec.config.DB_PASSWORD: "<redacted>" -> "<redacted>"');
  expect(text).toContain('postgres://<redacted>@db/y');
});

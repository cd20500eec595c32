import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KinError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseManifests, readManifests } from './manifest.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kintsugi-manifests-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function tenant(name: string, spec = '{ regions: [eu] }'): string {
  return `apiVersion: kintsugi.dev/v1alpha1\nkind: Tenant\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
}

function workload(name: string, more = ''): string {
  return `apiVersion: kintsugi.dev/v1alpha1\nkind: Workload\nmetadata: { name: ${name} }\nspec:\n  artefact: { path: . }\n  command: [node]\n  instances: { eu: 1 }\n${more}`;
}

function parse(text: string, known: readonly string[] = []) {
  return parseManifests([{ file: 'stack.yaml', folder: '/', text }], { known });
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toMatchObject({ code: 'manifest.invalid' });
    return (error as KinError).message;
  }
  return 'accepted';
}

test('a folder is read with all that is below it, in the order of names, hidden files and other types left out', async () => {
  await mkdir(join(folder, 'a', 'node_modules'), { recursive: true });
  await writeFile(join(folder, 'b.yml'), tenant('second'));
  await writeFile(join(folder, 'a', 'x.yaml'), `# a comment\n${tenant('first')}`);
  await writeFile(join(folder, 'a', 'node_modules', 'n.yaml'), 'nonsense');
  await writeFile(join(folder, '.hidden.yaml'), 'nonsense');
  await writeFile(join(folder, 'notes.txt'), 'nonsense');
  await symlink(folder, join(folder, 'a', 'circle'));
  const { resources } = await readManifests([folder]);
  expect(
    resources.map(({ resource, file, line, column, folder }) => [resource.metadata.name, file, line, column, folder]),
  ).toEqual([
    ['first', join(folder, 'a', 'x.yaml'), 2, 1, join(folder, 'a')],
    ['second', join(folder, 'b.yml'), 1, 1, folder],
  ]);
});

test('a file that is named twice is read once', async () => {
  await writeFile(join(folder, 'a.yaml'), tenant('one'));
  const { resources } = await readManifests([folder, join(folder, 'a.yaml')]);
  expect(resources).toHaveLength(1);
});

test('references reach over files, and the same name in two of them is told', async () => {
  await writeFile(join(folder, 'a.yaml'), workload('records', '  dependsOn: [database]\n'));
  await writeFile(join(folder, 'b.yaml'), workload('database'));
  expect((await readManifests([folder])).resources).toHaveLength(2);
  await writeFile(join(folder, 'c.yaml'), workload('database'));
  await expect(readManifests([folder])).rejects.toThrow(
    /c\.yaml:3:19: .*Workload\/database is already declared at .*b\.yaml:3/,
  );
});

test('a path that is not there and a folder without resources are missing', async () => {
  await expect(readManifests([join(folder, 'nowhere')])).rejects.toMatchObject({ code: 'manifest.missing' });
  await expect(readManifests([folder])).rejects.toMatchObject({ code: 'manifest.missing' });
  await writeFile(join(folder, 'empty.yaml'), '# nothing\n---\n');
  await expect(readManifests([folder])).rejects.toMatchObject({ code: 'manifest.missing' });
});

test('what is no text or too large is refused before it is parsed', async () => {
  const file = join(folder, 'a.yaml');
  await writeFile(file, Buffer.from([0x61, 0xff, 0xfe]));
  await expect(readManifests([file])).rejects.toThrow(/a\.yaml:1:1: is not UTF-8 text/);
  await writeFile(file, ' '.repeat(LIMITS.manifestBytes + 1));
  await expect(readManifests([file])).rejects.toThrow(/is larger than/);
});

test('depth, number of documents and number of problems are bounded', () => {
  expect(messageOf(() => parse('['.repeat(200_000)))).toMatch(/nested|problem/);
  expect(messageOf(() => parse(`a: ${'['.repeat(100)}${']'.repeat(100)}`))).toContain('nested deeper than 64 levels');
  expect(messageOf(() => parse('--- a\n'.repeat(LIMITS.manifestDocuments + 1)))).toContain('more than 10000 documents');
  const message = messageOf(() => parse('--- a\n'.repeat(200)));
  expect(message).toContain('200 problems in 1 manifest');
  expect(message).toContain('and 150 more');
});

test('a wide mapping and a long chain of dependencies take no more than a moment', () => {
  const keys = Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`).join('\n');
  expect(messageOf(() => parse(keys))).toContain('apiVersion: is required');
  const chain = Array.from({ length: 2_000 }, (_, n) => workload(`w${n}`, `  dependsOn: [w${(n + 1) % 2_000}]\n`));
  expect(messageOf(() => parse(chain.join('---\n')))).toContain('is a cycle: w0 -> w1 ->');
});

test('a region without instances is only a doubt', () => {
  const { warnings, resources } = parse(`${workload('records')}---\n${tenant('one', '{ regions: [eu, us] }')}`);
  expect(resources).toHaveLength(2);
  expect(warnings).toEqual(['stack.yaml:12:23: spec.regions[1]: no workload has instances in us']);
});

test('what is known from elsewhere may be referred to', () => {
  const text = tenant('one', '{ regions: [eu], profiles: [own] }');
  expect(messageOf(() => parse(text))).toContain('there is no Profile named own');
  expect(parse(text, ['Profile/own']).resources).toHaveLength(1);
});

test('a resource that is wrong in itself does not make wrong what refers to it', () => {
  const message = messageOf(() =>
    parse(`${workload('records', '  dependsOn: [database]\n')}---\n${workload('database', '  typo: 1\n')}`),
  );
  expect(message).toContain('1 problem in 1 manifest');
});

function playbook(ladder: string): string {
  return `apiVersion: kintsugi.dev/v1alpha1\nkind: Playbook\nmetadata: { name: p }\nspec: { answers: [overload], ladder: [${ladder}] }\n`;
}

test.each([
  ['{ move: shed, parameters: { minuts: 5 } }', 'unknown parameter; did you mean `minutes`?'],
  ['{ move: shed, also: [{ move: page, parameters: { to: me } }] }', 'unknown parameter; page has none'],
  ['{ move: scale, parameters: { by: "2" } }', 'must be a number'],
  ['{ move: shed, parameters: { constructor: 1 } }', 'unknown parameter; shed has minutes'],
])('a parameter that its move does not know is told with its place: %s', (rung, message) => {
  const told = messageOf(() => parse(playbook(rung)));
  expect(told).toContain(message);
  expect(told).toContain('stack.yaml:4:');
});

test('parameters that their move knows are taken', () => {
  expect(() => parse(playbook('{ move: shed, parameters: { minutes: 5, share: 0.5 } }, { move: page }'))).not.toThrow();
});

test('problems are in the details too, for machines', () => {
  const problems = ['stack.yaml:4:7: spec.regions: is required: a list'];
  expect(() => parse(tenant('one', '{}'))).toThrow(expect.objectContaining({ details: { problems } }));
});

test('whatever the text is, it is accepted or refused as a manifest, never more', () => {
  const line = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(
      'kind: Tenant',
      'apiVersion: kintsugi.dev/v1alpha1',
      '---',
      'spec:',
      '  a: &a [*a]',
      '? {a: b}',
      '<<: {a: 1}',
      '__proto__: 1',
      'metadata: { name: a }',
      '  regions: [eu]',
    ),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      try {
        parse(lines.join('\n'));
      } catch (error) {
        if (!(error instanceof KinError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});

import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { renderErrorDocs } from '../src/base/error-docs.ts';
import { CATALOGUE, type ErrorCode } from '../src/base/error-catalogue.ts';
import { brokenLinks } from './tidy/links.ts';
import { isInProject, projectFiles, readProjectFile } from './tidy/checkout.ts';

/** Codes that no line of `src` names, each with the reason why the catalogue keeps it. */
const UNUSED: Partial<Record<ErrorCode, string>> = {};

const pages = projectFiles().filter((path) => path.endsWith('.md'));

test('docs/errors.md says what the catalogue says', () => {
  expect(readProjectFile('docs/errors.md')).toBe(renderErrorDocs());
});

test('every code of the catalogue is used in the sources', () => {
  const sources = projectFiles().filter(
    (path) => /^src\/.*(?<!\.test)\.ts$/.test(path) && path !== 'src/base/error-catalogue.ts',
  );
  const text = sources.map(readProjectFile).join('\n');
  const unused = Object.keys(CATALOGUE).filter((code) => !text.includes(`'${code}'`));
  expect(unused).toEqual(Object.keys(UNUSED));
});

test('links between the pages resolve', () => {
  expect(pages).toContain('ARCHITECTURE.md');
  const links = pages.flatMap((path) => brokenLinks(path, readProjectFile(path), readPage));
  expect(links).toEqual([]);
});

test('a link to a missing file, a missing heading or a path outside of the project is found', () => {
  const read = (path: string) =>
    path === 'docs/a.md' ? '# One thing\n## `npm run x`, or not?\n## One thing' : undefined;
  const broken = (text: string) => brokenLinks('docs/b.md', text, read);
  expect(broken('[a](a.md) [a](./a.md#one-thing) [a](a.md#npm-run-x-or-not) [a](a.md#one-thing-1)')).toEqual([]);
  expect(broken('[web](https://example.org/x) [mail](mailto:a@example.org)')).toEqual([]);
  expect(broken('```\n[a](none.md)\n```\n and `[a](none.md)`')).toEqual([]);
  expect(broken('[a](none.md)')).toHaveLength(1);
  expect(broken('[a](a.md#another-thing)')).toHaveLength(1);
  expect(broken('![a](a.png)')).toHaveLength(1);
  expect(broken('[a][ref]\n\n[ref]: none.md')).toHaveLength(1);
  expect(broken('# Here\n[a](#here) [a](#there)')).toHaveLength(1);
});

/** The text behind a link: empty for a folder or what is no text. */
function readPage(path: string): string | undefined {
  if (!isInProject(path)) return undefined;
  return path.endsWith('.md') ? readProjectFile(path) : '';
}

test('every page of decisions has a number of its own', () => {
  const numbers = pages.flatMap((path) => /^docs\/decisions\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1] ?? []);
  const folder = pages.filter((path) => dirname(path) === join('docs', 'decisions'));
  expect(numbers).toHaveLength(folder.length);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers).toContain('0001');
});

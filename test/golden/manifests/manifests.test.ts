import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KinError } from '../../../src/base/errors.ts';
import { parseManifests, readManifests } from '../../../src/resources/manifest.ts';
import { printResources } from '../../../src/resources/print.ts';

// Expected texts are rewritten with `npx vitest run test/golden/manifests -u`; a new one starts as an empty file.
const folder = import.meta.dirname;
const files = readdirSync(folder);
const good = files.filter((file) => file.endsWith('.good.yaml'));
const bad = files.filter((file) => file.endsWith('.bad.yaml'));

test('there are manifests of both kinds, and no expected text without its manifest', () => {
  expect(good.length).toBeGreaterThan(1);
  expect(bad.length).toBeGreaterThan(5);
  const texts = files.filter((file) => file.endsWith('.bad.txt'));
  expect(texts).toEqual(bad.map((file) => file.replace(/yaml$/, 'txt')));
});

test.each(good)('%s is accepted without a doubt and reads back equal after printing', async (file) => {
  const { resources, warnings } = await readManifests([join(folder, file)]);
  expect(warnings).toEqual([]);
  const printed = printResources(resources.map(({ resource }) => resource));
  const again = parseManifests([{ file: 'printed.yaml', folder, text: printed }]);
  expect(again.resources.map(({ resource }) => resource)).toEqual(resources.map(({ resource }) => resource));
});

test.each(bad)('%s is refused with the expected text', async (file) => {
  const expected = join(folder, file.replace(/yaml$/, 'txt'));
  expect(existsSync(expected)).toBe(true);
  const error = await readManifests([join(folder, file)]).catch((fault: unknown) => fault);
  expect(error).toMatchObject({ name: 'KinError', code: 'manifest.invalid' });
  const text = (error as KinError).message.replaceAll(`${folder}/`, '');
  expect(JSON.stringify(error)).not.toContain('hunter2');
  expect(text).not.toContain('hunter2');
  await expect(`${text}\n`).toMatchFileSnapshot(expected);
});

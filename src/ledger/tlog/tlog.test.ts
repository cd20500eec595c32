import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSource } from '../../../test/tidy/source.ts';

const here = import.meta.dirname;

test('the library imports nothing but itself and Node', () => {
  const files = readdirSync(here).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  expect(files.length).toBeGreaterThan(15);
  const targets = files.flatMap((name) => {
    const path = `src/ledger/tlog/${name}`;
    return readSource(path, readFileSync(join(here, name), 'utf8')).imports.map(({ target }) => target);
  });
  expect(targets.filter((target) => !/^(?:src\/ledger\/tlog\/[a-z0-9-]+\.ts|node:[a-z/]+)$/.test(target))).toEqual([]);
});

test('it is there as kintsugi/tlog', () => {
  const script = `import { parseVkey, verifyLog } from 'kintsugi/tlog'; console.log(typeof parseVkey, typeof verifyLog)`;
  const args = ['--input-type=module', '--eval', script];
  const said = execFileSync(process.execPath, args, { cwd: join(here, '../../..'), encoding: 'utf8' });
  expect(said.trim()).toBe('function function');
});

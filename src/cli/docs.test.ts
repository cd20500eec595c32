import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { processDriver } from '../drivers/process/process-driver.ts';
import { renderCliDocs } from './docs.ts';
import { createProgram } from './program.ts';

const program = createProgram({
  clock: systemClock,
  random: seededRandom(1),
  stdout: { write: () => {} },
  stderr: { write: () => {} },
  env: {},
  isTty: false,
  stateDefault: '.kintsugi',
  openKeeper: (socketPath) => processDriver(socketPath, systemClock),
  runUp: async () => 0,
  runRole: async () => {},
});

test('docs/cli.md says what the commands are', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8');
  expect(page, 'run `npm run docs`').toBe(renderCliDocs(program));
});

test('the page holds every visible command, its options and the exit codes, and no hidden command', () => {
  const page = renderCliDocs(program);
  expect(page).toMatch(
    /## drill\n\n`kintsugi drill \[options\] <fault> \[target\]`[\s\S]*\| `--incident-within <seconds>` \| `15` \|/,
  );
  expect(page).toMatch(/\| 2 \| `ledger.tampered`, /);
  expect(page).not.toMatch(/## (process|docs)\n/);
});

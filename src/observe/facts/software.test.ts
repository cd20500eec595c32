import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock as clock, toIso } from '../../base/clock.ts';
import { type Advisory, advisorySchema, affects } from '../../resources/advisory.ts';
import { software } from './software.ts';

const DAY_MS = 86_400_000;
const ago = (days: number) => toIso(clock.now() - days * DAY_MS);
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-sw-'));
  mkdirSync(join(root, 'advisories'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function advisory(over: object = {}): Advisory {
  const semver = [{ type: 'SEMVER', events: [{ introduced: '1.0.0' }, { fixed: '1.4.2' }] }];
  return advisorySchema.parse({
    id: 'GHSA-test',
    modified: ago(2),
    published: ago(40),
    affected: [{ package: { ecosystem: 'npm', name: 'leaky' }, ranges: semver }],
    database_specific: { severity: 'CRITICAL' },
    ...over,
  });
}

function imported(...advisories: readonly Advisory[]): void {
  for (const each of advisories) writeFileSync(join(root, 'advisories', `${each.id}.json`), JSON.stringify(each));
}

/** An artefact in a project whose lock file names packages, each with the version that is installed. */
function artefact(packages: Readonly<Record<string, { installed?: string; dev?: boolean }>>): string {
  const locked = Object.entries(packages).map(([key, { dev }]) => [key, { version: '1.0.0', ...(dev ? { dev } : {}) }]);
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { '': {}, ...Object.fromEntries(locked) } }),
  );
  for (const [key, { installed }] of Object.entries(packages)) {
    if (installed === undefined) continue;
    mkdirSync(join(root, key), { recursive: true });
    const name = key.slice(key.lastIndexOf('node_modules/') + 'node_modules/'.length);
    writeFileSync(join(root, key, 'package.json'), JSON.stringify({ name, version: installed }));
  }
  mkdirSync(join(root, 'service'), { recursive: true });
  return join(root, 'service');
}

async function measured(...paths: readonly string[]) {
  const artefacts = () => paths.map((path) => ({ workload: 'web', path }));
  const facts = await software({ artefacts, folder: join(root, 'advisories'), clock }).collect(
    new AbortController().signal,
  );
  return Object.fromEntries(
    facts.map(({ name, subject, measured }) => [
      `${name} ${subject}`,
      measured.kind === 'value' ? measured.value : measured.reason,
    ]),
  );
}

test('the oldest critical hole in what is installed counts, whatever the lock file wishes for', async () => {
  imported(
    advisory(),
    advisory({ id: 'younger', published: ago(5) }),
    advisory({ id: 'high', database_specific: { severity: 'HIGH' }, published: ago(9) }),
  );
  const path = artefact({
    'node_modules/a/node_modules/leaky': { installed: '1.4.1' },
    'node_modules/a': { installed: '3.0.0' },
  });
  const facts = await measured(path);
  expect(facts).toMatchObject({ 'software.inventory.missing artefacts': 0 });
  expect(facts['software.critical.ageDays web']).toBeCloseTo(40, 2);
  expect(facts['software.high.ageDays web']).toBeCloseTo(9, 2);
  expect(facts['software.advisories.ageDays advisories']).toBeCloseTo(2, 2);
});

test.each([
  ['a patched one', { installed: '1.4.2' }],
  ['one that is not installed', {}],
  ['one for development', { installed: '1.4.1', dev: true }],
])('%s does not', async (_, leaky) => {
  imported(advisory());
  expect(await measured(artefact({ 'node_modules/leaky': leaky }))).toMatchObject({
    'software.critical.ageDays web': 0,
  });
});

test('without advisories, and of what nobody knows the parts of, nothing is said', async () => {
  const path = artefact({ 'node_modules/leaky': { installed: '1.4.1' } });
  expect((await measured(path))['software.critical.ageDays web']).toMatch(/no advisories were imported/);
  imported(advisory());
  writeFileSync(join(root, 'package-lock.json'), 'no JSON');
  expect(await measured(path, join(root, 'gone'))).toMatchObject({
    'software.inventory.missing artefacts': 2,
    'software.critical.ageDays web': expect.stringMatching(/nobody knows of what it is made/),
  });
});

describe('which versions an advisory concerns', () => {
  const of = (events: readonly object[], version: string, over: object = {}) => {
    const named = { ecosystem: 'npm', name: 'leaky' };
    return affects(advisory({ affected: [{ package: named, ranges: [{ type: 'SEMVER', events }] }], ...over }), {
      name: 'leaky',
      version,
    });
  };
  test.each([
    ['0.0.1', [{ introduced: '0' }, { fixed: '2.0.0' }], true],
    ['2.0.0-beta.1', [{ introduced: '0' }, { fixed: '2.0.0' }], true],
    ['2.0.0', [{ introduced: '0' }, { fixed: '2.0.0' }], false],
    ['1.2.3', [{ introduced: '1' }, { last_affected: '1.2.3' }], true],
    ['1.2.4', [{ introduced: '1' }, { last_affected: '1.2.3' }], false],
    ['3.1.0', [{ introduced: '1.0.0' }, { fixed: '1.5.0' }, { introduced: '3.0.0' }, { fixed: '3.2.0' }], true],
    ['2.0.0', [{ introduced: '3.0.0' }, { fixed: '3.2.0' }, { introduced: '1.0.0' }, { fixed: '1.5.0' }], false],
    ['9.9.9', [{ introduced: '1.0.0' }], true],
  ])('%s in %j: %s', (version, events, concerned) => {
    expect(of(events, version)).toBe(concerned);
  });

  test('none when it is withdrawn, of another package or of another ecosystem', () => {
    const all = [{ introduced: '0' }];
    expect(of(all, '1.0.0', { withdrawn: ago(1) })).toBe(false);
    expect(affects(advisory(), { name: 'leaky2', version: '1.1.0' })).toBe(false);
    const pypi = { affected: [{ package: { ecosystem: 'PyPI', name: 'leaky' }, versions: ['1.1.0'] }] };
    expect(affects(advisory(pypi), { name: 'leaky', version: '1.1.0' })).toBe(false);
  });
});

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { systemClock as clock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { systemRandom as random } from '../base/random.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { ledgerClient } from '../ledger/client.ts';
import { startLedger } from '../ledger/server.ts';
import { localKeyProvider } from '../vault/local-key-provider.ts';

const CRITICAL = {
  id: 'GHSA-aaaa-bbbb-cccc',
  modified: '2026-11-01T00:00:00Z',
  published: '2026-10-01T00:00:00Z',
  database_specific: { severity: 'CRITICAL' },
  affected: [{ package: { ecosystem: 'npm', name: 'left-pad' } }],
};
const OTHER = { id: 'CVE-2026-1', modified: '2026-11-02T00:00:00Z', published: '2026-11-01T00:00:00Z', affected: [] };

let state: StateDirectory;
let root: string;
let files: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-adv-'));
  state = openStateDirectory(join(root, 'state'));
  files = join(root, 'osv');
  mkdirSync(files);
  writeFileSync(join(files, 'both.json'), JSON.stringify([CRITICAL, OTHER]));
});
afterEach(() => rmSync(root, { recursive: true }));

const bring = (...words: readonly string[]) =>
  runCommand(['--state', state.root, 'advisories', 'import', ...words, '--json'], { stateDefault: state.root, random });
const kept = () => readdirSync(join(state.root, 'advisories')).toSorted();

test('what is imported is on record with who did it, its digest and its number', async () => {
  const vault = { dir: state.vault, provider: await localKeyProvider(join(state.vault, 'kek')) };
  const socketPath = state.socket('ledger');
  const running = await startLedger({ vault, dir: state.ledger, socketPath, clock, log: createLog('l', 'silent') });
  const ledger = ledgerClient(socketPath);
  try {
    const first = await bring(files, '--by', 'anna');
    expect(first.stderr).toBe('');
    const told = JSON.parse(first.stdout);
    expect(told).toMatchObject({ read: 2, new: 2, critical: 1 });
    const [one] = await ledger.entries(told.entry, 1);
    expect(one?.event).toMatchObject({
      type: 'advisories.imported',
      actor: { kind: 'operator', name: 'anna' },
      data: { digest: told.digest, advisories: 2 },
    });
    expect(kept()).toEqual(['CVE-2026-1.json', 'GHSA-aaaa-bbbb-cccc.json']);
    // The same in other files and another order is the same.
    writeFileSync(join(root, 'one.json'), JSON.stringify(OTHER));
    writeFileSync(join(root, 'two.json'), JSON.stringify(CRITICAL));
    const again = JSON.parse((await bring(join(root, 'one.json'), join(root, 'two.json'))).stdout);
    expect(again).toMatchObject({ new: 0, digest: told.digest });
    expect(again.entry).toBeGreaterThan(told.entry);
    const changed = JSON.parse((await bring(join(root, 'one.json'))).stdout);
    expect(changed.digest).not.toBe(told.digest);
  } finally {
    await ledger.close();
    await running.close();
  }
});

test('without a record nothing is imported', async () => {
  const { code, stderr } = await bring(files);
  expect(code).not.toBe(0);
  expect(stderr).toContain('ledger.unreachable');
  expect(() => kept()).toThrow('ENOENT');
});

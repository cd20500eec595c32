import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { processDriver } from '../drivers/process/process-driver.ts';
import { type LedgerClient, ledgerClient } from '../ledger/client.ts';
import { type RunningLedger, startLedger } from '../ledger/server.ts';
import { runCli } from './program.ts';

let root: string;
let state: StateDirectory;
let ledger: RunningLedger;
let client: LedgerClient;

const start = () =>
  startLedger({
    dir: state.ledger,
    socketPath: state.socket('ledger'),
    clock: systemClock,
    log: createLog('t', 'silent'),
  });

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-ls-'));
  state = openStateDirectory(join(root, 's'));
  ledger = await start();
  client = ledgerClient(state.socket('ledger'));
});

afterEach(async () => {
  await client.close();
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

async function run(...words: string[]) {
  const written = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    write(text: string) {
      written[name] += text;
    },
  });
  const outside = {
    clock: systemClock,
    random: seededRandom(7),
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: { USER: 'maria' },
    isTty: false,
    stateDefault: state.root,
    timeZone: 'UTC',
    openKeeper: (socketPath: string) => processDriver(socketPath, systemClock),
    runUp: async () => 0,
    runRole: async () => {},
  };
  return { code: await runCli(outside, ['ledger', ...words]), ...written };
}

test('holds are set and lifted, on record, and shown with the policy that they stop', async () => {
  expect((await run('status')).stdout).toMatch(
    /witnessed +no: .*\nkept +everything; no retention policy, so nothing is/,
  );
  expect((await run('hold', 'set', 'case-7', '--reason', 'lawsuit', '--tenant', 'clinic')).stdout).toBe(
    'standing: case-7\n',
  );
  expect((await run('hold', 'set', 'case-7', '--reason', 'again')).code).toBe(75);
  expect((await run('hold', 'set', 'case-8')).code).toBe(64);
  writeFileSync(join(state.ledger, 'retention.json'), '{ "types": { "request.": 400 } }');
  const { stdout } = await run('status');
  expect(stdout).toMatch(
    /kept +everything; for 2196 days, request\.\* 400 days\n +nothing is pruned before it has seen its clock for 2 d more\n/,
  );
  expect(stdout).toMatch(/hold +case-7 on tenant clinic by maria since .*: lawsuit\n/);
  expect((await run('hold', 'lift', 'case-9', '--reason', 'over')).code).toBe(66);
  expect((await run('hold', 'lift', 'case-7', '--reason', 'over')).stdout).toBe('no hold stands\n');
  const events = (await client.entries(0, 10)).map(({ event: { type, actor, tenant, data } }) => [
    type,
    actor.name,
    tenant,
    data,
  ]);
  expect(events).toEqual([
    ['retention.held', 'maria', 'clinic', { reason: 'lawsuit' }],
    ['retention.released', 'maria', 'clinic', { reason: 'over' }],
  ]);
});

test('nobody but the ledger says that something was pruned or held', async () => {
  const actor = { kind: 'system', name: 'ledger' } as const;
  const event = {
    id: 'evt_1',
    at: '2026-11-20T12:00:00.000Z',
    class: 6002,
    actor,
    subject: 'Ledger',
    data: { first: 256 },
  };
  for (const type of ['retention.pruned', 'retention.released']) {
    await expect(client.append([{ ...event, type }])).rejects.toMatchObject({ code: 'request.invalid' });
  }
});

test('witnesses that are away are shown with since when, and stop nothing', async () => {
  const vkey = 'witness.example/1';
  await ledger.close();
  const { stdout } = await run('key');
  writeFileSync(
    join(state.ledger, 'policy'),
    `log ${stdout.trim()}\nwitness away ${(await witnessKey(vkey)).trim()} http://127.0.0.1:9\nquorum away\n`,
  );
  ledger = await start();
  const event = { at: '2026-11-20T12:00:00.000Z', type: 'move.applied', class: 7001, subject: 'rep_1', data: {} };
  await client.appendSigned([{ ...event, id: 'evt_2', actor: { kind: 'system', name: 'control' } }]);
  await expect
    .poll(async () => (await run('status')).stdout, { timeout: 10_000 })
    .toMatch(
      /witnessed +0 entries; unwitnessed since \d\d:\d\d:\d\d \([\d.]+ m?s\); entries are taken and signed as before\n {2}witness +away unreachable: /,
    );
  await client.appendSigned([{ ...event, id: 'evt_3', actor: { kind: 'system', name: 'control' } }]);
});

async function witnessKey(name: string): Promise<string> {
  const { openWitnessDirectory } = await import('../ledger/witness-directory.ts');
  const { formatVkey } = await import('../ledger/tlog/note-key.ts');
  const { signers, release } = openWitnessDirectory(join(root, 'w'), name);
  release();
  return formatVkey(signers[0]!.key);
}

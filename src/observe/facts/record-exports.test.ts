import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { createLog } from '../../base/log.ts';
import { ledgerClient } from '../../ledger/client.ts';
import { startLedger } from '../../ledger/server.ts';
import { localKeyProvider } from '../../vault/local-key-provider.ts';
import { recordExports } from './record-exports.ts';

const root = mkdtempSync(join(tmpdir(), 'kin-exports-'));
const folder = join(root, 'ledger');
const command = [process.execPath, join(import.meta.dirname, '../../main.ts')];

beforeAll(async () => {
  const vault = { dir: join(root, 'vault'), provider: await localKeyProvider(join(root, 'kek')) };
  const socketPath = join(root, 'ledger.sock');
  const running = await startLedger({ vault, dir: folder, socketPath, clock, log: createLog('x', 'silent') });
  const ledger = ledgerClient(socketPath);
  const about = {
    type: 'request.served',
    class: 6003,
    actor: { kind: 'tenant', name: 'clinic' },
    subject: 'x',
  } as const;
  const event = (id: string) => ({
    ...about,
    id,
    at: '2026-01-02T03:04:05.678Z',
    tenant: 'clinic',
    data: { marker: `m-${id}` },
  });
  await ledger.appendSigned(['a', 'b', 'c'].map(event));
  await ledger.close();
  await running.close();
}, 60_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

function trial(over: { command?: readonly string[]; tenants?: readonly string[] } = {}) {
  const tenants = () => over.tenants ?? ['clinic'];
  return recordExports({ tenants, command: over.command ?? command, folder, clock });
}

const signal = new AbortController().signal;
const measured = async (collector = trial()) =>
  (await collector.collect(signal)).map(({ subject, measured: it }) => [subject, it]);

test('the record of a tenant is made and verified, and that of one without entries is unknown', async () => {
  const collector = trial({ tenants: ['clinic', 'shop'] });
  const before = readdirSync(root).length;
  expect(await measured(collector)).toEqual([
    ['clinic', { kind: 'value', value: true }],
    ['shop', { kind: 'unknown', reason: 'the ledger has no entry of it yet' }],
  ]);
  expect(readdirSync(root)).toHaveLength(before);
}, 60_000);

test('what worked is not tried again at once', async () => {
  const collector = trial({ command: [process.execPath, '-e', ''] });
  const [first] = await collector.collect(signal);
  const [second] = await collector.collect(signal);
  expect(second).toBe(first);
});

test('a command that cannot be started, or fails for its own reasons, proves nothing', async () => {
  expect(await measured(trial({ command: ['/nowhere/kintsugi'] }))).toEqual([
    ['clinic', { kind: 'unknown', reason: 'it could not be started' }],
  ]);
  expect(await measured(trial({ command: [process.execPath, '-e', 'process.exit(70)'] }))).toEqual([
    ['clinic', { kind: 'unknown', reason: 'the export ended with exit code 70' }],
  ]);
});

test('a record in which an entry was changed does not verify', async () => {
  const path = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .find((name) => statSync(name).isFile() && readFileSync(name).includes('m-b'));
  const bytes = readFileSync(path!);
  bytes[bytes.indexOf('m-b') + 2] = 'x'.charCodeAt(0);
  writeFileSync(path!, bytes);
  expect(await measured()).toEqual([['clinic', { kind: 'value', value: false, detail: 'its record does not verify' }]]);
}, 60_000);

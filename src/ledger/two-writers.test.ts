import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { socketClient } from '../base/socket-http.ts';
import { ledgerClient } from './client.ts';
import type { LedgerEvent } from './entry.ts';
import { parseCheckpoint } from './tlog/checkpoint.ts';
import { textOfNote } from './tlog/signed-note.ts';
import { verifyLedger } from './verify.ts';

const PROCESS = join(import.meta.dirname, '../../test/fixtures/ledger-process.ts');

let root = '';
let dir = '';
const processes: ChildProcess[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-writers-'));
  dir = join(root, 'ledger');
});
afterEach(async () => {
  for (const child of processes.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(root, { recursive: true });
});

async function start(name: string) {
  const socketPath = join(root, `${name}.sock`);
  const child = spawn(process.execPath, [PROCESS, dir, socketPath], { stdio: ['ignore', 'pipe', 'pipe'] });
  processes.push(child);
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += String(chunk)));
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  return {
    child,
    client: ledgerClient(socketPath),
    http: socketClient(socketPath, 'ledger.unreachable'),
    errors: () => errors,
  };
}

const event = (id: string): LedgerEvent => ({
  id,
  at: '2026-01-02T03:04:05.678Z',
  type: 'test.made',
  class: 6003,
  actor: { kind: 'system', name: 'test' },
  subject: 'Test/one',
  data: {},
});

const signedSize = () => parseCheckpoint(textOfNote(readFileSync(join(dir, 'checkpoint'), 'utf8')) ?? '')?.size;

it('a second process does not open the ledger that another one writes', async () => {
  const first = await start('first');
  await first.client.append([event('a')]);
  const second = await start('second');
  if (second.child.exitCode === null) await once(second.child, 'exit');
  expect(second.child.exitCode).not.toBe(0);
  expect(second.errors()).toContain('writes this ledger');
  await first.client.append([event('b')]);
  for (const { client, http } of [first, second]) await Promise.all([client.close(), http.close()]);
});

it('a process whose lock was taken from it writes and signs nothing any more, and says so', async () => {
  const first = await start('first');
  await first.client.appendSigned([event('a')]);
  // As it happens when two containers share a volume and do not see each other's processes.
  rmSync(join(dir, 'lock'));
  const second = await start('second');
  await second.client.appendSigned([event('b')]);
  await expect(first.client.append([event('c')])).rejects.toMatchObject({ code: 'ledger.superseded' });
  await expect(first.client.appendSigned([event('d')])).rejects.toMatchObject({ code: 'ledger.superseded' });
  await expect(first.http.call('GET', '/readyz')).rejects.toBeDefined();
  expect(signedSize()).toBe(2);
  await second.client.appendSigned([event('e')]);
  expect(signedSize()).toBe(3);
  first.child.kill('SIGTERM');
  await once(first.child, 'exit');
  expect(signedSize()).toBe(3);
  second.child.kill('SIGTERM');
  await once(second.child, 'exit');
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 3, unsigned: 0 });
  for (const { client, http } of [first, second]) await Promise.all([client.close(), http.close()]);
});

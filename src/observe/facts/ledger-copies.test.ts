import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { createLog } from '../../base/log.ts';
import { type LedgerClient, ledgerClient } from '../../ledger/client.ts';
import { folderKeys } from '../../ledger/folder-keys.ts';
import { exportLog } from '../../ledger/log-export.ts';
import { startLedger } from '../../ledger/server.ts';
import { httpSource } from '../../ledger/tlog/http-source.ts';
import { policyOfKey } from '../../ledger/tlog/policy.ts';
import { localKeyProvider } from '../../vault/local-key-provider.ts';
import { ledgerCopies } from './ledger-copies.ts';

const root = mkdtempSync(join(tmpdir(), 'kin-copies-'));
const folder = join(root, 'ledger');
const socketPath = join(root, 'ledger.sock');
const copyFolder = join(root, 'copy');
const WRITTEN = '2026-01-02T03:04:05.000Z';
/** A minute after the entries were written. */
const clock = { ...systemClock, now: () => Date.parse(WRITTEN) + 60_000 };
const closing: (() => unknown)[] = [];
let ledger: LedgerClient;
let server: Server;
let url = '';

beforeAll(async () => {
  const vault = { dir: join(root, 'vault'), provider: await localKeyProvider(join(root, 'kek')) };
  const running = await startLedger({
    vault,
    dir: folder,
    socketPath,
    clock: systemClock,
    log: createLog('x', 'silent'),
  });
  ledger = ledgerClient(socketPath);
  closing.push(
    () => ledger.close(),
    () => running.close(),
  );
  server = createServer((request, response) => {
    const path = join(copyFolder, request.url ?? '');
    if (existsSync(path)) return response.end(readFileSync(path));
    return response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 60_000);
afterAll(async () => {
  server.close();
  for (const close of closing) await close();
  rmSync(root, { recursive: true, force: true });
});

async function write(...ids: readonly string[]): Promise<void> {
  const about = { type: 'request.served', class: 6003, actor: { kind: 'system', name: 'x' }, subject: 'x' } as const;
  await ledger.appendSigned(ids.map((id) => ({ ...about, id, at: WRITTEN, data: {} })));
}

async function ship(): Promise<void> {
  const source = httpSource({ url: 'http://ledger', socketPath, deadline: () => systemClock.deadline(10_000) });
  await exportLog(source, policyOfKey(folderKeys(folder, undefined)[0]), copyFolder);
}

async function measured(...copies: readonly string[]) {
  const collector = ledgerCopies({ ledger, folder, copies: () => copies, clock });
  const [fact] = await collector.collect(new AbortController().signal);
  return fact?.measured;
}

test('the lag is the age of the first entry that no copy has, and there is none once one has all', async () => {
  await write('a', 'b');
  await ship();
  expect(await measured(url)).toEqual({ kind: 'value', value: 0 });
  await write('c', 'd');
  expect(await measured(url)).toEqual({ kind: 'value', value: 60, detail: 'entry 2 is the oldest that no copy has' });
  await ship();
  expect(await measured('http://127.0.0.1:1', url)).toEqual({ kind: 'value', value: 0 });
});

test('without a copy that can be asked nothing is known', async () => {
  expect(await measured()).toMatchObject({ reason: expect.stringContaining('nobody said where a copy is') });
  expect(await measured('http://127.0.0.1:1')).toMatchObject({ kind: 'unknown' });
  expect(await measured(copyFolder)).toMatchObject({ reason: `${copyFolder}: it is on the disk of the ledger itself` });
});

test('a copy whose last entry is gone, or is another one, is none', async () => {
  const bundle = readdirSync(copyFolder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(copyFolder, name))
    .find((name) => name.includes('entries') && name.endsWith('4'));
  const bytes = readFileSync(bundle!);
  writeFileSync(bundle!, Buffer.from(bytes.toString('latin1').replace('"id":"d"', '"id":"z"'), 'latin1'));
  expect(await measured(url)).toMatchObject({ reason: `${url}: its entry 3 is not that of this ledger` });
  rmSync(bundle!);
  expect(await measured(url)).toMatchObject({ kind: 'unknown' });
});

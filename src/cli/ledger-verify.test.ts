import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { publicFiles, textEntries } from '../../test/conformance/tlog/log-in-memory.ts';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { ledgerClient } from '../ledger/client.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { type RunningLedger, startLedger } from '../ledger/server.ts';
import { readSigningKey } from '../ledger/signing-key.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/kintsugi.js');
const COUNT = 300;

let root: string;
let state: StateDirectory;
let ledger: RunningLedger;
let key: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-v-'));
  state = openStateDirectory(join(root, 's'));
  ledger = await startLedger({
    dir: state.ledger,
    socketPath: state.socket('ledger'),
    clock: systemClock,
    log: createLog('t', 'silent'),
  });
  await append(0, COUNT);
  key = (await run('ledger', 'key')).stdout.trim();
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  }
  await ledger.close();
  rmSync(root, { recursive: true, force: true });
});

async function append(from: number, to: number): Promise<void> {
  const client = ledgerClient(state.socket('ledger'));
  await client.appendSigned(Array.from({ length: to - from }, (_, i) => event(from + i)));
  await client.close();
}

function event(n: number): LedgerEvent {
  const actor = { kind: 'system', name: 'control' } as const;
  const at = '2026-11-20T12:00:00.000Z';
  return { id: `evt_${n}`, at, type: 'move.applied', class: 7001, actor, subject: 'rep_1', data: { n } };
}

const run = (...words: string[]) => runCommand(words, { stateDefault: state.root });

/** Starts a command that serves, and gives the URL that it says. */
async function serve(...words: string[]): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM, '--state', state.root, '--json', ...words, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface(child.stdout)) {
    const [, url] = /"url": "([^"]+)"/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`${words.join(' ')} ended`);
}

const file = (name: string, text: string | Buffer) => {
  writeFileSync(join(root, name), text);
  return join(root, name);
};

const exportTo = async (name: string, ...words: string[]) => {
  const folder = join(root, name);
  return { folder, ...(await run('ledger', 'export', folder, ...words)) };
};

describe('a log', () => {
  test('is proven at its socket, at a URL, as an export and as a copy of that', async () => {
    const { folder, code, stdout } = await exportTo('public');
    expect([code, stdout]).toEqual([0, `exported ${COUNT} entries to ${folder} (6 files written)\nkey ${key}\n`]);
    const url = await serve('ledger', 'serve');
    const copy = await exportTo('copy', '--from', url, '--public-key', key);
    for (const target of [state.socket('ledger'), url, folder, copy.folder, state.ledger]) {
      const { code, stdout } = await run('ledger', 'verify', target, '--public-key', key);
      expect(code, target).toBe(0);
      expect(stdout).toMatch(/^intact\n[\s\S]* 300 under the signed checkpoint/);
    }
  });

  test('does not vouch for itself: without a key or a policy nothing is said', async () => {
    const { folder } = await exportTo('public');
    expect((await run('ledger', 'verify', folder)).code).toBe(64);
    expect((await run('ledger', 'verify', folder, '--public-key', 'nonsense')).code).toBe(65);
    expect((await run('ledger', 'verify', join(root, 'nothing'), '--public-key', key)).code).toBe(66);
    expect((await run('ledger', 'verify', 'http://127.0.0.1:1', '--public-key', key)).code).toBe(69);
    const policy = file('policy', `log ${key}\nquorum nobody\n`);
    const { code, stderr } = await run('ledger', 'verify', folder, '--policy', policy);
    expect([code, stderr]).toEqual([65, expect.stringContaining(`${policy}:2: a quorum is none or`)]);
  });

  test('that was changed is told with file and entry, by exit code 2', async () => {
    const { folder } = await exportTo('public');
    const path = join(folder, 'tile/entries/001.p/44');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill('X', bytes.indexOf('evt_258'), bytes.indexOf('evt_258') + 1));
    const { code, stdout, stderr } = await run('ledger', 'verify', folder, '--public-key', key, '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'tampered', file: 'tile/0/001.p/44', index: 258 });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'ledger.tampered' });
  });

  test('must continue a checkpoint that was kept', async () => {
    const before = await exportTo('before');
    const old = file('old', readFileSync(join(before.folder, 'checkpoint')));
    await append(COUNT, COUNT + 10);
    const after = await exportTo('after');
    const recent = file('recent', readFileSync(join(after.folder, 'checkpoint')));
    const verify = async (folder: string, ...words: string[]) =>
      (await run('ledger', 'verify', folder, '--public-key', key, ...words)).code;
    expect(await verify(after.folder, '--since', old)).toBe(0);
    expect(await verify(before.folder, '--since', recent)).toBe(2);
    // Somebody who has the key writes another past: nothing but what was kept can tell.
    const fork = publicFiles(textEntries(COUNT + 20), ...readSigningKey(state.ledger)!.signers);
    for (const [path, bytes] of fork) {
      mkdirSync(dirname(join(root, 'fork', path)), { recursive: true });
      writeFileSync(join(root, 'fork', path), bytes);
    }
    expect(await verify(join(root, 'fork'))).toBe(0);
    expect(await verify(join(root, 'fork'), '--since', old)).toBe(2);
    expect(await verify(after.folder, '--since', file('noise', 'no checkpoint'))).toBe(65);
  });

  test('is exported further, and an export of another log is left alone', async () => {
    const { folder } = await exportTo('public');
    await append(COUNT, 600);
    const again = await exportTo('public');
    expect(again.stdout).toMatch(/^exported 600 entries/);
    expect((await run('ledger', 'verify', folder, '--public-key', key)).code).toBe(0);
    const foreign = readFileSync(join(folder, 'checkpoint'), 'utf8').replace('\n600\n', '\n601\n');
    writeFileSync(join(folder, 'checkpoint'), foreign);
    expect((await exportTo('public')).code).toBe(2);
    expect(readFileSync(join(folder, 'checkpoint'), 'utf8')).toBe(foreign);
  });
});

describe('a receipt', () => {
  test('proves its entry offline, and no other', async () => {
    const path = join(root, 'one.tlog-proof');
    expect((await run('ledger', 'receipt', 'evt_7', '-o', path)).code).toBe(0);
    const verify = (...words: string[]) => run('ledger', 'verify', path, '--public-key', key, ...words);
    const { code, stdout } = await verify();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^proven\n[\s\S]*entry +7 of 300\n[\s\S]*"id":"evt_7"/)]);
    expect((await verify('--entry', file('same', JSON.stringify({ v: 2, ...event(7) })))).code).toBe(0);
    expect((await verify('--entry', file('other', JSON.stringify({ v: 2, ...event(8) })))).code).toBe(2);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('\nindex 7\n', '\nindex 8\n'));
    expect((await verify()).code).toBe(2);
    writeFileSync(path, text.replace(/extra .*\n/, ''));
    expect((await verify()).code).toBe(64);
  });

  test('can be checked in a browser: the page is one file', async () => {
    const path = join(root, 'verify.html');
    expect((await run('ledger', 'page', '-o', path)).code).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe((await run('ledger', 'page')).stdout);
    expect(readFileSync(path, 'utf8')).toMatch(/^<!doctype html>/);
  });

  test('is had from an export too, and not for what is not on record', async () => {
    const { folder } = await exportTo('public');
    const { stdout } = await run('ledger', 'receipt', 'evt_299', '--from', folder);
    expect(stdout).toMatch(/^c2sp\.org\/tlog-proof@v1\nextra /);
    expect(stdout).toBe((await run('ledger', 'receipt', 'evt_299')).stdout);
    expect((await run('ledger', 'receipt', 'evt_300')).code).toBe(66);
  });
});

describe('the record of one tenant', () => {
  const ofTenant = (tenant: string, n: number) => ({ ...event(n), tenant, type: 'request.served' });

  beforeEach(async () => {
    const client = ledgerClient(state.socket('ledger'));
    const events = Array.from({ length: 12 }, (_, n) => ofTenant(n % 3 === 0 ? 'clinic' : 'shop', 1000 + n));
    await client.appendSigned(events);
    await client.close();
  });

  test('is verified out of the own ledger, an export or its file alone, and tells of nobody else', async () => {
    const { folder } = await exportTo('public');
    const file = join(root, 'clinic.record');
    expect((await run('ledger', 'record', 'clinic', file)).code).toBe(0);
    const trusted = ['--public-key', key];
    for (const words of [[], trusted, [folder, ...trusted], [file, ...trusted]]) {
      const { code, stdout } = await run('ledger', 'verify', ...words, '--tenant', 'clinic', '--json');
      expect({ code, ...JSON.parse(stdout) }, words[0]).toMatchObject({
        code: 0,
        kind: 'intact',
        tenant: 'clinic',
        entries: 4,
        from: 1,
      });
      expect(stdout).not.toContain('shop');
    }
    expect((await run('ledger', 'verify', '--tenant', 'clinic')).stdout).toMatch(/numbers 1 to 4 without a gap/);
  });

  test('is of nobody, of another one, or was changed', async () => {
    const { folder } = await exportTo('public');
    const trusted = ['--public-key', key];
    expect((await run('ledger', 'verify', '--tenant', 'bank')).code).toBe(66);
    expect((await run('ledger', 'verify', folder, ...trusted, '--tenant', 'bank')).code).toBe(66);
    expect((await run('ledger', 'verify', '--dir', join(root, 'none'), '--tenant', 'clinic')).code).toBe(66);
    const file = join(root, 'clinic.record');
    await run('ledger', 'record', 'clinic', file);
    expect((await run('ledger', 'verify', file, ...trusted, '--tenant', 'shop')).code).toBe(65);
    const lines = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, lines.toSpliced(2, 1).join('\n'));
    expect((await run('ledger', 'verify', file, ...trusted, '--tenant', 'clinic')).code).toBe(2);
    const receipt = join(root, 'one.tlog-proof');
    await run('ledger', 'receipt', 'evt_3', '-o', receipt);
    expect((await run('ledger', 'verify', receipt, ...trusted, '--tenant', 'clinic')).code).toBe(64);
  });
});

describe('a witness', () => {
  test('shows its keys, and keeps its name', async () => {
    const dir = join(root, 'w');
    expect((await run('witness', '--dir', dir, '--show-key')).code).toBe(64);
    const { stdout } = await run('witness', '--dir', dir, '--show-key', '--name', 'witness.example/1');
    expect(stdout).toMatch(/^key witness\.example\/1\+[0-9a-f]{8}\+B/);
    expect((await run('witness', '--dir', dir, '--show-key')).stdout).toBe(stdout);
    expect((await run('witness', '--dir', dir, '--show-key', '--name', 'another')).code).toBe(64);
    expect((await run('witness', '--dir', dir)).code).toBe(64);
  });

  test('cosigns over HTTP, remembers over a restart, and refuses a ledger that goes back', async () => {
    const dir = join(root, 'w');
    const start = () => serve('witness', '--dir', dir, '--name', 'witness.example/1', '--log', key);
    const note = readCheckpoint();
    const url = await start();
    const post = async (to: string, body: string) => {
      const answer = await fetch(`${to}/add-checkpoint`, { method: 'POST', body });
      return [answer.status, await answer.text()];
    };
    expect(await post(url, `old 0\n\n${note}`)).toEqual([200, expect.stringMatching(/^— witness\.example\/1 /)]);
    expect(await post(url, 'nonsense')).toEqual([400, 'the request is malformed\n']);
    await append(COUNT, COUNT + 5);
    const [child] = children.splice(0);
    child?.kill('SIGKILL');
    const again = await start();
    expect(await post(again, `old 0\n\n${readCheckpoint()}`)).toEqual([409, `${COUNT}\n`]);
    expect(await post(again, `old ${COUNT}\n\n${note}`)).toEqual([200, expect.stringMatching(/^— witness/)]);
    expect(await post(again, 'x'.repeat(300_000))).toEqual([400, expect.any(String)]);
  });
});

const readCheckpoint = () => readFileSync(join(state.ledger, 'checkpoint'), 'utf8');

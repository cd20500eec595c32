import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { ledgerClient } from '../ledger/client.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { startLedger } from '../ledger/server.ts';

let root: string;
let state: StateDirectory;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-l-'));
  state = openStateDirectory(join(root, 's'));
  const socketPath = state.socket('ledger');
  const ledger = await startLedger({
    dir: state.ledger,
    socketPath,
    clock: systemClock,
    log: createLog('t', 'silent'),
  });
  const client = ledgerClient(socketPath);
  await client.append(['repair.opened', 'request.served', 'repair.ended'].map(event));
  await client.close();
  await ledger.close();
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function event(type: string, index: number): LedgerEvent {
  const actor = { kind: 'system', name: 'control' } as const;
  const tenant = type.startsWith('request') ? { tenant: 'shop' } : {};
  const at = `2026-11-20T12:00:0${index}.000Z`;
  return { id: `evt_${index}`, at, type, class: 7001, actor, subject: 'rep_1', ...tenant, data: { step: index } };
}

const run = (...words: string[]) => {
  return runCommand(['ledger', ...words], { stateDefault: state.root, timeZone: 'UTC' });
};

test('an intact ledger is proven from its files, with the key from the folder or from elsewhere', async () => {
  const { code, stdout } = await run('verify');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^intact\n {2}entries +3 under the signed checkpoint[\s\S]*compare it with one/);
  const key = (await run('key')).stdout.trim();
  expect((await run('verify', '--public-key', key)).stdout).not.toContain('compare it');
  expect((await run('verify', '--public-key', 'nonsense')).code).toBe(65);
});

test('a changed byte is told with its entry, by exit code 2', async () => {
  const segment = join(state.ledger, readdirSync(state.ledger).find((name) => /^\d/.test(name)) ?? 'none');
  const bytes = readFileSync(segment);
  const at = bytes.indexOf('request.served');
  writeFileSync(segment, bytes.fill('R', at, at + 1));
  const { code, stdout, stderr } = await run('verify', '--json');
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ kind: 'tampered' });
  expect(JSON.parse(stderr)).toMatchObject({ code: 'ledger.tampered', exit: 2 });
});

test('entries are shown by type, tenant and place', async () => {
  const types = async (...words: string[]) => {
    const { entries } = JSON.parse((await run(...words, '--json')).stdout);
    return entries.map((entry: { event: LedgerEvent }) => entry.event.type);
  };
  expect(await types('show')).toEqual(['repair.opened', 'request.served', 'repair.ended']);
  expect(await types('show', '--type', 'repair')).toEqual(['repair.opened', 'repair.ended']);
  expect(await types('show', '--tenant', 'shop')).toEqual(['request.served']);
  expect(await types('show', '--from', '1', '-n', '1')).toEqual(['request.served']);
  expect(await types('tail', '-n', '2')).toEqual(['request.served', 'repair.ended']);
  expect((await run('tail', '-n', '1')).stdout).toBe('      2 12:00:02 repair.ended       rep_1 by control step=2\n');
});

test('a folder without a ledger is said to be one', async () => {
  for (const words of [['verify'], ['show'], ['tail'], ['key']]) {
    expect((await run(...words, '--dir', root)).code, words[0]).toBe(66);
  }
});

test('events are exported as lines for other tools, proven first, and only those that are wanted', async () => {
  const lines = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const { code, stdout } = await run('export', '--format', 'ocsf');
  expect(code).toBe(0);
  expect(lines(stdout).map(({ metadata }) => metadata.event_code)).toEqual([
    'repair.opened',
    'request.served',
    'repair.ended',
  ]);
  expect(lines((await run('export', '--format', 'ecs', '--tenant', 'shop')).stdout)).toMatchObject([
    { event: { action: 'request.served', sequence: 1 } },
  ]);
  expect(lines((await run('export', '--format', 'cloudevents', '--first', '2')).stdout)).toMatchObject([
    { id: 'evt_2', type: 'dev.kintsugi.repair.ended' },
  ]);
  expect((await run('export', '--format', 'ecs', '--type', 'nothing')).stdout).toBe('');
  const out = join(root, 'events.ndjson');
  const { stdout: said } = await run('export', '--format', 'ecs', '--out', out, '--type', 'repair');
  expect(said).toBe(`exported 2 of 3 entries to ${out}\n`);
  expect(lines(readFileSync(out, 'utf8'))).toHaveLength(2);
  for (const words of [[], ['--format', 'xml'], ['--format', 'ecs', root], [root, '--type', 'repair']]) {
    expect((await run('export', ...words)).code, words.join(' ')).toBe(64);
  }
});

test('of a log that was changed no file of events is left', async () => {
  const folder = join(root, 'static');
  expect((await run('export', folder)).code).toBe(0);
  const key = (await run('key')).stdout.trim();
  const bundle = join(folder, 'tile/entries/000.p/3');
  writeFileSync(bundle, readFileSync(bundle, 'latin1').replace('"step":1', '"step":7'), 'latin1');
  const out = join(root, 'events.ndjson');
  const words = ['export', '--format', 'ocsf', '--from', folder, '--public-key', key, '--out', out];
  expect(await run(...words)).toMatchObject({ code: 2, stdout: '' });
  expect(readdirSync(root)).toEqual(expect.not.arrayContaining([expect.stringContaining('events.ndjson')]));
});

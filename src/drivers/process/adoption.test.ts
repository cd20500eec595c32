import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { digestOfPath } from '../../base/digest.ts';
import { type StateDirectory, stateDirectory } from '../../base/state-directory.ts';
import type { InstanceStart } from '../driver.ts';
import { lifelinePath } from './child.ts';
import type { KeeperRecord } from './keeper-record.ts';
import { findMarked } from './process-identity.ts';
import { type ProcessDriver, processDriver } from './process-driver.ts';
import type { KeeperEvent } from './protocol.ts';

const FIXTURE = join(import.meta.dirname, '../../../test/fixtures/keeper-process.ts');
const STOP = { epoch: 1, signal: 'SIGTERM', killAfterMs: 2_000, reason: 'test' } as const;
const LEDGER = ['sh', '-c', 'echo up; exec sleep 60'];

let root: string;
let state: StateDirectory;
let driver: ProcessDriver;
let keepers: ChildProcess[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-a-'));
  state = stateDirectory(join(root, 's'));
  driver = processDriver(state.socket('keeper'), systemClock);
  keepers = [];
  writeFileSync(join(root, 'artefact'), 'bytes');
});

afterEach(async () => {
  await driver.close();
  for (const keeper of keepers) await end(keeper, 'SIGTERM');
  // A test that failed half-way may have left children without a keeper.
  for (const { identity } of findMarked(state.root)) process.kill(identity.pid, 'SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** Starts a keeper process and gives its first word. */
async function keep(ids: readonly string[] = ['ledger']): Promise<{ keeper: ChildProcess; said: string }> {
  const system = ids.map((id, order) => {
    return { id, command: LEDGER, env: {}, cwd: root, order, stopSignal: 'SIGTERM', killAfterMs: 2_000 };
  });
  const keeper = spawn(process.execPath, [FIXTURE, state.root, JSON.stringify(system)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  keepers.push(keeper);
  for await (const line of createInterface(keeper.stdout as NodeJS.ReadableStream)) {
    if (/^(ready|fault)/.test(line)) return { keeper, said: line };
  }
  throw new Error('the keeper said nothing');
}

async function end(keeper: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (keeper.exitCode !== null || keeper.signalCode !== null) return;
  const exited = once(keeper, 'exit');
  keeper.kill(signal);
  await exited;
}

async function instance(id: string, command: readonly string[]): Promise<InstanceStart> {
  const path = join(root, 'artefact');
  return {
    id,
    epoch: 1,
    workload: 'web',
    version: 3,
    region: 'eu',
    host: '127.0.0.1',
    port: 0,
    spec: { command, cwd: root, env: {}, limits: {} },
    artefact: { path, digest: await digestOfPath(path) },
  };
}

async function event(fits: (event: KeeperEvent) => boolean): Promise<KeeperEvent> {
  for await (const each of driver.events(0, systemClock.deadline(8_000))) if (fits(each)) return each;
  throw new Error('the event did not come');
}

const pids = async () => Object.fromEntries((await driver.list()).map(({ id, pid }) => [id, pid]));

test('the next keeper adopts what runs, starts no second copy, reports what ended meanwhile, and hears of later ends at once', async () => {
  const { keeper } = await keep();
  await driver.start(await instance('ins_stays', ['sh', '-c', 'echo words; exec sleep 60']));
  const { pid: endsPid } = await driver.start(await instance('ins_ends', ['sleep', '60']));
  const before = await pids();
  await end(keeper, 'SIGKILL');
  process.kill(endsPid ?? 0, 'SIGKILL');
  await keep();
  expect(await pids()).toEqual({ ...before, ins_ends: null });
  const adopted = await event(({ type, child }) => type === 'adopted' && child.id === 'ins_stays');
  expect(adopted.child).toMatchObject({ state: 'running', workload: 'web', version: 3, pid: before['ins_stays'] });
  const ended = await event(({ type, child }) => type === 'exited' && child.id === 'ins_ends');
  expect(ended.child.exit).toMatchObject({ code: null, signal: null, expected: false });
  expect((await driver.start(await instance('ins_ends', ['sleep', '60']))).state).toBe('exited');

  let killedMs = 0;
  for await (const { type, child } of driver.events(0, systemClock.deadline(8_000))) {
    if (child.id !== 'ins_stays') continue;
    if (type === 'adopted') {
      killedMs = systemClock.monotonicMs();
      process.kill(child.pid ?? 0, 'SIGKILL');
    }
    if (type !== 'exited') continue;
    expect(systemClock.monotonicMs() - killedMs).toBeLessThan(500);
    expect(child.exit?.lastLines).toEqual(['words']);
    break;
  }
  expect(existsSync(lifelinePath(state, 'ins_stays'))).toBe(false);
});

test('an adopted system process is started again when it ends', async () => {
  const { keeper } = await keep();
  const { ledger } = await pids();
  await end(keeper, 'SIGKILL');
  await keep();
  process.kill(ledger ?? 0, 'SIGKILL');
  const { child } = await event(({ type }) => type === 'started');
  expect(child).toMatchObject({ id: 'ledger', restarts: 1 });
  expect(child.pid).not.toBe(ledger);
});

test('an adopted instance whose child holds its lifeline open is still noticed, and can be stopped', async () => {
  const { keeper } = await keep([]);
  const script = 'sleep 60 & exec sleep 61';
  const { pid } = await driver.start(await instance('ins_1', ['sh', '-c', script]));
  await driver.start(await instance('ins_2', ['sh', '-c', script]));
  await end(keeper, 'SIGKILL');
  await keep([]);
  process.kill(pid ?? 0, 'SIGKILL');
  await event(({ type, child }) => type === 'exited' && child.id === 'ins_1');
  expect(await driver.stop('ins_2', STOP)).toMatchObject({ state: 'exited', exit: { expected: true } });
  await expect.poll(() => findMarked(state.root), { interval: 5 }).toEqual([]);
});

function rewriteRecord(change: (record: KeeperRecord) => KeeperRecord): void {
  const record = JSON.parse(readFileSync(state.keeperFile, 'utf8')) as KeeperRecord;
  writeFileSync(state.keeperFile, JSON.stringify(change(record)));
}

test('a keeper that died between intent and record leads to no second copy, and to no ghost', async () => {
  const { keeper } = await keep();
  await driver.start(await instance('ins_1', ['sleep', '60']));
  const before = await pids();
  await end(keeper, 'SIGKILL');
  rewriteRecord((record) => {
    const intents = record.children.map((child) => {
      return { ...child, startTime: null, status: { ...child.status, state: 'starting' as const, pid: null } };
    });
    const ghost = intents.filter(({ status }) => status.id === 'ins_1');
    const renamed = ghost.map((child) => ({ ...child, status: { ...child.status, id: 'ins_ghost' } }));
    return { ...record, children: [...intents, ...renamed] };
  });
  await keep();
  expect(await pids()).toEqual({ ...before, ins_ghost: null });
  const { child } = await event(({ type }) => type === 'failed');
  expect(child).toMatchObject({ id: 'ins_ghost', state: 'failed' });
});

test('what runs is found even when the record is lost, and a broken record is refused', async () => {
  const { keeper } = await keep();
  const started = await driver.start(await instance('ins_1', ['sleep', '60']));
  const before = await pids();
  await end(keeper, 'SIGKILL');
  writeFileSync(state.keeperFile, '{"epoch":');
  expect((await keep()).said).toContain('fault state.corrupt');
  rmSync(state.keeperFile);
  await keep();
  expect(await pids()).toEqual(before);
  const found = (await driver.list()).find(({ id }) => id === 'ins_1');
  expect(found).toMatchObject({ role: 'instance', workload: 'web', version: 3, region: 'eu', port: started.port });
});

test('a record whose number another process has now is not adopted', async () => {
  const { keeper } = await keep([]);
  const { pid } = await driver.start(await instance('ins_1', ['sleep', '60']));
  await end(keeper, 'SIGKILL');
  rewriteRecord((record) => ({
    ...record,
    children: record.children.map((child) => ({ ...child, startTime: '1@x' })),
  }));
  await keep([]);
  expect(await driver.list()).toMatchObject([{ id: 'ins_1', state: 'exited', pid: null }]);
  process.kill(pid ?? 0, 'SIGKILL');
});

test('a second keeper is refused and names the first; a system process that is no longer declared is stopped', async () => {
  const { keeper } = await keep(['ledger', 'gateway-1']);
  expect((await keep()).said).toMatch(new RegExp(`^fault state.in-use .*process ${keeper.pid} keeps`));
  expect(Object.values(await pids()).every((pid) => pid !== null)).toBe(true);
  await end(keeper, 'SIGKILL');
  await keep(['ledger']);
  await event(({ type, child }) => type === 'exited' && child.id === 'gateway-1');
  expect(Object.keys(await pids())).toEqual(['ledger']);
});

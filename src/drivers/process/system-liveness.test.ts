import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { createLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { openStateDirectory } from '../../base/state-directory.ts';
import { type Keeper, startKeeper } from './keeper.ts';
import { readKeeperRecord } from './keeper-record.ts';
import type { SystemProcess } from './system-process.ts';

/** Waits take a tenth of their time, and an answer may take a quarter of its own: a busy machine is not one that hangs. */
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 10, signal),
  deadline: (ms, parent) => systemClock.deadline(ms / 4, parent),
};
/** Notes its pid when it has been asked: by nobody but the keeper. */
const SERVES = `
  const { rmSync, writeFileSync } = require('node:fs');
  rmSync(process.env.SOCKET, { force: true });
  require('node:http').createServer((_, answer) => answer.end('ok', () => writeFileSync(process.env.NOTE, String(process.pid))))
    .listen(process.env.SOCKET);`;
const SAYS_NOTHING = `
  require('node:fs').writeFileSync(process.env.NOTE, String(process.pid));
  setInterval(() => {}, 1000);`;
let root: string;
let keeper: Keeper;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-l-'));
});
afterEach(async () => {
  await keeper?.down();
  rmSync(root, { recursive: true, force: true });
});

function systemProcess(id: string, script: string): SystemProcess {
  const socket = join(root, `${id}.sock`);
  return {
    id,
    command: ['node', '-e', script],
    env: { SOCKET: socket, NOTE: noteOf(id) },
    cwd: root,
    order: 1,
    stopSignal: 'SIGTERM',
    killAfterMs: 1_000,
    livenessSocket: socket,
  };
}

const noteOf = (id: string) => join(root, `${id}.pid`);
function noted(id: string): number {
  try {
    return Number(readFileSync(noteOf(id), 'utf8'));
  } catch {
    return 0;
  }
}
const statusOf = (id: string) => keeper.children().find((each) => each.id === id)!;

test('a process that answered and hangs is killed and started again; one that never answered is left alone', async () => {
  const system = [systemProcess('ledger', SERVES), systemProcess('slow', SAYS_NOTHING)];
  const state = openStateDirectory(join(root, 's'));
  keeper = await startKeeper({ state, clock, random: seededRandom(1), log: createLog('test', 'silent'), system });
  const wait = { timeout: 20_000 };
  await expect.poll(() => noted('ledger'), wait).toBeGreaterThan(0);
  await expect.poll(() => noted('slow'), wait).toBeGreaterThan(0);
  const before = noted('ledger');
  process.kill(before, 'SIGSTOP');
  await expect.poll(() => noted('ledger'), wait).not.toBe(before);
  expect(statusOf('ledger')).toMatchObject({ state: 'running', pid: noted('ledger') });
  expect(statusOf('slow')).toMatchObject({ state: 'running', pid: noted('slow'), restarts: 0 });
  // What was done stays known, also to whoever asks the next keeper.
  expect(statusOf('ledger').hung).toEqual({ at: expect.stringMatching(/^\d{4}-/), times: 1 });
  expect(statusOf('slow').hung).toBeUndefined();
  const { children } = readKeeperRecord(state.keeperFile);
  expect(children.find(({ status }) => status.id === 'ledger')?.status.hung).toEqual(statusOf('ledger').hung);
}, 60_000);

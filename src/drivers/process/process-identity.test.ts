import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { findMarked, identityOf, isAlive } from './process-identity.ts';

test('a process is itself only with its start time, and nobody after its end', async () => {
  const child = spawn('sleep', ['60']);
  const identity = identityOf(child.pid ?? 0);
  expect(identity && isAlive(identity)).toBe(true);
  expect(isAlive({ pid: child.pid ?? 0, startTime: 'earlier' })).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(identity && isAlive(identity)).toBe(false);
});

test('a process that ended but was not reaped is nobody', async () => {
  // The shell becomes `sleep`, which never waits for the child that it inherited.
  const parent = spawn('sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pid = Number(String((await once(parent.stdout, 'data'))[0]));
  const exited = once(parent, 'exit');
  await expect.poll(() => identityOf(pid), { interval: 5 }).toBeUndefined();
  parent.kill('SIGKILL');
  await exited;
});

test('a child is found by its marks, and its own children are not taken for it', async () => {
  const keeper = `/nowhere/${systemRandom.token(12)}`;
  const env = { ...process.env, KINTSUGI_KEEPER: keeper, KINTSUGI_INSTANCE: 'ins_1', KINTSUGI_WORKLOAD: 'web' };
  const child = spawn('sh', ['-c', 'sleep 60 & echo up; wait'], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const found = findMarked(keeper);
  expect(found).toMatchObject([{ id: 'ins_1', identity: { pid: child.pid }, env: { KINTSUGI_WORKLOAD: 'web' } }]);
  expect(findMarked(`${keeper}x`)).toEqual([]);
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await once(child, 'exit');
});

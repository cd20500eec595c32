import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockState } from './keeper-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the second one is refused with the pid of the first, until that one lets go', () => {
  const unlock = lockState(folder);
  expect(() => lockState(folder)).toThrow(
    expect.objectContaining({ code: 'state.in-use', details: { pid: process.pid, path: folder } }),
  );
  unlock();
  lockState(folder)();
});

test('the lock of a dead keeper, and of one whose number another process has now, is taken over', () => {
  writeFileSync(join(folder, 'keeper.lock.4'), JSON.stringify({ pid: process.pid, startTime: 'earlier' }));
  lockState(folder)();
  expect(readdirSync(folder)).toEqual(['keeper.lock.5']);
});

test('of many contenders for a stale lock exactly one wins', async () => {
  writeFileSync(join(folder, 'keeper.lock.1'), JSON.stringify({ pid: 1, startTime: 'earlier' }));
  const script = `
    const { lockState } = await import(${JSON.stringify(join(import.meta.dirname, 'keeper-lock.ts'))});
    try { lockState(process.argv[1]); console.log('won'); } catch (error) { console.log(error.code); }
    process.stdin.resume();
    process.stdin.on('end', () => process.exit(0));`;
  const contenders = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const answers = await Promise.all(
    contenders.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim()),
  );
  expect(answers.sort()).toEqual([...Array(5).fill('state.in-use'), 'won']);
  const ends = contenders.map((contender) => once(contender, 'exit'));
  for (const { stdin } of contenders) stdin.end();
  await Promise.all(ends);
});

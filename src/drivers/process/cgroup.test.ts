import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { openCgroups } from './cgroup.ts';

let root: string;
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const write = (path: string, data: string) => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), data);
};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-cg-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const LIMITS = { memoryMiB: 64, cpus: 0.5, pids: 20 };

test('version 1: each controller gets a group below the one that the keeper is in', () => {
  write('memory/slice/memory.use_hierarchy', '1\n');
  mkdirSync(join(root, 'cpu'));
  mkdirSync(join(root, 'pids'));
  const cgroups = openCgroups({ root, own: '4:memory:/slice\n2:cpu,cpuacct:/\n1:pids:/\n0::/\n' });
  expect(cgroups.confine('ins_1', 4242, LIMITS)).toBe(true);
  expect(text('memory/slice/kintsugi/ins_1/memory.limit_in_bytes')).toBe(String(64 * 1024 * 1024));
  expect(text('cpu/kintsugi/ins_1/cpu.cfs_quota_us')).toBe('50000');
  expect(text('pids/kintsugi/ins_1/pids.max')).toBe('20');
  for (const folder of ['memory/slice', 'cpu', 'pids'])
    expect(text(`${folder}/kintsugi/ins_1/cgroup.procs`)).toBe('4242');
});

test('version 1: a flat memory hierarchy is left alone, since a group below would escape the limit above', () => {
  write('memory/slice/memory.use_hierarchy', '0\n');
  const cgroups = openCgroups({ root, own: '4:memory:/slice\n' });
  expect(cgroups.confine('ins_1', 4242, { memoryMiB: 64 })).toBe(false);
});

test('version 2: controllers are delegated on the way down', () => {
  write('cgroup.controllers', 'cpu memory pids\n');
  write('slice/cgroup.subtree_control', 'memory\n');
  write('slice/kintsugi/cgroup.subtree_control', 'cpu memory pids\n');
  const cgroups = openCgroups({ root, own: '0::/slice\n' });
  expect(cgroups.confine('ins_1', 4242, { cpus: 2 })).toBe(true);
  expect(text('slice/cgroup.subtree_control')).toBe('+cpu');
  expect(text('slice/kintsugi/ins_1/cpu.max')).toBe('200000 100000');
});

test('limits that the system does not grant are not claimed', () => {
  expect(openCgroups({ root, own: '' }).confine('ins_1', 4242, LIMITS)).toBe(false);
  expect(openCgroups({ root, own: '' }).confine('ins_1', 4242, {})).toBe(true);
  expect(openCgroups({ root, own: '' }).release('ins_1')).toBe(true);
});

test('a real process is really confined where the kernel grants it, and its group goes with it', async () => {
  const child = spawn('sleep', ['60']);
  const cgroups = openCgroups();
  const id = `test-${child.pid}`;
  const granted = cgroups.confine(id, child.pid ?? 0, { pids: 5 });
  if (granted) expect(readFileSync(`/proc/${child.pid}/cgroup`, 'utf8')).toContain(`/kintsugi/${id}`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const deadline = systemClock.deadline(2_000);
  while (!cgroups.release(id)) await systemClock.sleep(10, deadline);
  cgroups.close();
});

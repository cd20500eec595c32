import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { createLog } from '../../base/log.ts';
import { LOG_BYTES_MAX, LogCapture, logFiles, readLogTail } from './log-capture.ts';

let folder: string;
const log = createLog('test', 'silent');
const capture = () => new LogCapture('web', folder, systemClock, log);
const raw = () => logFiles(folder, 'web').raw;
const tail = (count = 100) => readLogTail(folder, 'web', count)?.map((line) => line.split(' ').slice(2).join(' '));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('lines reach the log with time and id as soon as they are written', async () => {
  const follower = capture();
  follower.open('new');
  const seen = new Promise<string>((resolve) => follower.onLine(resolve));
  appendFileSync(raw(), 'héllo wörld\npart');
  expect(await seen).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z web héllo wörld$/);
  expect(tail()).toEqual(['héllo wörld']);
  appendFileSync(raw(), 'ial');
  follower.close();
  expect(tail()).toEqual(['héllo wörld', 'partial']);
  expect(follower.lastLines()).toEqual(['héllo wörld', 'partial']);
});

test('the next keeper goes on where the last one stopped', () => {
  const first = capture();
  first.open('new');
  appendFileSync(raw(), 'one\ntwo\n');
  first.close();
  appendFileSync(raw(), 'three\n');
  const second = capture();
  second.open('adopted');
  second.close();
  expect(tail()).toEqual(['one', 'two', 'three']);
  expect(second.lastLines()).toEqual(['one', 'two', 'three']);
});

test('last lines are at most 20 and at most 4 KiB', () => {
  const follower = capture();
  follower.open('new');
  appendFileSync(raw(), Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join(''));
  appendFileSync(raw(), `${'x'.repeat(3000)}\n${'y'.repeat(9000)}\n`);
  follower.close();
  expect(follower.lastLines()).toHaveLength(1);
  expect(Buffer.byteLength(follower.lastLines().join('\n'))).toBeLessThanOrEqual(4096);
  appendFileSync(raw(), Array.from({ length: 50 }, (_, i) => `more ${i}\n`).join(''));
  follower.close();
  expect(follower.lastLines()).toHaveLength(20);
  expect(follower.lastLines().at(-1)).toBe('more 49');
});

test('the log is rotated at 4 MiB with two older ones kept, and a consumed raw file is emptied', () => {
  const follower = capture();
  follower.open('new');
  const line = `${'z'.repeat(1000)}\n`;
  for (let i = 0; i < 5; i++) {
    appendFileSync(raw(), line.repeat(4500));
    follower.close();
  }
  const { log: path } = logFiles(folder, 'web');
  for (const file of [path, `${path}.1`, `${path}.2`]) expect(statSync(file).size).toBeLessThanOrEqual(LOG_BYTES_MAX);
  expect(statSync(`${path}.3`, { throwIfNoEntry: false })).toBeUndefined();
  expect(statSync(raw()).size).toBe(0);
  expect(tail(10_000)?.length).toBeGreaterThan(8_000);
});

test('a line without an end is cut instead of kept in memory', () => {
  const follower = capture();
  follower.open('new');
  appendFileSync(raw(), 'q'.repeat(200_000));
  follower.close();
  expect(tail()?.map((line) => line.length)).toEqual([65_536, 65_536, 65_536, 200_000 - 3 * 65_536]);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Status } from './answers.ts';
import { createLiveStatus, renderBlock } from './live-status.ts';
import { plain } from './paint.ts';

const path = join(import.meta.dirname, '../../test/golden/cli/status.json');
const status = JSON.parse(readFileSync(path, 'utf8')) as Status;

function live(isTty: boolean) {
  const written: string[] = [];
  const stdout = { write: (text: string) => written.push(text) };
  const shown = createLiveStatus({ stdout, isTty, columns: () => 200, paint: plain, stamp: () => '12:00:00' });
  return { shown, take: () => written.splice(0).join('') };
}

test('on a terminal the block is drawn over itself, and events stand above it', () => {
  const { shown, take } = live(true);
  const block = `${renderBlock(status, plain).join('\n')}\n`;
  const back = `\x1b[${renderBlock(status, plain).length}A\r\x1b[J`;
  shown.update(status);
  expect(take()).toBe(block);
  shown.update(status);
  expect(take()).toBe(`${back}${block}`);
  shown.line('it happened');
  expect(take()).toBe(`${back}12:00:00 it happened\n${block}`);
  shown.end();
  shown.line('after');
  expect(take()).toBe('12:00:00 after\n');
});

test('elsewhere there are only events, each with its time', () => {
  const { shown, take } = live(false);
  shown.update(status);
  shown.line('it happened');
  expect(take()).toBe('12:00:00 it happened\n');
});

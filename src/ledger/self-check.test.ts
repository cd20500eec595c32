import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { SelfCheck } from './self-check.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import { TreeNodes } from './tree-nodes.ts';

/** What is read need not be what was added: the frames may be sound and the entries others. */
function checkOf(added: readonly Buffer[], stored: readonly Buffer[]): SelfCheck {
  const read = async (from: number, limit: number) => stored.slice(from, from + Math.min(limit, 100));
  const nodes = new TreeNodes(read);
  for (const entry of added) nodes.tree.add(leafHash(entry));
  const store = { read, forgetRead: () => undefined };
  return new SelfCheck({ nodes, store, first: () => 0 }, { clock: systemClock, log: createLog('t', 'silent') });
}

const entries = (count: number) => Array.from({ length: count }, (_, n) => Buffer.from(`entry ${n}`));

test('a ledger that is what it was is read round after round, a part at a time', async () => {
  const check = checkOf(entries(256 * 20 + 7), entries(256 * 20 + 7));
  await check.step();
  expect(check.state()).toMatchObject({ checked: 256 * 16, size: 256 * 20 + 7, rounds: 0 });
  await check.step();
  expect(check.state()).toMatchObject({ checked: 0, rounds: 1, lastRoundAt: expect.any(String) });
});

test('other entries in sound frames are found, and so are missing ones', async () => {
  const changed = checkOf(entries(1000), entries(1000).with(300, Buffer.from('other')));
  await changed.step();
  expect(changed.state()).toMatchObject({ checked: 256, fault: { index: 256 } });
  await changed.step();
  expect(changed.state()).toMatchObject({ rounds: 0 });
  const cut = checkOf(entries(1000), entries(600));
  await cut.step();
  expect(cut.state()).toMatchObject({ fault: { index: 600, reason: 'it can no longer be read' } });
});

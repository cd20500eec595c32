import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { SelfCheck } from './self-check.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import { TreeNodes } from './tree-nodes.ts';

interface Ledger {
  readonly added: readonly Buffer[];
  readonly stored?: readonly Buffer[];
  readonly signedSize?: number;
  readonly first?: number;
  readonly damagedPayload?: number;
}

/** What is read need not be what was added: the frames may be sound and the entries others. */
async function checkOf({ added, stored = added, signedSize = added.length, first = 0, damagedPayload }: Ledger) {
  const read = async (from: number, limit: number) => stored.slice(from, from + Math.min(limit, 100));
  const nodes = new TreeNodes(async (from, limit) => added.slice(from, from + limit));
  for (const entry of added) nodes.tree.add(leafHash(entry));
  const checkpoint = { origin: 'o', size: signedSize, root: await nodes.rootAt(signedSize), extensions: [] };
  const isIn = (from: number, to: number) =>
    damagedPayload !== undefined && damagedPayload >= from && damagedPayload < to;
  const store = {
    read,
    forgetRead: () => undefined,
    damagedPayload: async (from: number, to: number) => (isIn(from, to) ? damagedPayload : undefined),
  };
  const ledger = { nodes, store, first: () => first, signed: () => ({ note: '', checkpoint }) };
  return new SelfCheck(ledger, { clock: systemClock, log: createLog('t', 'silent') });
}

const entries = (count: number) => Array.from({ length: count }, (_, n) => Buffer.from(`entry ${n}`));

test('a ledger that is what it was is read round after round, a part at a time, to its last signed entry', async () => {
  const size = 256 * 20 + 7;
  const check = await checkOf({ added: entries(size) });
  expect(check.state()).toMatchObject({ checked: 0, size, coverage: 0 });
  await check.step();
  expect(check.state()).toMatchObject({ checked: 256 * 16, size, rounds: 0, coverage: (256 * 16) / size });
  await check.step();
  expect(check.state()).toMatchObject({ checked: 0, rounds: 1, coverage: 1, lastRoundAt: expect.any(String) });
  await check.step();
  expect(check.state()).toMatchObject({ checked: 256 * 16, rounds: 1, coverage: 1 });
});

test('an empty ledger is covered, and has no rounds', async () => {
  const check = await checkOf({ added: [] });
  await check.step();
  expect(check.state()).toMatchObject({ checked: 0, size: 0, rounds: 0, coverage: 1 });
});

test('other entries in sound frames are found, and so are missing ones', async () => {
  const changed = await checkOf({ added: entries(1000), stored: entries(1000).with(300, Buffer.from('other')) });
  await changed.step();
  expect(changed.state()).toMatchObject({ checked: 256, fault: { index: 256 } });
  await changed.step();
  expect(changed.state()).toMatchObject({ rounds: 0 });
  const cut = await checkOf({ added: entries(1000), stored: entries(600) });
  await cut.step();
  expect(cut.state()).toMatchObject({ fault: { index: 600, reason: 'it can no longer be read' } });
});

test('the entries behind the last complete tile are compared with what was signed', async () => {
  for (const [size, changed] of [
    [1, 0],
    [255, 254],
    [257, 256],
    [1000, 768],
    [1000, 999],
  ] as const) {
    const sound = await checkOf({ added: entries(size) });
    await sound.step();
    expect(sound.state()).toMatchObject({ rounds: 1, coverage: 1 });
    const check = await checkOf({ added: entries(size), stored: entries(size).with(changed, Buffer.from('other')) });
    await check.step();
    expect(check.state()).toMatchObject({ rounds: 0, fault: { index: changed - (changed % 256) } });
  }
});

test('what is not signed yet is left to the next round, and what was pruned is not missed', async () => {
  const stored = entries(1000).with(990, Buffer.from('other'));
  const unsigned = await checkOf({ added: entries(1000), stored, signedSize: 900 });
  await unsigned.step();
  expect(unsigned.state()).toMatchObject({ rounds: 1, size: 900, coverage: 1 });
  const pruned = await checkOf({ added: entries(1000), first: 300 });
  await pruned.step();
  expect(pruned.state()).toMatchObject({ rounds: 1, coverage: 1 });
  const damaged = await checkOf({
    added: entries(1000),
    stored: entries(1000).with(600, Buffer.from('other')),
    first: 300,
  });
  await damaged.step();
  expect(damaged.state()).toMatchObject({ fault: { index: 512 } });
});

test('a damaged payload is found with its entry', async () => {
  const check = await checkOf({ added: entries(1000), damagedPayload: 700 });
  await check.step();
  expect(check.state()).toMatchObject({
    checked: 512,
    fault: { index: 700, reason: expect.stringContaining('payload') },
  });
});

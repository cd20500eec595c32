import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { type LedgerDirectory, openLedgerDirectory } from './ledger-directory.ts';
import { verifyConsistency, verifyInclusion } from './tlog/merkle-proof.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import type { NewEntry } from './sequencer.ts';

let dir = '';
let ledger: LedgerDirectory;
const reopen = async () => {
  ledger = await openLedgerDirectory(dir, { clock: systemClock, segmentBytes: 128 * 1024 });
};
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kin-seq-'));
  await reopen();
});
afterEach(async () => {
  await ledger.close();
  rmSync(dir, { recursive: true });
});

const entry = (id: string, fill = ''): NewEntry => ({ id, bytes: Buffer.from(JSON.stringify({ id, fill })) });
const entries = (from: number, count: number) => Array.from({ length: count }, (_, i) => entry(`e${from + i}`));

describe('the sequencer', () => {
  it('shares one commit among the calls that come while the disk is busy', async () => {
    const calls = Array.from({ length: 200 }, (_, i) => ledger.sequencer.append(entries(i * 3, 3)));
    const places = (await Promise.all(calls)).flat();
    expect(places.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, i) => i));
    expect(ledger.sequencer.commits).toBeLessThan(10);
    const stored = await ledger.store.read(0, 600);
    expect(stored.map((bytes) => (JSON.parse(bytes.toString()) as { id: string }).id)).toEqual(
      Array.from({ length: 600 }, (_, i) => `e${i}`),
    );
  });

  it('appends an id once: within a call, between calls under way, afterwards and after a restart', async () => {
    const twice = ledger.sequencer.append([entry('a'), entry('b'), entry('a')]);
    const meanwhile = ledger.sequencer.append([entry('b'), entry('c')]);
    expect(await Promise.all([twice, meanwhile])).toEqual([
      [0, 1, 0],
      [1, 2],
    ]);
    expect(await ledger.sequencer.append([entry('c')])).toEqual([2]);
    await ledger.close();
    await reopen();
    expect(await ledger.sequencer.append([entry('d'), entry('a')])).toEqual([3, 0]);
    expect(ledger.store.size).toBe(4);
  });

  it('goes on after a call in which nothing was new', async () => {
    await ledger.sequencer.append([entry('a')]);
    await ledger.sequencer.append([entry('a')]);
    expect(await ledger.sequencer.append([])).toEqual([]);
    expect(await ledger.sequencer.append([entry('b')])).toEqual([1]);
  });

  it('takes an entry of 65,535 bytes and refuses a larger one with all that came with it', async () => {
    const overhead = entry('x').bytes.length;
    const largest = entry('x', 'y'.repeat(65_535 - overhead));
    expect(await ledger.sequencer.append([largest])).toEqual([0]);
    const larger = entry('z', 'y'.repeat(65_536 - overhead));
    await expect(ledger.sequencer.append([entry('ok'), larger])).rejects.toMatchObject({
      code: 'ledger.entry-too-large',
    });
    expect(ledger.store.size).toBe(1);
  });

  it('refuses what exceeds its queue and keeps what it had taken', async () => {
    const taken = [0, 1, 2].map((i) => ledger.sequencer.append(entries(i * 20_000, 20_000)));
    const refused = ledger.sequencer.append(entries(90_000, 20_000));
    await expect(refused).rejects.toMatchObject({ code: 'ledger.overloaded' });
    expect((await Promise.all(taken)).flat()).toHaveLength(60_000);
    expect(await ledger.sequencer.append(entries(90_000, 1))).toEqual([60_000]);
  });

  it('proves each entry and the growth between any two sizes', async () => {
    await ledger.sequencer.append(entries(0, 700));
    const { nodes, store } = ledger;
    const root = nodes.tree.root();
    expect(await nodes.rootAt(700)).toEqual(root);
    for (const index of [0, 1, 255, 256, 511, 512, 600, 699]) {
      const [bytes] = await store.read(index, 1);
      const path = await nodes.inclusionProof(index, 700);
      expect(verifyInclusion({ leaf: leafHash(bytes!), index, size: 700, path, root })).toBe(true);
    }
    for (const oldSize of [1, 255, 256, 300, 512, 699]) {
      const [oldRoot, path] = [await nodes.rootAt(oldSize), await nodes.consistencyProof(oldSize, 700)];
      expect(verifyConsistency({ oldSize, oldRoot, newSize: 700, newRoot: root, path })).toBe(true);
    }
  });
});

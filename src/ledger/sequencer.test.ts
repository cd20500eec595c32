import { mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { type LedgerDirectory, openLedgerDirectory } from './ledger-directory.ts';
import { verifyConsistency, verifyInclusion } from './tlog/merkle-proof.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import type { SegmentFile } from './segment-file.ts';
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

/** The file, whose next writes fail as `failures` says. */
function failing(file: FileHandle, failures: boolean[]): SegmentFile {
  return new Proxy(file, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'write' && failures.shift() === true) return () => Promise.reject(new Error('EIO'));
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const noop = () => undefined;

/** An id that was answered has the same place in every answer. */
function agree(answered: Map<string, number>, names: readonly string[], places: readonly number[]): void {
  for (const [at, name] of names.entries()) {
    const index = places[at]!;
    if ((answered.get(name) ?? index) !== index)
      throw new Error(`${name} stands at ${answered.get(name)} and ${index}`);
    answered.set(name, index);
  }
}

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

  it('after a failing disk, or between any of its failures, gives each id one place', async () => {
    const step = fc.record({
      ids: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 }),
      fails: fc.boolean(),
      pause: fc.constantFrom('none', 'tick', 'wait'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const place = mkdtempSync(join(tmpdir(), 'kin-seq-'));
        const failures: boolean[] = [];
        const openFile = async (path: string, flags: number) => failing(await open(path, flags, 0o600), failures);
        const options = { clock: systemClock, segmentBytes: 128 * 1024, openFile };
        const one = await openLedgerDirectory(place, options);
        await one.sequencer.append([entry('first')]);
        const answered = new Map<string, number>();
        const calls: Promise<void>[] = [];
        for (const { ids, fails, pause } of steps) {
          if (fails) failures.push(true);
          const names = ids.map((id) => `id${id}`);
          // Some fill segments, so that failures meet the change from one to the next.
          const call = one.sequencer.append(names.map((name) => entry(name, 'x'.repeat(name.length * 5000))));
          calls.push(call.then((places) => agree(answered, names, places), noop));
          if (pause === 'tick') await new Promise((resolve) => setImmediate(resolve));
          if (pause === 'wait') await calls.at(-1);
        }
        await Promise.all(calls);
        failures.length = 0;
        await one.sequencer.append([entry('last')]);
        await one.close();
        const again = await openLedgerDirectory(place, { clock: systemClock, segmentBytes: 128 * 1024 });
        const stored = (await again.store.read(0, 1000)).map(
          (bytes) => (JSON.parse(String(bytes)) as { id: string }).id,
        );
        await again.close();
        rmSync(place, { recursive: true });
        expect(new Set(stored).size).toBe(stored.length);
        for (const [name, index] of answered) expect(stored[index]).toBe(name);
      }),
      { numRuns: 25 },
    );
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

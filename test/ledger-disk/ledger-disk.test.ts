import { hash } from 'node:crypto';
import { constants, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/random.ts';
import type { SegmentFile } from '../../src/ledger/segment-file.ts';
import { leafHash } from '../../src/ledger/tlog/merkle-tree.ts';
import { explore, firstBroken, type Judge } from './explore.ts';
import { brokenPromise, recover } from './ledger-judge.ts';
import {
  failingDisk,
  LEDGER_PATH,
  type LedgerPromise,
  type LifeOptions,
  liveLedger,
  newEntry,
  publish,
  type Run,
} from './ledger-life.ts';
import { crashStates, replayed } from './replay.ts';
import { SEED } from './seed.ts';
import { inThrowawayFolder } from './throwaway-folder.ts';

/** Paths below a folder with what is in them. */
function filesOf(root: string): Map<string, string> {
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const paths = names.map(({ parentPath, name }) => relative(root, join(parentPath, name))).toSorted();
  return new Map(paths.map((path) => [path, hash('sha256', readFileSync(join(root, path)))]));
}

async function live(seed: number, options: Partial<LifeOptions> = {}) {
  const random = seededRandom(seed);
  const { events } = await inThrowawayFolder((root) => liveLedger({ root, random, ...options }));
  return (cuts: number) => crashStates(events, { random, cuts });
}

/** To sign and to verify once more costs as much as all before it. */
const judge: Judge<LedgerPromise> = (state, root, count) => brokenPromise(state, root, count % 4 === 0);

describe('a ledger on a disk that forgets what was not synced', () => {
  it('keeps every acknowledged entry and every published checkpoint through a power cut at any moment', async () => {
    const { broken, count } = await explore((await live(SEED))(3), judge);
    expect(broken).toEqual([]);
    expect(count).toBeGreaterThan(60);
  }, 120_000);

  it('does so when the disk fails as well', async () => {
    const states = await live(SEED + 1, { openFile: failingDisk(seededRandom(SEED + 1)) });
    expect((await explore(states(3), judge)).broken).toEqual([]);
  }, 120_000);

  it('does so when the power fails again while it recovers', async () => {
    const random = seededRandom(SEED + 3);
    let count = 0;
    for (const state of [...(await live(SEED + 2))(1)].filter(() => random.next() < 0.08)) {
      const { events } = await inThrowawayFolder((root) => recover(state, root));
      const again = await explore(crashStates(events, { random, cuts: 1, before: state }), judge);
      expect(again.broken).toEqual([]);
      count += again.count;
    }
    expect(count).toBeGreaterThan(0);
  }, 120_000);
});

describe('the model', () => {
  it('sees all that the ledger does to its files', async () => {
    await inThrowawayFolder(async (root) => {
      const openFile = failingDisk(seededRandom(SEED));
      const { events } = await liveLedger({ root, random: seededRandom(SEED + 4), openFile });
      const files = filesOf(root);
      expect([...files.keys()]).toContain(join(LEDGER_PATH, 'checkpoint'));
      await inThrowawayFolder(async (copy) => {
        replayed(events).copyTo(copy);
        expect(filesOf(copy)).toEqual(files);
      });
    });
  });
});

describe('a ledger with a bug is found out', () => {
  const brokenWith = async (options: Partial<LifeOptions>) => firstBroken((await live(1, options))(12), judge);
  /** Files without a flag of their opening, or without the effect of a call. */
  const filesWithout = (flag: number, call?: keyof SegmentFile) => async (path: string, flags: number) => {
    const file: SegmentFile = await open(path, flags & ~flag, 0o600);
    return new Proxy(file, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === call) return async () => undefined;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };

  it('that acknowledges before it syncs', async () => {
    const openFile = filesWithout(constants.O_DSYNC);
    expect(await brokenWith({ openFile })).toMatch(/was acknowledged and is another or lost|offline/);
  });

  it('that signs before it syncs', async () => {
    const run: Run = async (ledger, trace, _, life) => {
      for (let n = 0; n < 4; n += 1) {
        const entry = newEntry(`${life}-${n}`, 3000);
        await ledger.store.append([entry], () => {
          ledger.nodes.tree.add(leafHash(entry.bytes));
          void ledger.sign().then(() => publish(ledger, trace));
        });
      }
    };
    expect(await brokenWith({ run })).toMatch(/signed entries .*are missing|an acknowledged frame is not whole/);
  });

  it('that renames a file which it did not sync', async () => {
    const forgets = (call: string, path: string) => call === 'fsyncSync' && path.endsWith('.tmp');
    expect(await brokenWith({ forgets })).toMatch(/checkpoint|vkey|key\.pem|version/);
  });

  it('that does not sync the folder of a new segment', async () => {
    const forgets = (call: string, path: string) => call === 'fsyncSync' && path.endsWith('ledger');
    expect(await brokenWith({ forgets })).toBeDefined();
  });

  it('that does not sync the folder in which it made its own', async () => {
    const forgets = (call: string, path: string) => call === 'fsyncSync' && path === '/state';
    expect(await brokenWith({ forgets })).toMatch(/there is no ledger/);
  });

  it('that prepares a segment and leaves stale bytes in it', async () => {
    const openFile = filesWithout(0, 'datasync');
    expect(await brokenWith({ openFile })).toMatch(/damaged|not sound|bytes behind|lost|missing|offline/);
  });
});

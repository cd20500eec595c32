import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolderDurably, readJsonFile, writeDurably } from '../../src/base/durable-file.ts';
import { exportLog } from '../../src/ledger/log-export.ts';
import { openWitnessDirectory } from '../../src/ledger/witness-directory.ts';
import {
  formatAddCheckpoint,
  folderSource,
  policyOfKey,
  TileTree,
  verifyLog,
  Witness,
} from '../../src/ledger/tlog/tlog.ts';
import { newSigner, publicFiles, signedHead, sourceOf, textEntries } from '../conformance/tlog/log-in-memory.ts';
import { explore, firstBroken, type Judge } from './explore.ts';
import type { Forgets } from './file-trace.ts';
import { putAfterBoot } from './put-after-boot.ts';
import { type Life, statesOf } from './life.ts';

describe('a file that is written durably', () => {
  type Written = readonly [file: string, version: number];

  /** Some files in turn, of lengths from nothing to some sectors. */
  const life: Life<Written> = async (root, trace, random) => {
    makeFolderDurably(join(root, 'a', 'b'));
    for (let version = 1; version <= 100; version += 1) {
      const file = `a/b/${Math.floor(random.next() * 4)}`;
      writeDurably(join(root, file), JSON.stringify({ version, fill: 'x'.repeat(Math.floor(random.next() * 3000)) }));
      trace.note([file, version]);
    }
  };

  const judge: Judge<Written> = async ({ disk, notes }, root) => {
    disk.copyTo(root);
    for (const [file, version] of new Map(notes)) {
      const found = readJsonFile(join(root, file)) as { version: number } | undefined;
      if (!found || found.version < version) return `${file} has version ${found?.version}, not ${version}`;
    }
    return undefined;
  };

  it('is after a power cut what it was last, or what it was about to be, and no mixture', async () => {
    const { broken, count } = await explore(await statesOf(life, 12), judge);
    expect(broken).toEqual([]);
    expect(count).toBeGreaterThan(300);
  });

  it('would be lost without the sync of the file, or of any folder above it', async () => {
    for (const lost of [/\.tmp$/, /^\/a\/b$/, /^\/a$/, /^$/]) {
      const forgets: Forgets = (call, path) => call === 'fsyncSync' && lost.test(path);
      expect(await firstBroken(await statesOf(life, 8, forgets), judge), String(lost)).toBeDefined();
    }
  });
});

const log = newSigner('example.com/log');
const entries = textEntries(300);

describe('a witness', () => {
  type Cosigned = readonly [vkeys: string, size: number];
  const SIZES = [1, 2, 255, 256, 300];

  const open = (dir: string, name?: string) => {
    const { signers, memory, release } = openWitnessDirectory(dir, name);
    const witness = new Witness({ signers, logs: [log.key], memory, nowS: () => 1_800_000_000 });
    return { witness, release, keys: signers.map(({ key }) => key.id).join(), note: memory.load(log.key.name) };
  };

  const life: Life<Cosigned> = async (root, trace) => {
    const { witness, release, keys } = open(join(root, 'witness'), 'witness.example/w');
    const tree = new TileTree(sourceOf(publicFiles(entries, log)), entries.length);
    for (const [at, size] of SIZES.entries()) {
      const oldSize = SIZES[at - 1] ?? 0;
      const proof = await tree.consistencyProof(oldSize, size);
      const body = formatAddCheckpoint({ oldSize, proof, note: signedHead(entries.slice(0, size), log) });
      expect(witness.addCheckpoint(body).status).toBe(200);
      trace.note([keys, size]);
    }
    release();
  };

  it('that cosigned remembers it, and has its keys, after a power cut', async () => {
    const judge: Judge<Cosigned> = async ({ disk, notes }, root) => {
      putAfterBoot(disk, root, 'witness');
      const { release, keys, note } = open(join(root, 'witness'), 'witness.example/w');
      release();
      const [cosignedBy, size] = notes.at(-1) ?? [keys, 0];
      if (cosignedBy !== keys) return 'it has other keys';
      return Number(note?.split('\n')[1] ?? 0) < size ? `it cosigned ${size} and forgot` : undefined;
    };
    expect((await explore(await statesOf(life, 8), judge)).broken).toEqual([]);
    const forgets: Forgets = (call) => call === 'fsyncSync';
    expect(await firstBroken(await statesOf(life, 8, forgets), judge)).toBeDefined();
  });
});

describe('an export', () => {
  const policy = policyOfKey(log.key);

  it('has every file that its checkpoint asks for, after a power cut', async () => {
    const life: Life<number> = async (root, trace) => {
      for (const size of [3, 260, 300]) {
        await exportLog(sourceOf(publicFiles(entries.slice(0, size), log)), policy, join(root, 'export'));
        trace.note(size);
      }
    };
    const judge: Judge<number> = async ({ disk, notes }, root) => {
      disk.copyTo(root);
      const dir = join(root, 'export');
      const exported = notes.at(-1) ?? 0;
      if (exported === 0 && !existsSync(join(dir, 'checkpoint'))) return undefined;
      const { checkpoint } = await verifyLog({ source: folderSource(dir), policy });
      return checkpoint.size < exported ? `it had ${exported} entries and has ${checkpoint.size}` : undefined;
    };
    expect((await explore(await statesOf(life, 5), judge)).broken).toEqual([]);
    const forgets: Forgets = (call, path) => call === 'fsyncSync' && path.startsWith('/export/tile/');
    expect(await firstBroken(await statesOf(life, 5, forgets), judge)).toBeDefined();
  });
});

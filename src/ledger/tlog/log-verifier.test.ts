import { describe, expect, it } from 'vitest';
import {
  naiveLeaf,
  naiveRoot,
  newSigner,
  publicFiles,
  signedHead,
  sourceOf,
  textEntries,
} from '../../../test/conformance/tlog/log-in-memory.ts';
import { encodeBundle } from './entry-bundle.ts';
import { LogFault } from './log-source.ts';
import { type LogVerification, verifyLog } from './log-verifier.ts';
import { policyOfKey } from './policy.ts';
import { TileTree } from './tile-tree.ts';
import { verifyConsistency, verifyInclusion } from './merkle-proof.ts';

const log = newSigner('example.com/log');
const policy = policyOfKey(log.key);
const SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 1000, 256 * 9 + 5];

type Files = Map<string, Buffer>;

const verifyFiles = (files: Files, options: Partial<LogVerification> = {}) =>
  verifyLog({ source: sourceOf(files), policy, ...options });

/** The fault that is found in files after they were changed. */
async function faultOf(size: number, change: (files: Files) => void, options: Partial<LogVerification> = {}) {
  const files = publicFiles(textEntries(size), log);
  change(files);
  const fault = await verifyFiles(files, options).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(fault instanceof LogFault)) throw new Error('the lie was believed', { cause: fault });
  const { kind, path, index } = fault;
  return { kind, path, index };
}

const edit = (path: string, at: number) => (files: Files) => {
  const bytes = Buffer.from(files.get(path)!);
  bytes[at]! ^= 1;
  files.set(path, bytes);
};

describe('a sound log', () => {
  it.each(SIZES)('of %i entries is verified, entry by entry and file by file', async (size) => {
    const entries = textEntries(size);
    const files = publicFiles(entries, log);
    const seen = new Map<number, string>();
    const copied: Files = new Map();
    const onEntry = (entry: Uint8Array, index: number) => void seen.set(index, Buffer.from(entry).toString());
    const onFile = (path: string, bytes: Uint8Array) => void copied.set(path, Buffer.from(bytes));
    expect(await verifyFiles(files, { onEntry, onFile })).toMatchObject({ kind: 'accepted', checkpoint: { size } });
    expect([...seen]).toEqual([...entries.map(String).entries()]);
    expect(copied).toEqual(files);
    expect([...copied.keys()].at(-1)).toBe('checkpoint');
  });

  it('may have dropped partial tiles whose full ones are there', async () => {
    const files = publicFiles(textEntries(300), log);
    for (const [path, bytes] of publicFiles(textEntries(512), log)) if (!files.has(path)) files.set(path, bytes);
    files.set('checkpoint', Buffer.from(signedHead(textEntries(300), log)));
    for (const path of ['tile/0/001.p/44', 'tile/entries/001.p/44']) expect(files.delete(path)).toBe(true);
    expect(await verifyFiles(files)).toMatchObject({ kind: 'accepted', checkpoint: { size: 300 } });
  });

  it('continues what was noted earlier, at every size', async () => {
    const entries = textEntries(300);
    const leaves = entries.map(naiveLeaf);
    const files = publicFiles(entries, log);
    for (const size of [0, 1, 255, 256, 299, 300]) {
      const previous = { size, root: naiveRoot(leaves.slice(0, size)) };
      expect(await verifyFiles(files, { previous })).toMatchObject({ kind: 'accepted' });
    }
  });
});

describe('a hostile log is found out', () => {
  it('when any byte of any file is another', async () => {
    const files = publicFiles(textEntries(258), log);
    for (const [path, bytes] of files) {
      // Every byte of the small files, some of the large ones.
      for (let at = 0; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 150))) {
        expect((await faultOf(258, edit(path, at))).kind, `${path} ${at}`).toMatch(/^(mismatch|malformed|missing)$/);
      }
    }
  });

  it('and the entry is named', async () => {
    const at = encodeBundle(textEntries(3)).length + 2;
    expect(await faultOf(300, edit('tile/entries/000', at))).toEqual({
      kind: 'mismatch',
      path: 'tile/0/000',
      index: 3,
    });
    expect(await faultOf(300, edit('tile/0/001.p/44', 32 * 7))).toMatchObject({ kind: 'mismatch', index: 263 });
    expect(await faultOf(600, edit('tile/1/000.p/2', 32))).toMatchObject({ path: 'tile/1/000.p/2', index: 256 });
  });

  it('when it rewrote an entry with all that hangs on it, but cannot sign', async () => {
    const entries = textEntries(600).with(3, Buffer.from('forged'));
    const change = (files: Files) => {
      for (const [path, bytes] of publicFiles(entries, log)) if (path !== 'checkpoint') files.set(path, bytes);
    };
    expect(await faultOf(600, change)).toEqual({ kind: 'mismatch', path: 'checkpoint', index: undefined });
  });

  it('when files are missing, cut, too long or empty', async () => {
    const paths = ['tile/entries/000', 'tile/0/000', 'tile/0/001.p/44', 'tile/entries/001.p/44', 'tile/1/000.p/1'];
    for (const path of paths) {
      expect(await faultOf(300, (files) => files.delete(path)), path).toMatchObject({ kind: 'missing', path });
      const cut = (files: Files) => void files.set(path, files.get(path)!.subarray(0, -1));
      expect((await faultOf(300, cut)).kind, path).toBe('malformed');
      const empty = (files: Files) => void files.set(path, Buffer.alloc(0));
      expect((await faultOf(300, empty)).kind, path).toMatch(/^(malformed|missing)$/);
    }
    expect(await faultOf(300, (files) => files.delete('checkpoint'))).toMatchObject({ path: 'checkpoint' });
    const notText = (files: Files) => void files.set('checkpoint', Buffer.from([0xff, 0xfe]));
    expect(await faultOf(300, notText)).toMatchObject({ kind: 'malformed', path: 'checkpoint' });
  });

  it('when entries changed places, or one was left out or put in', async () => {
    const shapes = (entries: Buffer[]) => [
      entries.with(0, entries[1]!).with(1, entries[0]!),
      entries.toSpliced(5, 1),
      entries.toSpliced(5, 0, Buffer.from('more')),
      entries.toSpliced(5, 1, Buffer.concat([entries[5]!, entries[6]!])),
    ];
    for (const shaped of shapes(textEntries(256))) {
      const change = (files: Files) => void files.set('tile/entries/000', encodeBundle(shaped));
      expect((await faultOf(256, change)).path).toMatch(/^tile\/(entries|0)\/000$/);
    }
  });

  it('when it is smaller than it was, or another of the same size or larger', async () => {
    const previous = { size: 301, root: naiveRoot(textEntries(301).map(naiveLeaf)) };
    expect(await faultOf(300, () => {}, { previous })).toMatchObject({ kind: 'mismatch', path: 'checkpoint' });
    for (const size of [0, 1, 256, 300]) {
      const fork = { size, root: naiveRoot([Buffer.alloc(32)]) };
      expect(await faultOf(300, () => {}, { previous: fork })).toMatchObject({ kind: 'mismatch', path: 'checkpoint' });
    }
  });

  it('when the checkpoint is of another log or claims more than is there', async () => {
    const other = newSigner('example.com/log');
    const signedBy = (note: string) => (files: Files) => void files.set('checkpoint', Buffer.from(note));
    expect(await faultOf(300, signedBy(signedHead(textEntries(300), other)))).toMatchObject({ kind: 'mismatch' });
    expect(await faultOf(300, signedBy(signedHead(textEntries(301), log)))).toMatchObject({ kind: 'missing' });
    expect(await faultOf(300, signedBy(signedHead(textEntries(299), log)))).toMatchObject({ kind: 'missing' });
  });
});

describe('proofs from tiles', () => {
  it('are those of the tree, at any size that the log had', async () => {
    const entries = textEntries(256 * 9 + 5);
    const leaves = entries.map(naiveLeaf);
    const tree = new TileTree(sourceOf(publicFiles(entries, log)), entries.length);
    for (const size of [1, 2, 255, 256, 300, 513, 2048, 2309]) {
      const root = naiveRoot(leaves.slice(0, size));
      expect(await tree.root(size)).toEqual(root);
      for (const index of [0, Math.floor(size / 3), size - 1]) {
        const path = await tree.inclusionProof(index, size);
        expect(verifyInclusion({ leaf: leaves[index]!, index, size, path, root })).toBe(true);
      }
      const growth = { oldSize: size, oldRoot: root, newSize: entries.length, newRoot: naiveRoot(leaves) };
      expect(verifyConsistency({ ...growth, path: await tree.consistencyProof(size) })).toBe(true);
    }
  });

  it('of a log that lies prove nothing', async () => {
    const entries = textEntries(600);
    const leaves = entries.map(naiveLeaf);
    const files = publicFiles(entries, log);
    edit('tile/0/001', 0)(files);
    const path = await new TileTree(sourceOf(files), 600).inclusionProof(257);
    expect(verifyInclusion({ leaf: leaves[257]!, index: 257, size: 600, path, root: naiveRoot(leaves) })).toBe(false);
    files.set('tile/0/002.p/88', Buffer.alloc(88 * 32 - 1));
    await expect(new TileTree(sourceOf(files), 600).inclusionProof(599)).rejects.toMatchObject({ kind: 'malformed' });
  });
});

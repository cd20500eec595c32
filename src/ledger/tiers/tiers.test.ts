import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useSegmentFolder } from '../../../test/fixtures/segment-folder.ts';
import type { EntryToStore } from '../entry-store.ts';
import { listSegments, type PackedTier } from '../segment-file.ts';
import type { SegmentStore } from '../segment-store.ts';

const COUNT = 700;

const folder = useSegmentFolder();

const entry = (n: number): EntryToStore => ({
  bytes: Buffer.from(JSON.stringify({ n, fill: 'route '.repeat(100) })),
  payloads: n % 3 === 0 ? [Buffer.from(`secret ${n} of one`), Buffer.from(`secret ${n} of two`)] : [],
});
const texts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => Buffer.from(entry(from + n).bytes).toString());

async function written(): Promise<SegmentStore> {
  const { store } = await folder.open();
  for (let n = 0; n < COUNT; n += 4) await store.append([0, 1, 2, 3].map((each) => entry(n + each)));
  return store;
}

const filesWith = (text: string) =>
  readdirSync(folder.dir).filter((name) => readFileSync(join(folder.dir, name)).includes(text));
const erased = { kind: 'erased', length: 'secret 3 of one'.length };

describe('a segment that was packed', () => {
  it('is read as before, in both tiers, by this process and the next, and takes less', async () => {
    let store = await written();
    const before = store.bytes;
    const [first, second, third] = (await store.segments()).map((segment) => segment.first);
    for (const tier of ['warm', 'cold'] as const satisfies readonly PackedTier[]) {
      await store.pack(first!, tier);
      await store.pack(second!, 'cold');
      for (const again of [false, true]) {
        if (again) {
          await store.close();
          const next = await folder.open({ signedSize: COUNT });
          expect(next.entries).toEqual(texts(0, COUNT));
          store = next.store;
        }
        const found: string[] = [];
        while (found.length < COUNT) found.push(...(await store.read(found.length, 100)).map(String));
        expect(found).toEqual(texts(0, COUNT));
        expect((await store.payloadsOf(3)).map((payload) => payload.kind)).toEqual(['kept', 'kept']);
        expect((await store.segments()).map((segment) => segment.tier)).toEqual([tier, 'cold', 'hot', 'hot']);
        expect(listSegments(folder.dir).map((segment) => segment.tier)).toEqual([tier, 'cold', 'hot', 'hot']);
        const sum = (await store.segments()).reduce((bytes, segment) => bytes + segment.bytes, 0);
        expect([store.bytes, sum < before]).toEqual([sum, true]);
      }
    }
    expect((await store.segments()).at(2)?.first).toBe(third);
    await store.close();
  });

  it('loses a payload where it lies, and whoever looks for it finds nothing', async () => {
    const store = await written();
    await store.erasePayloads([{ index: 0, payload: 0 }]);
    await store.pack(0, 'warm');
    await store.erasePayloads([{ index: 3, payload: 0 }]);
    expect(await store.payloadsOf(0)).toEqual([erased, { kind: 'kept', bytes: Buffer.from('secret 0 of two') }]);
    expect(await store.payloadsOf(3)).toEqual([erased, { kind: 'kept', bytes: Buffer.from('secret 3 of two') }]);
    await store.pack(0, 'cold');
    await store.erasePayloads([{ index: 6, payload: 1 }]);
    await store.close();
    for (const text of ['secret 0 of one', 'secret 3 of one', 'secret 6 of two']) expect(filesWith(text)).toEqual([]);
    expect(filesWith('secret 6 of one')).toHaveLength(1);
    const { store: again } = await folder.open({ signedSize: COUNT });
    expect((await again.payloadsOf(3))[0]).toEqual(erased);
    await again.close();
  });

  it('is read, written behind and erased from while it is packed; what is erased meanwhile does not come back', async () => {
    const store = await written();
    const packing = store.pack(0, 'cold');
    await store.erasePayloads([{ index: 9, payload: 0 }]);
    await store.append([entry(COUNT)]);
    expect((await store.read(9, 1)).map(String)).toEqual(texts(9, 10));
    await packing;
    expect((await store.payloadsOf(9))[0]).toEqual(erased);
    expect(filesWith('secret 9 of one')).toEqual([]);
    expect((await store.segments())[0]?.tier).toBe('hot');
    const reading = store.pack(0, 'cold');
    for (let n = 0; n < 200; n += 1)
      expect((await store.read(n % 90, 1)).map(String)).toEqual(texts(n % 90, (n % 90) + 1));
    await reading;
    expect((await store.segments())[0]?.tier).toBe('cold');
    await store.close();
  });

  it('is not packed when it is not sound, nor is the one that is written to, nor one that is so already', async () => {
    let store = await written();
    const last = (await store.segments()).at(-1)!.first;
    await store.pack(last, 'cold');
    await store.pack(0, 'cold');
    await store.pack(0, 'warm');
    await store.pack(1, 'warm');
    expect((await store.segments()).map(({ tier }) => tier)).toEqual(['cold', 'hot', 'hot', 'hot']);
    const second = listSegments(folder.dir)[1]!;
    const bytes = readFileSync(join(folder.dir, second.name));
    bytes[bytes.indexOf('secret')]! ^= 1;
    writeFileSync(join(folder.dir, second.name), bytes);
    await expect(store.pack(second.first, 'warm')).rejects.toMatchObject({ code: 'ledger.tampered' });
    expect(listSegments(folder.dir)[1]).toEqual(second);
    await store.close();
    ({ store } = await folder.open({ signedSize: COUNT }));
    await store.close();
  });

  it('is as it was when the disk is full, and the next try packs it', async () => {
    let isFull = false;
    const openFile = async (path: string, flags: number) => {
      if (isFull && path.endsWith('.tmp')) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      return open(path, flags, 0o600);
    };
    await (await written()).close();
    const { store } = await folder.open({ openFile, signedSize: COUNT });
    isFull = true;
    await expect(store.pack(0, 'warm')).rejects.toMatchObject({ code: 'state.unwritable' });
    expect((await store.read(0, 4)).map(String)).toEqual(texts(0, 4));
    expect(readdirSync(folder.dir).filter((name) => name.includes('warm'))).toEqual([]);
    isFull = false;
    await store.pack(0, 'warm');
    expect((await store.segments())[0]?.tier).toBe('warm');
    await store.close();
  });

  it('counts from the moment it has its name: the form before is removed when the store opens', async () => {
    let store = await written();
    const hot = join(folder.dir, listSegments(folder.dir)[0]!.name);
    cpSync(hot, `${hot}.before`);
    await store.pack(0, 'warm');
    await store.erasePayloads([{ index: 3, payload: 0 }]);
    await store.close();
    // The power was cut before the removal was on the disk.
    cpSync(`${hot}.before`, hot);
    rmSync(`${hot}.before`);
    expect(filesWith('secret 3 of one')).toHaveLength(1);
    ({ store } = await folder.open({ signedSize: COUNT }));
    expect(existsSync(hot)).toBe(false);
    expect(filesWith('secret 3 of one')).toEqual([]);
    expect((await store.payloadsOf(3))[0]).toEqual(erased);
    await store.close();
  });

  it('goes in whatever tier it is when it is pruned', async () => {
    const store = await written();
    const [, second, third] = await store.segments();
    await store.pack(0, 'cold');
    await store.pack(second!.first, 'warm');
    const packing = store.pack(third!.first, 'cold');
    await store.dropBefore(third!.next);
    await packing;
    expect(readdirSync(folder.dir).filter((name) => /warm|cold/.test(name))).toEqual([]);
    expect((await store.segments()).map(({ first }) => first)).toEqual([third!.next]);
    await expect(store.read(0, 1)).rejects.toMatchObject({ code: 'ledger.pruned' });
    await expect(store.payloadsOf(0)).rejects.toMatchObject({ code: 'ledger.pruned' });
    await store.close();
  });
});

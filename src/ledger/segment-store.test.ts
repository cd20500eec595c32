import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIRST_SEGMENT, SEGMENT_BYTES, useSegmentFolder } from '../../test/fixtures/segment-folder.ts';
import { PLAIN_HEADER_BYTES } from './frame.ts';
import { listSegments, type SegmentFile } from './segment-file.ts';

const folder = useSegmentFolder();

const entry = (text: string) => ({ bytes: Buffer.from(JSON.stringify({ text })) });

async function write(...groups: string[][]) {
  const { store } = await folder.open();
  for (const group of groups) await store.append(group.map(entry));
  const { bytes } = store;
  await store.close();
  return bytes;
}

const expected = (...texts: string[]) => texts.map((text) => JSON.stringify({ text }));

describe('the segment store', () => {
  it('has after a restart what it had before, over many segments', async () => {
    const { store } = await folder.open();
    const texts = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(1000 * (i % 30))}`);
    for (let i = 0; i < 40; i += 2) await store.append(texts.slice(i, i + 2).map(entry));
    expect((await store.read(17, 5)).map(String)).toEqual(expected(...texts.slice(17, 22)));
    await store.close();
    const again = await folder.open({ signedSize: 40 });
    expect(again.entries).toEqual(expected(...texts));
    expect(listSegments(folder.dir).length).toBeGreaterThan(2);
    expect((await again.store.read(0, 100)).map(String)).toEqual(expected(...texts));
    expect(await again.store.read(40, 1)).toEqual([]);
    await again.store.close();
  });

  it('cuts the last frame wherever it was torn, and says so', async () => {
    const sound = await write(['a'], ['b', 'c']);
    const end = await write(['the last one']);
    const whole = readFileSync(join(folder.dir, FIRST_SEGMENT));
    for (let cut = sound + 1; cut < end; cut += 1) {
      for (const padded of [false, true]) {
        const torn = Buffer.from(whole.subarray(0, cut));
        writeFileSync(
          join(folder.dir, FIRST_SEGMENT),
          padded ? Buffer.concat([torn, Buffer.alloc(SEGMENT_BYTES - cut)]) : torn,
        );
        const { store, entries } = await folder.open({ signedSize: 3 });
        expect(entries).toEqual(expected('a', 'b', 'c'));
        expect(store.recovered?.atIndex).toBe(3);
        await store.settleRecovery();
        await store.append([entry('d')]);
        await store.close();
        const again = await folder.open({ signedSize: 4 });
        expect(again.entries).toEqual(expected('a', 'b', 'c', 'd'));
        expect(again.store.recovered).toBeUndefined();
        await again.store.close();
      }
    }
  });

  it('cuts a frame of which the disk wrote some sectors only', async () => {
    const sound = await write(['a']);
    const end = await write(['b'.repeat(3000)]);
    const whole = readFileSync(join(folder.dir, FIRST_SEGMENT));
    for (let sector = 0; sector * 512 < end; sector += 1) {
      const torn = Buffer.from(whole);
      torn.fill(0, Math.max(sound, sector * 512), Math.min(end, (sector + 1) * 512));
      writeFileSync(join(folder.dir, FIRST_SEGMENT), torn);
      const { store, entries } = await folder.open({ signedSize: 1 });
      expect(entries).toEqual(expected('a'));
      expect(store.recovered?.atIndex).toBe(1);
      await store.close();
      expect(
        readFileSync(join(folder.dir, FIRST_SEGMENT))
          .subarray(sound)
          .every((byte) => byte === 0),
      ).toBe(true);
    }
  });

  it('tells of a recovery until it is settled, whatever comes between', async () => {
    await write(['a']);
    const bytes = readFileSync(join(folder.dir, FIRST_SEGMENT));
    bytes[bytes.lastIndexOf('}') + 1] = 7;
    writeFileSync(join(folder.dir, FIRST_SEGMENT), bytes);
    const first = await folder.open();
    await first.store.close();
    const second = await folder.open();
    expect(second.store.recovered).toEqual({ droppedBytes: PLAIN_HEADER_BYTES, atIndex: 1 });
    await second.store.close();
  });

  it('refuses and leaves alone what no interrupted write explains', async () => {
    const first = await write(['a']);
    await write(['b']);
    const whole = readFileSync(join(folder.dir, FIRST_SEGMENT));
    const offsets = [0, 5, PLAIN_HEADER_BYTES, first - 1, first + PLAIN_HEADER_BYTES + 3];
    const flipped = offsets.map((offset) => Buffer.from(whole).fill(whole[offset]! ^ 1, offset, offset + 1));
    // It looks like a write that was cut off, but a later one follows.
    const zeroed = [first, PLAIN_HEADER_BYTES].map((end) => Buffer.from(whole).fill(0, end - 4, end));
    for (const changed of [...flipped, ...zeroed]) {
      writeFileSync(join(folder.dir, FIRST_SEGMENT), changed);
      await expect(folder.open()).rejects.toMatchObject({ code: 'ledger.tampered', details: { file: FIRST_SEGMENT } });
      expect(readFileSync(join(folder.dir, FIRST_SEGMENT)).equals(changed)).toBe(true);
    }
  });

  it('refuses when signed entries are missing, also at a torn tail', async () => {
    const end = await write(['a'], ['b']);
    const torn = readFileSync(join(folder.dir, FIRST_SEGMENT)).subarray(0, end - 1);
    writeFileSync(join(folder.dir, FIRST_SEGMENT), torn);
    await expect(folder.open({ signedSize: 2 })).rejects.toMatchObject({
      code: 'ledger.tampered',
      details: { index: 1 },
    });
    expect(readFileSync(join(folder.dir, FIRST_SEGMENT)).equals(torn)).toBe(true);
    rmSync(join(folder.dir, FIRST_SEGMENT));
    await expect(folder.open({ signedSize: 2 })).rejects.toMatchObject({ code: 'ledger.tampered' });
  });
});

describe('a failing disk', () => {
  /**
   * Real files whose first write fails half way, or when all is written and is to be synced, while `fault` is set. Later
   * ones write nothing.
   */
  function brokenDisk() {
    const disk = { fault: undefined as undefined | 'write' | 'sync', lasts: true, isTorn: false };
    const openFile = async (path: string, flags: number): Promise<SegmentFile> => {
      const file = await open(path, flags, 0o600);
      const failing = (call: string) => Object.assign(new Error(call), { code: 'ENOSPC' });
      return new Proxy(file, {
        get(target, name) {
          if (name === 'write' && disk.fault !== undefined) {
            const { fault } = disk;
            return async (bytes: Buffer, from: number, length: number, at: number) => {
              const written = disk.isTorn ? 0 : fault === 'write' ? Math.ceil(length / 2) : length;
              if (written > 0) await target.write(bytes, from, written, at);
              disk.isTorn = disk.lasts;
              if (!disk.lasts) disk.fault = undefined;
              throw failing(fault);
            };
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    };
    return { disk, openFile };
  }

  for (const fault of ['write', 'sync'] as const) {
    it(`at ${fault} rejects, keeps what was acknowledged and goes on when it is well`, async () => {
      const { disk, openFile } = brokenDisk();
      const { store } = await folder.open({ openFile });
      await store.append([entry('a')]);
      disk.fault = fault;
      await expect(store.append([entry('lost '.repeat(100))])).rejects.toMatchObject({ code: 'state.unwritable' });
      await expect(store.append([entry('lost too')])).rejects.toMatchObject({ code: 'state.unwritable' });
      expect((await store.read(0, 9)).map(String)).toEqual(expected('a'));
      disk.fault = undefined;
      await store.append([entry('b')]);
      await store.close();
      const again = await folder.open({ signedSize: 2 });
      expect(again.entries).toEqual(expected('a', 'b'));
      expect(again.store.recovered).toBeUndefined();
      await again.store.close();
    });
  }

  it('that is well again at once leaves no trace of the write', async () => {
    const { disk, openFile } = brokenDisk();
    const { store } = await folder.open({ openFile });
    await store.append([entry('a')]);
    const before = readFileSync(join(folder.dir, FIRST_SEGMENT));
    Object.assign(disk, { fault: 'write', lasts: false });
    await expect(store.append([entry('lost')])).rejects.toMatchObject({ code: 'state.unwritable' });
    expect(readFileSync(join(folder.dir, FIRST_SEGMENT)).equals(before)).toBe(true);
    await store.close();
  });

  it('at the change of segments rejects and goes on when it is well', async () => {
    const { disk, openFile } = brokenDisk();
    const { store } = await folder.open({ openFile });
    const large = (name: string) => [entry(`${name}${'x'.repeat(60_000)}`)];
    await store.append(large('a'));
    disk.fault = 'write';
    await expect(store.append(large('b'))).rejects.toMatchObject({ code: 'state.unwritable' });
    disk.fault = undefined;
    for (const name of ['c', 'd', 'e', 'f']) await store.append(large(name));
    await store.close();
    const again = await folder.open({ signedSize: 5 });
    expect(again.entries.map((text) => text[9])).toEqual(['a', 'c', 'd', 'e', 'f']);
    await again.store.close();
  });
});

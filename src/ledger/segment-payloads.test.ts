import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_SEGMENT, SEGMENT_BYTES, useSegmentFolder } from '../../test/fixtures/segment-folder.ts';
import type { EntryToStore } from './entry-store.ts';
import { encodeFrame, scanSegment } from './frame.ts';
import type { SegmentFile } from './segment-file.ts';
import { SegmentStore } from './segment-store.ts';

const folder = useSegmentFolder();

const entry = (text: string, ...payloads: string[]): EntryToStore => ({
  bytes: Buffer.from(`{"${text}"}`),
  payloads: payloads.map((payload) => Buffer.from(payload)),
});

const kept = (text: string) => ({ kind: 'kept', bytes: Buffer.from(text) });

async function writeThree() {
  const { store } = await folder.open();
  await store.append([entry('a', 'secret of a', 'another of a'), entry('b')]);
  await store.append([entry('c', 'secret of c')]);
  return store;
}

describe('payloads', () => {
  it('are found again, also after a restart, and cost nothing where there are none', async () => {
    const store = await writeThree();
    expect(encodeFrame(7, [entry('x')]).length).toBe(28 + 2 + 5);
    for (const again of [false, true]) {
      const each = again ? (await folder.open({ signedSize: 3 })).store : store;
      expect(await each.payloadsOf(0)).toEqual([kept('secret of a'), kept('another of a')]);
      expect(await each.payloadsOf(1)).toEqual([]);
      expect(await each.payloadsOf(2)).toEqual([kept('secret of c')]);
      expect(await each.payloadsOf(3)).toEqual([]);
      await each.close();
    }
  });

  it('are gone from the file when they were erased, and the others and all entries stay', async () => {
    const store = await writeThree();
    for (let twice = 0; twice < 2; twice += 1) await store.erasePayloads([{ index: 0, payload: 0 }]);
    await store.erasePayloads([{ index: 2, payload: 0 }]);
    await store.append([entry('d', 'secret of d')]);
    const bytes = readFileSync(join(folder.dir, FIRST_SEGMENT));
    expect(bytes.includes('secret of a')).toBe(false);
    expect(bytes.includes('secret of c')).toBe(false);
    await store.close();
    const { store: again, entries } = await folder.open({ signedSize: 4 });
    expect(entries).toEqual(['{"a"}', '{"b"}', '{"c"}', '{"d"}']);
    expect(await again.payloadsOf(0)).toEqual([{ kind: 'erased', length: 11 }, kept('another of a')]);
    expect(await again.payloadsOf(2)).toEqual([{ kind: 'erased', length: 11 }]);
    expect(await again.payloadsOf(3)).toEqual([kept('secret of d')]);
    await again.close();
  });

  it('that there are none of cannot be erased, and nothing else is then', async () => {
    const store = await writeThree();
    for (const place of [
      { index: 1, payload: 0 },
      { index: 2, payload: 1 },
      { index: 3, payload: 0 },
    ]) {
      const erased = store.erasePayloads([{ index: 0, payload: 0 }, place]);
      await expect(erased).rejects.toMatchObject({ code: 'resource.unknown' });
    }
    expect(await store.payloadsOf(0)).toEqual([kept('secret of a'), kept('another of a')]);
    await store.close();
  });

  it('may be destroyed by others without harm to the entries, which is seen and placed', async () => {
    await (await writeThree()).close();
    const whole = readFileSync(join(folder.dir, FIRST_SEGMENT));
    const { frames } = scanSegment(whole, 0);
    for (const [index, { payloadsAt, end }] of frames.entries()) {
      for (let at = payloadsAt; at < end; at += 1) {
        const flipped = Buffer.from(whole);
        flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
        for (const changed of [flipped, Buffer.from(whole).fill(0, payloadsAt, end)]) {
          const scan = scanSegment(changed, 0, 3);
          expect(scan).toMatchObject({ next: 3, rest: { kind: 'empty' } });
          expect(scan.damagedPayload?.index).toBe(index === 0 ? 0 : 2);
        }
      }
      writeFileSync(join(folder.dir, FIRST_SEGMENT), Buffer.from(whole).fill(0, payloadsAt, end));
      const { store, entries } = await folder.open({ signedSize: 3 });
      expect(entries).toEqual(['{"a"}', '{"b"}', '{"c"}']);
      expect((await store.read(0, 9)).map(String)).toEqual(entries);
      await expect(store.payloadsOf(index === 0 ? 0 : 2)).rejects.toMatchObject({ code: 'ledger.tampered' });
      await store.close();
    }
  });

  it('of a write that was cut off go with it, at whatever byte or sector', async () => {
    const { store } = await folder.open();
    await store.append([entry('a', 'p')]);
    const sound = store.bytes;
    await store.append([entry('b', 'q'.repeat(900), `${'r'.repeat(300)}\0`)]);
    const end = store.bytes;
    await store.close();
    const whole = readFileSync(join(folder.dir, FIRST_SEGMENT));
    const torn = Array.from({ length: end - sound - 1 }, (_, n) => Buffer.from(whole).fill(0, sound + 1 + n));
    for (let sector = 0; sector < end; sector += 512) {
      torn.push(Buffer.from(whole).fill(0, Math.max(sector, sound), Math.min(sector + 512, end)));
    }
    for (const bytes of torn) expect(scanSegment(bytes, 0, 1)).toMatchObject({ next: 1, rest: { kind: 'torn' } });
    expect(scanSegment(whole, 0)).toMatchObject({ next: 2, rest: { kind: 'empty' } });
  });

  it('are erased at last when an erasure was cut off at any of its steps', async () => {
    for (let step = 1; step <= 8; step += 1) {
      folder.renew();
      await (await writeThree()).close();
      let steps = 0;
      const openFile = async (path: string, flags: number): Promise<SegmentFile> => {
        const file = await open(path, flags, 0o600);
        return new Proxy(file, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (name === 'write' || name === 'datasync') steps += 1;
            if (steps >= step && name !== 'close' && name !== 'read') return () => Promise.reject(new Error('EIO'));
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      };
      const { store } = await folder.open();
      await store.close();
      const broken = await SegmentStore.open(folder.dir, {
        signedSize: 3,
        segmentBytes: SEGMENT_BYTES,
        onEntry: () => undefined,
        openFile,
      });
      steps = 0;
      const places = [
        { index: 0, payload: 1 },
        { index: 0, payload: 0 },
      ];
      const outcome = await broken.erasePayloads(places).then(
        () => 'erased',
        (error: { code: string }) => error.code,
      );
      expect(outcome).toBe(step <= 6 ? 'state.unwritable' : 'erased');
      await broken.close();
      const { store: again, entries } = await folder.open({ signedSize: 3 });
      expect(entries.length).toBe(3);
      const found = await again.payloadsOf(0);
      expect(found.filter(({ kind }) => kind === 'damaged')).toEqual([]);
      const bytes = readFileSync(join(folder.dir, FIRST_SEGMENT));
      for (const [n, text] of ['secret of a', 'another of a'].entries()) {
        expect(bytes.includes(text)).toBe(found[n]?.kind === 'kept');
      }
      await again.erasePayloads(places);
      expect(readFileSync(join(folder.dir, FIRST_SEGMENT)).includes('of a')).toBe(false);
      await again.close();
    }
  });

  it('survive any appends and erasures in whatever order', async () => {
    const payload = fc.uint8Array({ minLength: 1, maxLength: 700 });
    const group = fc.array(fc.array(payload, { maxLength: 3 }), { minLength: 1, maxLength: 5 });
    const step = fc.record({ group, erase: fc.array(fc.nat(), { maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        folder.renew();
        const { store } = await folder.open();
        const model: (Uint8Array | number)[][] = [];
        for (const { group, erase } of steps) {
          await store.append(group.map((payloads, n) => ({ bytes: Buffer.from(`e${model.length + n}`), payloads })));
          model.push(...group.map((payloads) => [...payloads]));
          const all = model.flatMap((payloads, index) => payloads.map((_, payload) => ({ index, payload })));
          const places = all.length === 0 ? [] : erase.map((n) => all[n % all.length]!);
          await store.erasePayloads(places);
          for (const { index, payload } of places) {
            const old = model[index]![payload]!;
            model[index]![payload] = typeof old === 'number' ? old : old.length;
          }
        }
        await store.close();
        const { store: again } = await folder.open({ signedSize: model.length });
        for (const [index, payloads] of model.entries()) {
          const expected = payloads.map((one) =>
            typeof one === 'number' ? { kind: 'erased', length: one } : { kind: 'kept', bytes: Buffer.from(one) },
          );
          expect(await again.payloadsOf(index)).toEqual(expected);
        }
        await again.close();
      }),
      { numRuns: 30 },
    );
  });
});

it('a frame without payloads is, byte for byte, what the first ledgers wrote', () => {
  const frame = encodeFrame(5, [{ bytes: Buffer.from('{"a":1}') }, { bytes: Buffer.from('{}'), payloads: [] }]);
  const header = 'f14b4c310000000000000005000000020000000d3e802a23207416b5';
  expect(frame.toString('hex')).toBe(`${header}00077b2261223a317d00027b7d`);
});

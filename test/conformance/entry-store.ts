import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryStore, EntryToStore } from '../../src/ledger/entry-store.ts';

/** One ledger's entries, wherever they are, that can be opened again and again. */
export interface StoreUnderTest {
  /** Opens the store as the next process would; the one before may still be open. Gives what `onEntry` heard. */
  open(signedSize?: number): Promise<{ readonly store: EntryStore; readonly heard: readonly string[] }>;
  /** Changes a byte of the entry that was appended last, where it lies. */
  damageLastEntry(): Promise<void>;
  /** The same for the payload that was appended last. */
  damageLastPayload(): Promise<void>;
  /** Whether some bytes can be found in what is kept of the ledger. */
  holds(text: string): Promise<boolean>;
  close(): Promise<void>;
}

const entry = (text: string, ...payloads: string[]): EntryToStore => ({
  bytes: Buffer.from(`{"${text}"}`),
  payloads: payloads.map((payload) => Buffer.from(payload)),
});
const kept = (text: string) => ({ kind: 'kept', bytes: Buffer.from(text) });
const texts = (entries: readonly Buffer[]) => entries.map(String);

/** What every store of entries owes. */
export function describeEntryStore(name: string, create: () => Promise<StoreUnderTest>): void {
  describe(`the entries of a ledger ${name}`, () => {
    let under: StoreUnderTest;
    beforeEach(async () => {
      under = await create();
    });
    afterEach(() => under.close());

    it('are there in order after every append, in every reading, and for the next process', async () => {
      const { store } = await under.open();
      expect([store.size, await store.read(0, 9)]).toEqual([0, []]);
      const all = Array.from({ length: 60 }, (_, n) => `${n} ${'x'.repeat((n % 7) * 900)}`);
      for (let at = 0; at < 60; at += 3) await store.append(all.slice(at, at + 3).map((text) => entry(text)));
      const expected = all.map((text) => `{"${text}"}`);
      expect(store.size).toBe(60);
      for (const from of [0, 1, 17, 58]) {
        expect(texts(await store.read(from, 5))).toEqual(expected.slice(from, from + 5));
      }
      expect(await store.read(60, 5)).toEqual([]);
      await store.close();
      const again = await under.open(60);
      expect(again.heard).toEqual(expected);
      expect(again.store.size).toBe(60);
      expect(texts(await again.store.read(0, 60))).toEqual(expected);
      await again.store.append([entry('next')]);
      expect(texts(await again.store.read(60, 1))).toEqual(['{"next"}']);
      const segments = await again.store.segments();
      expect([segments[0]?.first, segments.at(-1)?.next]).toEqual([0, 61]);
      expect(segments.slice(1).map(({ first }) => first)).toEqual(segments.slice(0, -1).map(({ next }) => next));
      expect(segments.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(again.store.bytes);
      expect(again.store.bytes).toBeGreaterThan(store.bytes);
      await again.store.close();
    });

    it('are hashed by the caller while they are written, once', async () => {
      const { store } = await under.open();
      const calls: number[] = [];
      await store.append([entry('a')], () => calls.push(store.size));
      expect(calls).toEqual([0]);
      await store.close();
    });

    it('keep their payloads, until these are erased, which can be repeated and outlasts the process', async () => {
      const { store } = await under.open();
      await store.append([entry('a', 'first-secret', 'second-secret'), entry('b')]);
      await store.append([entry('c', 'third-secret')]);
      expect(await store.payloadsOf(0)).toEqual([kept('first-secret'), kept('second-secret')]);
      expect(await store.payloadsOf(1)).toEqual([]);
      const places = [
        { index: 2, payload: 0 },
        { index: 0, payload: 1 },
      ];
      for (let twice = 0; twice < 2; twice += 1) await store.erasePayloads(places);
      await store.erasePayloads([]);
      await store.close();
      const { store: again, heard } = await under.open(3);
      expect(heard).toEqual(['{"a"}', '{"b"}', '{"c"}']);
      expect(await again.payloadsOf(0)).toEqual([kept('first-secret'), { kind: 'erased', length: 13 }]);
      expect(await again.payloadsOf(2)).toEqual([{ kind: 'erased', length: 12 }]);
      expect(await under.holds('first-secret')).toBe(true);
      expect(await under.holds('second-secret')).toBe(false);
      expect(await under.holds('third-secret')).toBe(false);
      await again.close();
    });

    it('keep all payloads when one that there is none of is to be erased', async () => {
      const { store } = await under.open();
      await store.append([entry('a', 'one'), entry('b')]);
      for (const place of [
        { index: 0, payload: 1 },
        { index: 1, payload: 0 },
        { index: 2, payload: 0 },
      ]) {
        const erased = store.erasePayloads([{ index: 0, payload: 0 }, place]);
        await expect(erased).rejects.toMatchObject({ code: 'resource.unknown' });
      }
      expect(await store.payloadsOf(0)).toEqual([kept('one')]);
      await store.close();
    });

    it('that were changed or are missing are found: when it is opened, and when they are read', async () => {
      const { store } = await under.open();
      await store.append([entry('a')]);
      await store.append([entry('b')]);
      await expect(under.open(3)).rejects.toMatchObject({ code: 'ledger.tampered', details: { index: 2 } });
      const { store: newer } = await under.open(2);
      await under.damageLastEntry();
      newer.forgetRead();
      await expect(newer.read(1, 1)).rejects.toMatchObject({ code: 'ledger.tampered', details: { index: 1 } });
      expect(texts(await newer.read(0, 1))).toEqual(['{"a"}']);
      await expect(under.open(2)).rejects.toMatchObject({ code: 'ledger.tampered', details: { index: 1 } });
      await Promise.all([store.close(), newer.close()]);
    });

    it('are sound when a payload is not, which is told', async () => {
      const { store } = await under.open();
      await store.append([entry('a', 'one'), entry('b', 'two')]);
      await store.close();
      await under.damageLastPayload();
      const { store: again, heard } = await under.open(2);
      expect(heard).toEqual(['{"a"}', '{"b"}']);
      expect(await again.payloadsOf(0)).toEqual([kept('one')]);
      expect(await again.payloadsOf(1)).toEqual([{ kind: 'damaged', length: 3 }]);
      expect(await again.damagedPayload(0, 2)).toBe(1);
      await again.append([entry('c', 'three')]);
      expect(await again.damagedPayload(2, 3)).toBeUndefined();
      await again.erasePayloads([{ index: 2, payload: 0 }]);
      expect(await again.damagedPayload(2, 3)).toBeUndefined();
      await again.close();
    });
  });
}

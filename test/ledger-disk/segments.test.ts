import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../src/base/random.ts';
import type { EntryToStore, PayloadPlace } from '../../src/ledger/entry-store.ts';
import { SegmentStore } from '../../src/ledger/segment-store.ts';
import { explore, firstBroken, type Judge } from './explore.ts';
import type { Forgets } from './file-trace.ts';
import { type Life, statesOf } from './life.ts';

/** What a store promised: that it has an entry with its payloads, that it is about to erase payloads, that it did. */
type Note =
  | { readonly kind: 'stored'; readonly entry: EntryToStore }
  | { readonly kind: 'erasing' | 'erased'; readonly places: readonly PayloadPlace[] };

const RUNS = 2;
const FRAMES = 22;
const PACKED_FRAMES = 11;
/** Of the payloads that nobody erases, those of so many of the last entries are read: a cut changes no others. */
const LAST_READ = 5;

function openStore(root: string, signedSize: number, onEntry: (entry: Buffer) => void = () => undefined) {
  return SegmentStore.open(root, { signedSize, segmentBytes: 128 * 1024, onEntry });
}

/** Payloads are as random as what is sealed: they end in zeros too. */
function newEntry(id: string, random: Random): EntryToStore {
  const bytes = Buffer.from(JSON.stringify({ id, fill: 'x'.repeat(Math.floor(random.next() ** 2 * 4000)) }));
  const count = Math.max(0, Math.floor(random.next() * 5) - 2);
  const payload = () => Buffer.concat([randomBytes(16 + Math.floor(random.next() * 700)), Buffer.alloc(1)]);
  return { bytes, payloads: Array.from({ length: count }, payload) };
}

const life: Life<Note> = async (root, trace, random) => {
  for (let run = 0; run < RUNS; run += 1) {
    const store = await openStore(root, 0);
    const payloads: PayloadPlace[] = [];
    for (let frame = 0; frame < FRAMES; frame += 1) {
      const count = 1 + Math.floor(random.next() * 4);
      const entries = Array.from({ length: count }, (_, n) => newEntry(`${run}/${frame}/${n}`, random));
      const first = store.size;
      const places = random.next() < 0.2 ? payloads.splice(0, 1 + Math.floor(random.next() * 4)) : [];
      const erased = eraseFrom(store, places, (kind) => trace.note({ kind, places }));
      await store.append(entries);
      for (const entry of entries) trace.note({ kind: 'stored', entry });
      await erased;
      for (const [at, entry] of entries.entries()) {
        for (const payload of (entry.payloads ?? []).keys()) payloads.push({ index: first + at, payload });
      }
    }
    await store.close();
  }
};

let isPacking = false;

/** Fills some segments, then packs them, in both tiers and while payloads are erased from them. */
const packedLife: Life<Note> = async (root, trace, random) => {
  isPacking = false;
  const store = await openStore(root, 0);
  const payloads: PayloadPlace[] = [];
  for (let frame = 0; frame < PACKED_FRAMES; frame += 1) {
    const entry = { ...newEntry(`${frame}`, random), payloads: [randomBytes(200), randomBytes(900)] };
    payloads.push({ index: frame, payload: 0 }, { index: frame, payload: 1 });
    const fill = Buffer.from(JSON.stringify({ id: `${frame}`, fill: 'x'.repeat(30_000) }));
    await store.append([{ ...entry, bytes: fill }]);
    trace.note({ kind: 'stored', entry: { ...entry, bytes: fill } });
  }
  const firsts = (await store.segments()).map(({ first }) => first);
  isPacking = true;
  for (const tier of ['warm', 'cold'] as const) {
    for (const first of firsts) {
      const packing = store.pack(first, tier);
      for (let erasure = 0; erasure < 2; erasure += 1) {
        const places = payloads.splice(Math.floor(random.next() * payloads.length), 1);
        await eraseFrom(store, places, (kind) => trace.note({ kind, places }));
        if (erasure === 0) await packing;
      }
      await store.pack(first, tier);
    }
  }
  await store.close();
};

async function eraseFrom(
  store: SegmentStore,
  places: readonly PayloadPlace[],
  note: (kind: 'erasing' | 'erased') => void,
): Promise<void> {
  if (places.length === 0) return;
  note('erasing');
  await store.erasePayloads(places);
  note('erased');
}

const judge: Judge<Note> = async ({ disk, notes }, root) => {
  disk.copyTo(root);
  const stored = notes.flatMap((note) => (note.kind === 'stored' ? [note.entry] : []));
  const found: string[] = [];
  const store = await openStore(root, stored.length, (entry) => void found.push(entry.toString()));
  try {
    const lost = stored.findIndex(({ bytes }, index) => found[index] !== bytes.toString());
    if (lost >= 0) return `entry ${lost} was acknowledged and is another or lost`;
    if (!found.every((text) => JSON.parse(text) as unknown)) return 'an entry is mangled';
    return await brokenPayload(store, stored, notes, root);
  } finally {
    await store.close();
  }
};

async function brokenPayload(
  store: SegmentStore,
  stored: readonly EntryToStore[],
  notes: readonly Note[],
  root: string,
): Promise<string | undefined> {
  const named = (kind: Note['kind']) =>
    new Set(
      notes.flatMap((note) =>
        note.kind === kind && note.kind !== 'stored' ? note.places.map((one) => `${one.index}/${one.payload}`) : [],
      ),
    );
  const [erasing, erased] = [named('erasing'), named('erased')];
  const files = readdirSync(root).filter((name) => !name.endsWith('.tmp'));
  const disk = Buffer.concat(files.map((name) => readFileSync(join(root, name))));
  for (const [index, { payloads = [] }] of stored.entries()) {
    const isErased = payloads.some((_, payload) => erasing.has(`${index}/${payload}`));
    if (payloads.length === 0 || (!isErased && index < stored.length - LAST_READ)) continue;
    const found = await store.payloadsOf(index);
    for (const [payload, bytes] of payloads.entries()) {
      const place = `${index}/${payload}`;
      const one = found[payload];
      if (one?.kind === 'erased' ? !erasing.has(place) : erased.has(place)) return `payload ${place} is ${one?.kind}`;
      if (one?.kind === 'erased' && disk.includes(bytes)) return `payload ${place} is erased and still there`;
      if (one?.kind !== 'erased' && !(one?.kind === 'kept' && one.bytes.equals(bytes)))
        return `payload ${place} is lost`;
    }
  }
  return undefined;
}

describe('the segments of a ledger', () => {
  it('hold in every crash state what was acknowledged, in order, and nothing that was erased', async () => {
    const { broken, count } = await explore(await statesOf(life, 14), judge);
    expect(broken).toEqual([]);
    expect(count).toBeGreaterThan(300);
  }, 120_000);

  it('hold it also while they are packed, and what was erased does not come back out of the form before', async () => {
    const { broken, count } = await explore(await statesOf(packedLife, 8), judge);
    expect(broken).toEqual([]);
    expect(count).toBeGreaterThan(200);
  }, 120_000);

  it('would lose payloads if the form before went before the packed one was there to stay', async () => {
    const forgets: Forgets = (call, path) => isPacking && call === 'fsyncSync' && path === '';
    expect(await firstBroken(await statesOf(packedLife, 8, forgets), judge)).toBeDefined();
  }, 60_000);

  it('would lose what was acknowledged if their names were not synced', async () => {
    const forgets: Forgets = (call, path) => call === 'fsyncSync' && path === '';
    expect(await firstBroken(await statesOf(life, 5, forgets), judge)).toBeDefined();
  });
});

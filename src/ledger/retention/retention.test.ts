import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock, toIso } from '../../base/clock.ts';
import { createLog } from '../../base/log.ts';
import type { LedgerEvent } from '../entry.ts';
import { entryOf } from '../event-form.ts';
import { type LedgerDirectory, openLedgerDirectory } from '../ledger-directory.ts';
import { exportLog } from '../log-export.ts';
import { RecordCheck } from '../record-check.ts';
import { indexOfEvent, receiptOf } from '../receipt.ts';
import { sendPublicFile } from '../public-files.ts';
import { startPublicServer } from '../public-server.ts';
import { SelfCheck } from '../self-check.ts';
import { readPruned, writePruned } from '../pruned-prefix.ts';
import { listSegments } from '../segment-file.ts';
import { openSnapshot } from '../snapshot.ts';
import { folderSource } from '../tlog/folder-source.ts';
import { type LogSource, readMinimumIndex } from '../tlog/log-source.ts';
import { verifyLog } from '../tlog/log-verifier.ts';
import { verifyConsistency, verifyInclusion } from '../tlog/merkle-proof.ts';
import { leafHash } from '../tlog/merkle-tree.ts';
import { policyOfKey } from '../tlog/policy.ts';
import { readEntries, verifyLedger } from '../verify.ts';
import { BelievedTime } from './believed-time.ts';
import { liftHold, readHolds, setHold } from './legal-holds.ts';
import { Pruner } from './pruner.ts';
import { pruningEvent } from './pruning-entry.ts';

const SEGMENT_BYTES = 128 * 1024;
const DAY_MS = 24 * 3_600_000;
const BORN_MS = Date.parse('2026-01-01T00:00:00Z');
const SIX_YEARS_MS = 6 * 366 * DAY_MS;
/** About three segments. */
const PER_DAY = 1500;

let dir = '';
let nowMs = BORN_MS;
let ledger: LedgerDirectory;
const ending = new AbortController();
/** Each look at it is an hour later. */
let ranMs = 0;
const clock: Clock = { ...systemClock, now: () => nowMs };
const pruningClock: Clock = { ...clock, monotonicMs: () => (ranMs += 3_600_000) };
/** Every time is believed at once. */
const time = { look: () => nowMs };
const log = createLog('t', 'silent');

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kin-keep-'));
  nowMs = BORN_MS;
  ledger = await open();
  await write('request.served', 0, PER_DAY);
  nowMs += 10 * DAY_MS;
  await write('request.served', PER_DAY, 2 * PER_DAY, { tenant: 'clinic' });
  await ledger.sign();
  writeFileSync(join(dir, 'retention.json'), '{}');
});
afterEach(async () => {
  await ledger.close();
  rmSync(dir, { recursive: true });
});

const open = () => openLedgerDirectory(dir, { clock, segmentBytes: SEGMENT_BYTES });
const firsts = () => listSegments(dir).map(({ first }) => first);

async function write(type: string, from: number, to: number, more: Partial<LedgerEvent> = {}): Promise<void> {
  for (let first = from; first < to; first += 100) {
    const events = Array.from({ length: Math.min(100, to - first) }, (_, n) =>
      entryOf({ ...event(type, first + n), ...more }),
    );
    await ledger.sequencer.append(events);
  }
}

function event(type: string, n: number): LedgerEvent {
  const actor = { kind: 'tenant', name: 'clinic' } as const;
  return {
    id: `evt_${n}`,
    at: toIso(nowMs),
    type,
    class: 6003,
    actor,
    subject: 'Workload/records',
    data: { n, pad: 'x'.repeat(100) },
  };
}

/** The answer of a server that shows the public files of a log. */
async function served(source: LogSource, path: string): Promise<Response> {
  const handle = (request: IncomingMessage, response: ServerResponse) => sendPublicFile(source, request, response);
  const server = await startPublicServer({ host: '127.0.0.1', port: 0, clock, log, handle });
  const answer = await fetch(server.url + path);
  await server.close();
  return answer;
}

function copy(to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(dir).filter((each) => each !== 'copy')) cpSync(join(dir, name), join(to, name));
}

/** One step of the pruner, signing meanwhile as the ledger's process does. */
async function prune(of: LedgerDirectory = ledger, by: Pick<BelievedTime, 'look'> = time): Promise<Pruner> {
  const pruner = new Pruner({
    dir,
    ledger: of,
    clock: pruningClock,
    time: by,
    log,
    holds: () => readHolds(dir),
    signal: ending.signal,
  });
  const stop = systemClock.every(5, () => of.sign().catch(() => undefined));
  // A policy counts once it has stood for an hour.
  await pruner.step();
  await pruner.step();
  stop();
  return pruner;
}

test('a policy that was just written drops nothing for an hour: one that is too short can be mended first', async () => {
  nowMs = BORN_MS + SIX_YEARS_MS;
  const before = firsts();
  let atMs = 0;
  const slowly = { ...clock, monotonicMs: () => atMs };
  const pruner = new Pruner({
    dir,
    ledger,
    clock: slowly,
    time,
    log,
    holds: () => [],
    signal: ending.signal,
  });
  const stepAt = async (minutes: number) => {
    atMs = minutes * 60_000;
    await pruner.step();
  };
  const stop = systemClock.every(5, () => ledger.sign().catch(() => undefined));
  for (const minutes of [0, 59]) await stepAt(minutes);
  writeFileSync(join(dir, 'retention.json'), '{ "keepDays": 2 }');
  for (const minutes of [60, 119]) await stepAt(minutes);
  expect(firsts()).toEqual(before);
  await stepAt(120);
  expect(firsts()).not.toEqual(before);
  stop();
});

test('nothing goes before its time, nothing at all without a policy, and then what is old, by whole segments', async () => {
  const before = firsts();
  nowMs = BORN_MS + SIX_YEARS_MS - 1;
  await prune();
  expect(firsts()).toEqual(before);
  nowMs += 1;
  rmSync(join(dir, 'retention.json'));
  await prune();
  expect(firsts()).toEqual(before);
  writeFileSync(join(dir, 'retention.json'), '{}');
  await prune();
  expect(firsts()[0]).toBeGreaterThan(0);
  expect(firsts()[0]).toBeLessThanOrEqual(PER_DAY);
  expect(before).toEqual(expect.arrayContaining(firsts()));
  // The entry that is to be kept keeps its segment.
  const [kept] = await ledger.store.read(firsts()[0]!, 1);
  expect(JSON.parse(kept!.toString()).data.n).toBe(firsts()[0]);
  expect(ledger.first()).toBe(firsts()[0]);
});

test('what was pruned is told as such; the same files without the entry about it are tampering', async () => {
  nowMs = BORN_MS + SIX_YEARS_MS;
  const whole = join(dir, 'copy');
  await prune();
  await ledger.sign();
  const first = ledger.first();
  const verdict = await verifyLedger(dir, { clock });
  expect(verdict).toMatchObject({ kind: 'intact', size: 2 * PER_DAY + 1, pruned: { before: first, by: 2 * PER_DAY } });
  // Somebody who drops one more segment, and knows how the hashes are kept.
  copy(whole);
  unlinkSync(join(whole, listSegments(whole)[0]!.name));
  expect(await verifyLedger(whole, { clock })).toMatchObject({ kind: 'tampered' });
  // The hashes of what is gone are held by the root.
  copy(whole);
  const hashes = readFileSync(join(whole, 'pruned'));
  hashes[hashes.length - 5]! ^= 1;
  writeFileSync(join(whole, 'pruned'), hashes);
  expect(await verifyLedger(whole, { clock })).toMatchObject({ kind: 'tampered', file: 'checkpoint' });
  rmSync(join(whole, 'pruned'));
  expect(await verifyLedger(whole, { clock })).toMatchObject({ kind: 'tampered' });
});

test('segments that go without an entry about it are tampering, however well it is done', async () => {
  const first = firsts()[1]!;
  await ledger.prune(first, BORN_MS);
  expect(await verifyLedger(dir, { clock })).toMatchObject({
    kind: 'tampered',
    reason: expect.stringContaining('no entry says that they were pruned'),
  });
});

test('after a pruning and a restart all that is left can be read, proven, checked, exported and verified again', async () => {
  nowMs = BORN_MS + SIX_YEARS_MS;
  await prune();
  await ledger.close();
  ledger = await open();
  const first = ledger.first();
  expect(first).toBeGreaterThan(0);
  const { size } = ledger.nodes;
  const root = ledger.nodes.tree.root();
  const minimum = Math.ceil(first / 256) * 256;
  for (const index of [minimum, minimum + 1, size - 1]) {
    const [entry] = await ledger.store.read(index, 1);
    const path = await ledger.nodes.inclusionProof(index, size);
    expect(verifyInclusion({ leaf: leafHash(entry!), index, size, path, root })).toBe(true);
  }
  const oldRoot = await ledger.nodes.rootAt(minimum + 3);
  const path = await ledger.nodes.consistencyProof(minimum + 3, size);
  expect(verifyConsistency({ oldSize: minimum + 3, oldRoot, newSize: size, newRoot: root, path })).toBe(true);
  await expect(ledger.store.read(first - 1, 1)).rejects.toMatchObject({ code: 'ledger.pruned' });

  const check = new SelfCheck(ledger, { clock, log });
  await check.step();
  expect(check.state()).toMatchObject({ rounds: 1 });
  expect(check.state().fault).toBeUndefined();

  await write('move.applied', 9000, 9100);
  await ledger.sign();
  const { source, keys } = await openSnapshot(dir, { clock });
  expect(await readMinimumIndex(source, size)).toBe(minimum);
  expect(await source.read('tile/entries/000', 1e7)).toBeUndefined();
  const { status } = await served(source, '/tile/entries/000');
  expect(status).toBe(410);
  expect((await served(source, '/tile/entries/999')).status).toBe(404);
  expect(await (await served(source, '/minimum-index')).text()).toBe(`${minimum}\n`);
  await expect(indexOfEvent(source, 'evt_0', size)).rejects.toMatchObject({ code: 'resource.unknown' });
  const out = join(dir, 'out');
  const policy = policyOfKey(keys[0]);
  await exportLog(source, policy, out);
  expect(existsSync(join(out, 'tile/entries/000'))).toBe(false);
  const indices: number[] = [];
  const verified = await verifyLog({
    source: folderSource(out),
    policy,
    onEntry: (_, index) => void indices.push(index),
  });
  expect(verified).toMatchObject({ kind: 'accepted', minimumIndex: minimum });
  expect(indices[0]).toBe(minimum);
  expect(await receiptOf(folderSource(out), size)).toBeDefined();
  const seen: number[] = [];
  for await (const { index } of readEntries(dir)) seen.push(index);
  expect(seen[0]).toBe(first);
  // The hashes that stand for what is gone are held by the root as well.
  const [partial = ''] = readdirSync(join(out, 'tile/1/000.p'));
  const tile = join(out, 'tile/1/000.p', partial);
  const bytes = readFileSync(tile);
  bytes[1]! ^= 1;
  writeFileSync(tile, bytes);
  await expect(verifyLog({ source: folderSource(out), policy })).rejects.toMatchObject({ kind: 'mismatch' });
});

test('a checkpoint from before is compared where that can still be done, and never passed over', async () => {
  const early = { size: 512, root: await ledger.nodes.rootAt(512) };
  const odd = { size: 300, root: await ledger.nodes.rootAt(300) };
  nowMs = BORN_MS + SIX_YEARS_MS;
  await prune();
  await ledger.sign();
  const { source, keys } = await openSnapshot(dir, { clock });
  const policy = policyOfKey(keys[0]);
  await verifyLog({ source, policy, previous: early });
  const forked = verifyLog({ source, policy, previous: { ...early, root: odd.root } });
  await expect(forked).rejects.toMatchObject({ kind: 'mismatch' });
  await expect(verifyLog({ source, policy, previous: odd })).rejects.toMatchObject({ kind: 'unreachable' });
});

test('a legal hold wins, of all or of a tenant, also when it comes after the announcement', async () => {
  nowMs = BORN_MS + SIX_YEARS_MS + 20 * DAY_MS;
  const before = firsts();
  const hold = { id: 'case-7', reason: 'lawsuit', by: 'maria', at: toIso(nowMs) };
  setHold(dir, hold);
  await prune();
  expect(firsts()).toEqual(before);
  liftHold(dir, 'case-7');
  setHold(dir, { ...hold, tenant: 'clinic' });
  await prune();
  expect(firsts()[0]).toBeGreaterThan(0);
  expect(firsts()[0]).toBeLessThanOrEqual(PER_DAY);
  const held = firsts();
  liftHold(dir, 'case-7');
  const late: LedgerDirectory = {
    ...ledger,
    covers: async (index, signal) => {
      await ledger.covers(index, signal);
      setHold(dir, hold);
    },
  };
  await prune(late);
  expect(firsts()).toEqual(held);
  liftHold(dir, 'case-7');
  await prune();
  expect(firsts().length).toBeLessThan(held.length);
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact' });
});

test('a type that is kept longer keeps what lies with it and behind it, one that is kept shorter goes earlier', async () => {
  nowMs = BORN_MS + 30 * DAY_MS;
  writeFileSync(join(dir, 'retention.json'), '{ "keepDays": 2196, "types": { "request.": 15, "request.served": 25 } }');
  await prune();
  expect(firsts()[0]).toBeGreaterThan(0);
  for (const text of ['{ "keepDaysx": 1 }', '{ "hotDays": 400 }', '{ "hotDays": -1 }', 'no JSON']) {
    writeFileSync(join(dir, 'retention.json'), text);
    expect((await prune()).fault).toContain('retention.json');
  }
});

test('a clock that was set back makes nothing older, neither now nor when entries were written', async () => {
  const before = firsts();
  nowMs = BORN_MS - 40 * 366 * DAY_MS;
  await prune();
  expect(firsts()).toEqual(before);
  // These were written with a clock of ten years ago, after entries of today.
  await write('request.served', 5000, 5000 + 2 * PER_DAY);
  nowMs = BORN_MS + SIX_YEARS_MS;
  await ledger.sign();
  await prune();
  expect(firsts()[0]).toBeLessThanOrEqual(PER_DAY);
});

test('a clock that runs ahead prunes nothing until it has been seen for 48 hours of running', async () => {
  const before = firsts();
  let monotonicMs = 0;
  const steady = { now: () => nowMs, monotonicMs: () => monotonicMs };
  const run = async (hours: number) => {
    for (let hour = 0; hour < hours; hour += 1) {
      nowMs += 3_600_000;
      monotonicMs += 3_600_000;
      await prune(ledger, believed);
    }
  };
  const believed = new BelievedTime({ dir, clock: steady });
  await run(60);
  nowMs += SIX_YEARS_MS;
  await run(47);
  expect(firsts()).toEqual(before);
  nowMs -= SIX_YEARS_MS;
  await run(60);
  expect(firsts()).toEqual(before);
  nowMs += SIX_YEARS_MS;
  await run(50);
  expect(firsts()[0]).toBeGreaterThan(0);
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact' });
});

test('cut off at any step, a pruning is finished or never was', async () => {
  nowMs = BORN_MS + SIX_YEARS_MS;
  // After the entry, before anything else: it is the same entry at the next try.
  const stopped: LedgerDirectory = { ...ledger, prune: async () => Promise.reject(new Error('power cut')) };
  expect((await prune(stopped)).fault).toBe('power cut');
  expect(firsts()[0]).toBe(0);
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact', size: 2 * PER_DAY + 1 });
  // After the hashes, before some of the files were removed: they are passed over, and go at the next opening.
  const old = listSegments(dir).map(({ name }) => [name, readFileSync(join(dir, name))] as const);
  await prune();
  expect(ledger.nodes.size).toBe(2 * PER_DAY + 1);
  const first = ledger.first();
  await ledger.close();
  for (const [name, bytes] of old) if (!existsSync(join(dir, name))) writeFileSync(join(dir, name), bytes);
  expect(firsts()[0]).toBe(0);
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact', pruned: { before: first } });
  ledger = await open();
  expect(firsts()[0]).toBe(first);
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact', pruned: { before: first } });
});

test('each tenant goes on with its own numbers after a pruning, also one of whom nothing is left', async () => {
  // Written by the form that numbers them; two tenants take turns, a third has spoken only at the beginning.
  await write('request.served', 6000, 6001, { tenant: 'gone' });
  for (let n = 0; n < 3 * PER_DAY; n += 100)
    await write('request.served', 7000 + n, 7100 + n, { tenant: n % 200 ? 'shop' : 'bank' });
  const of = (entry: Buffer) => JSON.parse(entry.toString()) as { tenant?: string; tseq?: number };
  const numbers = async (tenant: string) => {
    const last = (await ledger.store.read(ledger.store.size - 1, 1)).map(of)[0];
    expect(last?.tenant).toBe(tenant);
    return last?.tseq;
  };
  nowMs = BORN_MS + SIX_YEARS_MS + 60 * DAY_MS;
  await ledger.sign();
  const before = firsts().length;
  await prune();
  expect(firsts().length).toBeLessThan(before);
  expect(firsts()).toHaveLength(1);
  await ledger.close();
  ledger = await open();
  await write('request.served', 20_000, 20_001, { tenant: 'gone' });
  expect(await numbers('gone')).toBe(2);
  await write('request.served', 20_001, 20_002, { tenant: 'shop' });
  expect(await numbers('shop')).toBeGreaterThan(PER_DAY);
  await ledger.sign();
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact' });
  const { source, keys } = await openSnapshot(dir, { clock });
  const record = new RecordCheck();
  const faults: unknown[] = [];
  const onEntry = (entry: Uint8Array, index: number) => void faults.push(record.add(entry, leafHash(entry), index));
  await verifyLog({ source, policy: policyOfKey(keys[0]), onEntry });
  expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
});

test('segments that end within one tile are pruned one after the other', async () => {
  // About four entries a segment: many prunings fall into one tile.
  const pad = 'x'.repeat(30_000);
  nowMs = BORN_MS + 20 * DAY_MS;
  for (let n = 0; n < 40; n += 1)
    await ledger.sequencer.append([entryOf({ ...event('move.applied', 30_000 + n), data: { pad } })]);
  await ledger.sign();
  const borders = firsts().filter((first) => first > 2 * PER_DAY);
  expect(borders.length).toBeGreaterThan(5);
  for (const first of borders.slice(0, -1)) {
    await ledger.prune(first, nowMs);
    const root = ledger.nodes.tree.root();
    await ledger.close();
    ledger = await open();
    expect(ledger.first()).toBe(first);
    expect(ledger.nodes.tree.root()).toEqual(root);
  }
});

test('a ledger is verified, read and exported while it is pruned under the reader: intact, or pruned, and nothing else', async () => {
  const first = firsts().at(-1)!;
  await ledger.sequencer.append([entryOf(pruningEvent({ from: 0, first, segments: 1 }, clock))]);
  await ledger.sign();
  const under = join(dir, 'copy');
  copy(under);
  const before = listSegments(under).map(({ name }) => [name, readFileSync(join(under, name))] as const);
  await ledger.prune(first, nowMs);
  for (let moment = 0; moment < 24; moment += 2) {
    for (const [name, bytes] of before) writeFileSync(join(under, name), bytes);
    rmSync(join(under, 'pruned'), { force: true });
    const { source, keys } = await openSnapshot(under, { clock });
    const looks = [verifyLedger(under, { clock }), openSnapshot(under, { clock }), readAll(under)] as const;
    // What the ledger's process does, in its order, each time at another moment of the reading.
    const pruning = ticks(moment).then(() => {
      writePruned(under, readPruned(dir));
      for (const [name] of before.slice(0, -1)) rmSync(join(under, name));
    });
    const [verdict, snapshot, reading] = await Promise.all(looks);
    await pruning;
    expect(verdict).toMatchObject({ kind: 'intact' });
    expect(snapshot.size).toBe(ledger.nodes.size);
    expect(reading).toMatch(/^read|ledger\.pruned$/);
    // What was opened before is gone in part: that is told, and is no tampering.
    const exported = exportLog(source, policyOfKey(keys[0]), join(dir, `out-${moment}`));
    await expect(exported).rejects.toMatchObject({ code: 'ledger.pruned' });
  }
}, 120_000);

async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) await setImmediate();
}

async function readAll(of: string): Promise<string> {
  try {
    for await (const { index } of readEntries(of)) expect(index).toBeGreaterThanOrEqual(0);
    return 'read';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test('a hold on a data subject keeps what its tenant has', async () => {
  nowMs = BORN_MS + SIX_YEARS_MS + 20 * DAY_MS;
  const holds = () => [{ tenant: 'clinic', kid: 'k' }];
  const pruner = new Pruner({ dir, ledger, clock: pruningClock, time, log, holds, signal: ending.signal });
  const stop = systemClock.every(5, () => ledger.sign().catch(() => undefined));
  for (let i = 0; i < 2; i += 1) await pruner.step();
  stop();
  expect(ledger.first()).toBeGreaterThan(0);
  expect(ledger.first()).toBeLessThanOrEqual(PER_DAY);
});

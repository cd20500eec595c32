import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock, toIso } from '../../base/clock.ts';
import { createLog } from '../../base/log.ts';
import { entryOf } from '../event-form.ts';
import { type LedgerDirectory, openLedgerDirectory } from '../ledger-directory.ts';
import { exportLog } from '../log-export.ts';
import { SelfCheck } from '../self-check.ts';
import { listSegments } from '../segment-file.ts';
import { openSnapshot } from '../snapshot.ts';
import { folderSource } from '../tlog/folder-source.ts';
import { verifyLog } from '../tlog/log-verifier.ts';
import { policyOfKey } from '../tlog/policy.ts';
import { readEntries, verifyLedger } from '../verify.ts';
import { Tiering } from './tiering.ts';

const DAY_MS = 24 * 3_600_000;
const BORN_MS = Date.parse('2026-01-01T00:00:00Z');
const SEGMENT_BYTES = 128 * 1024;
const PER_BATCH = 100;
const BATCHES = 14;
const COUNT = PER_BATCH * BATCHES;

let root = '';
let dir = '';
let nowMs = BORN_MS;
let ledger: LedgerDirectory;
const ending = new AbortController();
const clock: Clock = { ...systemClock, now: () => nowMs };
const log = createLog('t', 'silent');

const open = () => openLedgerDirectory(dir, { clock, segmentBytes: SEGMENT_BYTES });
const tiering = () => new Tiering({ dir, store: ledger.store, clock, log, signal: ending.signal });
const tiers = () => listSegments(dir).map(({ tier }) => tier);

/** Five segments, seven days from the first entry to the last. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-tiering-'));
  dir = join(root, 'ledger');
  nowMs = BORN_MS;
  ledger = await open();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const events = Array.from({ length: PER_BATCH }, (_, n) => eventOf(batch * PER_BATCH + n));
    await ledger.sequencer.append(events.map((event) => entryOf(event)));
    nowMs += DAY_MS / 2;
  }
  await ledger.sign();
});
afterEach(async () => {
  await ledger.close();
  rmSync(root, { recursive: true });
});

function eventOf(n: number) {
  const actor = { kind: 'tenant', name: 'clinic' } as const;
  const data = { n, route: 'GET /v1/patients/{id}/records', pad: 'x'.repeat(100) };
  const rest = { type: 'request.served', class: 6003, actor, subject: 'Workload/records', tenant: 'clinic', data };
  return { id: `evt_${n}`, at: toIso(nowMs), ...rest };
}

test('segments become warm and cold at their age, also without a policy, and the one that is written to never', async () => {
  nowMs = BORN_MS + 89 * DAY_MS;
  await tiering().step();
  expect(tiers()).toEqual(['hot', 'hot', 'hot', 'hot', 'hot']);
  nowMs = BORN_MS + 93.2 * DAY_MS;
  await tiering().step();
  expect(tiers()).toEqual(['warm', 'warm', 'hot', 'hot', 'hot']);
  nowMs = BORN_MS + 370.9 * DAY_MS;
  await tiering().step();
  expect(tiers()).toEqual(['cold', 'cold', 'cold', 'warm', 'hot']);
});

test('a policy has other times, and one that cannot be used changes nothing', async () => {
  writeFileSync(join(dir, 'retention.json'), '{ "hotDays": 20, "warmDays": 10 }');
  nowMs = BORN_MS + 400 * DAY_MS;
  const worker = tiering();
  await worker.step();
  expect(worker.fault).toContain('hotDays is not more than warmDays');
  expect(tiers()).not.toContain('cold');
  writeFileSync(join(dir, 'retention.json'), '{ "hotDays": 0, "warmDays": 500 }');
  await worker.step();
  expect(worker.fault).toBeUndefined();
  expect(tiers()).toEqual(['warm', 'warm', 'warm', 'warm', 'hot']);
});

test('a ledger with tiers is verified, checked by itself, exported, read and continued as one without', async () => {
  const before = ledger.nodes.tree.root();
  const entriesBefore: unknown[] = [];
  for await (const { event } of readEntries(dir)) entriesBefore.push(event);
  nowMs = BORN_MS + 370 * DAY_MS;
  await tiering().step();
  expect(new Set(tiers())).toEqual(new Set(['hot', 'warm', 'cold']));
  const check = new SelfCheck(ledger, { clock, log });
  await check.step();
  expect(check.state()).toMatchObject({ rounds: 1, coverage: 1 });
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact', size: COUNT });
  const entries: unknown[] = [];
  for await (const { event } of readEntries(dir)) entries.push(event);
  expect(entries).toEqual(entriesBefore);
  const { source, keys } = await openSnapshot(dir, { clock });
  const policy = policyOfKey(keys[0]);
  await exportLog(source, policy, join(root, 'export'));
  const verified = await verifyLog({ source: folderSource(join(root, 'export')), policy });
  expect(verified.checkpoint.root.equals(before)).toBe(true);
  await ledger.close();
  ledger = await open();
  expect(ledger.nodes.tree.root().equals(before)).toBe(true);
  await ledger.sequencer.append([entryOf(eventOf(COUNT))]);
  await ledger.sign();
  expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact', size: COUNT + 1 });
});

test('one changed byte anywhere in a compressed segment is found by the verifier, the self-check and the next start', async () => {
  nowMs = BORN_MS + 370 * DAY_MS;
  await tiering().step();
  const copy = join(root, 'copy');
  const segments = listSegments(dir);
  for (const { name } of [segments[0]!, segments.find(({ tier }) => tier === 'warm')!]) {
    const sound = readFileSync(join(dir, name));
    for (let place = 0; place < 12; place += 1) {
      const at = Math.floor((sound.length * (place + 0.5)) / 12);
      const bytes = Buffer.from(sound);
      bytes[at]! ^= 1 << (place % 8);
      cpSync(dir, copy, { recursive: true });
      for (const left of readdirSync(copy).filter((each) => each.startsWith('lock'))) rmSync(join(copy, left));
      writeFileSync(join(copy, name), bytes);
      expect(await verifyLedger(copy, { clock }), `${name} at ${at}`).toMatchObject({ kind: 'tampered', file: name });
      if (place % 6 > 0) continue;
      const opened = openLedgerDirectory(copy, { clock, segmentBytes: SEGMENT_BYTES });
      await expect(opened).rejects.toMatchObject({ code: 'ledger.tampered' });
      writeFileSync(join(dir, name), bytes);
      const check = new SelfCheck(ledger, { clock, log });
      await check.step();
      expect(check.state().fault, `${name} at ${at}`).toBeDefined();
      writeFileSync(join(dir, name), sound);
    }
  }
});

test('a ledger is verified while its segments are compressed under the verifier', async () => {
  nowMs = BORN_MS + 370 * DAY_MS;
  const packing = { isDone: false };
  const packed = tiering()
    .step()
    .then(() => {
      packing.isDone = true;
    });
  let looks = 0;
  do {
    expect(await verifyLedger(dir, { clock })).toMatchObject({ kind: 'intact', size: COUNT });
    looks += 1;
  } while (!packing.isDone);
  await packed;
  expect(looks).toBeGreaterThan(1);
  expect(tiers()).toContain('cold');
});

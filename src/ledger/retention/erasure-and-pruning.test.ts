import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock, toIso } from '../../base/clock.ts';
import type { Actor, NewEvent } from '../entry.ts';
import type { PayloadPlace } from '../entry-store.ts';
import { entryOf } from '../event-form.ts';
import { type LedgerDirectory, openLedgerDirectory } from '../ledger-directory.ts';
import { listSegments } from '../segment-file.ts';
import { tenantRecord, verifyTenantRecord } from '../tenant-record.ts';
import { policyOfKey } from '../tlog/policy.ts';
import { verifyLedger } from '../verify.ts';
import { pruningEvent } from './pruning-entry.ts';

const BASIS = 'GDPR Art. 17(1)(b)';
const KID = 'k-of-a-patient';
const NOBODY = { kind: 'system', name: 'ledger' } as const;
const clock = systemClock;

let dir = '';
let ledger: LedgerDirectory;
let count = 0;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kin-boundary-'));
  count = 0;
  ledger = await openLedgerDirectory(dir, { clock, segmentBytes: 128 * 1024 });
});
afterEach(async () => {
  await ledger.close();
  rmSync(dir, { recursive: true });
});

async function add(type: string, actor: Actor, data: NewEvent['data'], kid?: string): Promise<number> {
  count += 1;
  const bytes = randomBytes(90);
  const note = {
    r: 'subject',
    k: kid ?? '',
    a: 'A256GCM',
    c: hash('sha256', bytes, 'base64'),
    n: bytes.length,
  } as const;
  const rest = { type, class: 6005, actor, subject: 'Erasure/era_1', tenant: 'clinic', data };
  const event = { id: `evt_${count}`, at: toIso(clock.now()), ...rest };
  const [index = 0] = await ledger.sequencer.append([entryOf(event, kid === undefined ? [] : [{ note, bytes }])]);
  return index;
}

const served = (kid?: string) => add('request.served', { kind: 'tenant', name: 'clinic' }, {}, kid);
const asked = (what: 'requested' | 'approved', name: string) =>
  add(`erasure.${what}`, { kind: 'operator', name }, { request: 'era_1', legalBasis: BASIS });
const destroyed = () => add('key.destroyed', NOBODY, { request: 'era_1', legalBasis: BASIS, kids: [KID] });

/** From here on, entries are in a segment of their own. */
async function nextSegment(): Promise<number> {
  const before = listSegments(dir).length;
  while (listSegments(dir).length === before) await add('move.applied', NOBODY, { fill: 'x'.repeat(40_000) });
  return listSegments(dir).at(-1)!.first;
}

async function erase(...entries: readonly number[]): Promise<void> {
  const places: PayloadPlace[] = entries.map((index) => ({ index, payload: 0 }));
  await ledger.store.erasePayloads(places);
}

async function pruneBefore(first: number): Promise<void> {
  await ledger.sequencer.append([entryOf(pruningEvent({ from: ledger.first(), first, segments: 1 }, clock))]);
  await ledger.sign();
  await ledger.prune(first, clock.now());
}

test('what was erased stays lawfully erased when the request, or request and approval, are pruned and a payload is not', async () => {
  const early = await served(KID);
  await asked('requested', 'anna');
  const second = await nextSegment();
  const late = await served(KID);
  await asked('approved', 'ben');
  const third = await nextSegment();
  for (let n = 0; n < 300; n += 1) await served();
  const later = await served(KID);
  const entry = await destroyed();
  await erase(early, late, later);
  await ledger.sign();
  const erasure = { entry, request: 'era_1', legalBasis: BASIS };
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', erasures: [{ ...erasure, payloads: 3 }] });
  await pruneBefore(second);
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', erasures: [{ ...erasure, payloads: 2 }] });
  await pruneBefore(third);
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', erasures: [{ ...erasure, payloads: 1 }] });
  const lines: string[] = [];
  for await (const line of tenantRecord(dir, 'clinic', { clock, payloads: true })) lines.push(line);
  const record = verifyTenantRecord(lines.join(''), policyOfKey(ledger.key));
  expect(record).toMatchObject({ kind: 'intact', erasures: [{ ...erasure, payloads: 1 }] });
});

test('a payload that is gone without an erasure is tampering after a pruning too, and so is one that its asker approved', async () => {
  await served();
  const first = await nextSegment();
  const gone = await served(KID);
  await ledger.sign();
  await pruneBefore(first);
  await erase(gone);
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', index: gone });
  await asked('requested', 'anna');
  await asked('approved', 'anna');
  await destroyed();
  await ledger.sign();
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', index: gone });
});

test('without a pruning, a key that was destroyed without a request excuses nothing', async () => {
  const gone = await served(KID);
  await destroyed();
  await erase(gone);
  await ledger.sign();
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', index: gone });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, toIso } from '../../src/base/clock.ts';
import type { EntryStore, EntryToStore } from '../../src/ledger/entry-store.ts';
import { createLog } from '../../src/base/log.ts';
import { Pruner } from '../../src/ledger/retention/pruner.ts';
import { SelfCheck } from '../../src/ledger/self-check.ts';
import { openLedgerDirectory } from '../../src/ledger/ledger-directory.ts';
import { openPostgresqlStorage } from '../../src/ledger/postgresql-storage.ts';
import { SegmentStore } from '../../src/ledger/segment-store.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../src/store/throwaway-postgres.ts';
import { describeEntryStore, type StoreUnderTest } from './entry-store.ts';

function listener() {
  const heard: string[] = [];
  return { heard, onEntry: (bytes: Buffer) => void heard.push(bytes.toString()) };
}

async function inFiles(): Promise<StoreUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'kin-conform-'));
  const files = () => readdirSync(dir).filter((name) => name.endsWith('.segment'));
  const flipLast = (needle: string) => {
    const path = join(dir, files().toSorted().at(-1)!);
    const bytes = readFileSync(path);
    const at = bytes.lastIndexOf(needle);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(path, bytes);
  };
  return {
    async open(signedSize = 0) {
      const { heard, onEntry } = listener();
      return { store: await SegmentStore.open(dir, { signedSize, onEntry, segmentBytes: 128 * 1024 }), heard };
    },
    damageLastEntry: async () => flipLast('}'),
    damageLastPayload: async () => flipLast('two'),
    holds: async (text) => files().some((name) => readFileSync(join(dir, name)).includes(text)),
    close: async () => rmSync(dir, { recursive: true }),
  };
}

let server: ThrowawayPostgres;
beforeAll(async () => {
  server = await startThrowawayPostgres();
});
afterAll(() => server.close());

async function query<Row extends object>(text: string): Promise<Row[]> {
  const connection = server.connection;
  const client = new pg.Client('connectionString' in connection ? connection : { ...connection });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

async function inPostgresql(): Promise<StoreUnderTest> {
  const opened: { close(): Promise<void> }[] = [];
  const flip = (column: string, at: string) =>
    `set ${column} = set_byte(${column}, ${at}, get_byte(${column}, ${at}) # 1)`;
  return {
    async open(signedSize = 0) {
      const storage = await openPostgresqlStorage({ connection: server.connection, vkey: 'key', birthNote: 'born' });
      opened.push(storage);
      const { heard, onEntry } = listener();
      return { store: await storage.openStore({ signedSize, onEntry }), heard };
    },
    async damageLastEntry() {
      await query(
        `update ledger_group ${flip('frame', 'length(frame) - 1')} where first = (select max(first) from ledger_group)`,
      );
    },
    async damageLastPayload() {
      await query(`update ledger_payload ${flip('bytes', '0')} where entry = (select max(entry) from ledger_payload)`);
    },
    async holds(text) {
      const rows = await query<{ found: boolean }>(
        `select bytes is not null and position('${text}'::bytea in bytes) > 0 as found from ledger_payload`,
      );
      return rows.some(({ found }) => found);
    },
    async close() {
      for (const storage of opened) await storage.close();
      await query('truncate ledger_head, ledger_group, ledger_payload');
    },
  };
}

/** A rejection promises that the entry is not in the log, so it may be sent again. */
async function appendAtLast(store: EntryStore, entry: EntryToStore): Promise<void> {
  for (;;) {
    try {
      return await store.append([entry]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'state.unwritable' });
      await systemClock.sleep(20);
    }
  }
}

function eventOf(n: number, nowMs: number) {
  const fill = 'x'.repeat(600);
  const event = { id: `e${n}`, at: toIso(nowMs), type: 'request.served', data: { fill } };
  return { id: event.id, bytes: Buffer.from(JSON.stringify(event)) };
}

describeEntryStore('in files', inFiles);
describeEntryStore('in PostgreSQL', inPostgresql);

describe('a ledger in PostgreSQL', () => {
  it('has one writer: who was taken over from writes and signs nothing any more', async () => {
    const open = () => openPostgresqlStorage({ connection: server.connection, vkey: 'key', birthNote: 'born' });
    const first = await open();
    const store = await first.openStore({ signedSize: 0, onEntry: () => undefined });
    await store.append([{ bytes: Buffer.from('{"a"}') }]);
    await first.replaceNote('born', 'first head');
    const second = await open();
    expect(second.note).toBe('first head');
    await expect(store.append([{ bytes: Buffer.from('{"b"}') }])).rejects.toMatchObject({ code: 'ledger.superseded' });
    await expect(first.replaceNote('first head', 'fork')).rejects.toMatchObject({ code: 'ledger.superseded' });
    await expect(second.replaceNote('born', 'fork')).rejects.toMatchObject({ code: 'ledger.superseded' });
    const newer = await second.openStore({ signedSize: 1, onEntry: () => undefined });
    await newer.append([{ bytes: Buffer.from('{"c"}') }]);
    expect((await newer.read(0, 9)).map(String)).toEqual(['{"a"}', '{"c"}']);
    const stranger = openPostgresqlStorage({ connection: server.connection, vkey: 'other', birthNote: 'born' });
    await expect(stranger).rejects.toMatchObject({ code: 'request.invalid' });
    await newer.append([{ bytes: Buffer.from('{"d"}') }]);
    await Promise.all([first.close(), second.close()]);
    await query('truncate ledger_head, ledger_group, ledger_payload');
  });

  it('finds out what became of a group when the server went away while it was written', async () => {
    const storage = await openPostgresqlStorage({ connection: server.connection, vkey: 'key', birthNote: 'born' });
    const store = await storage.openStore({ signedSize: 0, onEntry: () => undefined });
    let acknowledged = 0;
    for (let round = 0; round < 2; round += 1) {
      let restarted: Promise<void> = Promise.resolve();
      for (let n = 0; n < 40; n += 1) {
        if (n === 10) restarted = server.stop('SIGKILL').then(() => server.start());
        await appendAtLast(store, { bytes: Buffer.from(`{"${round} ${n}"}`) });
        acknowledged += 1;
      }
      await restarted;
    }
    expect([acknowledged, store.size]).toEqual([80, 80]);
    const again = await openPostgresqlStorage({ connection: server.connection, vkey: 'key', birthNote: 'born' });
    const heard: string[] = [];
    await again.openStore({ signedSize: 0, onEntry: (bytes) => void heard.push(bytes.toString()) });
    expect(heard).toEqual(Array.from({ length: 80 }, (_, n) => `{"${Math.floor(n / 40)} ${n % 40}"}`));
    await Promise.all([storage.close(), again.close()]);
    await query('truncate ledger_head, ledger_group, ledger_payload');
  });

  it('is pruned after its retention as one in files is: hashes and proofs stay, rows and payloads go, for good', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kin-pg-'));
    const storage = { kind: 'postgresql', connection: server.connection } as const;
    let nowMs = Date.parse('2026-01-01T00:00:00Z');
    const clock = { ...systemClock, now: () => nowMs };
    const open = () => openLedgerDirectory(dir, { clock, storage, segmentBytes: 128 * 1024 });
    let ledger = await open();
    const secret = Buffer.from('sealed, and old');
    for (let n = 0; n < 1500; n += 50) {
      const entries = Array.from({ length: 50 }, (_, at) => eventOf(n + at, nowMs));
      await ledger.sequencer.append(
        entries.map((entry, at) => (n + at === 3 ? { ...entry, payloads: [secret] } : entry)),
      );
      if (n === 950) nowMs += 40 * 24 * 3_600_000;
    }
    await ledger.sign();
    const root = ledger.nodes.tree.root();
    const before = await ledger.store.segments();
    expect(before.length).toBeGreaterThan(3);
    expect(before.map(({ first }) => first).slice(1)).toEqual(before.slice(0, -1).map(({ next }) => next));
    writeFileSync(join(dir, 'retention.json'), '{ "keepDays": 30 }');
    const prune = async () => {
      const { signal } = new AbortController();
      const time = { look: () => nowMs };
      let ranMs = 0;
      const hourly = { ...clock, monotonicMs: () => (ranMs += 3_600_000) };
      const pruner = new Pruner({
        dir,
        ledger,
        clock: hourly,
        time,
        log: createLog('t', 'silent'),
        holds: () => [],
        signal,
      });
      const stop = systemClock.every(5, () => ledger.sign().catch(() => undefined));
      await pruner.step();
      await pruner.step();
      stop();
      expect(pruner.fault).toBeUndefined();
    };
    await prune();
    const first = ledger.first();
    expect(first).toBeGreaterThan(256);
    expect(first).toBeLessThanOrEqual(1000);
    for (const again of [false, true]) {
      if (again) {
        await ledger.close();
        ledger = await open();
      }
      expect(ledger.first()).toBe(first);
      expect(await ledger.nodes.rootAt(1500)).toEqual(root);
      await expect(ledger.store.read(first - 1, 1)).rejects.toMatchObject({ code: 'ledger.pruned' });
      await expect(ledger.store.payloadsOf(3)).rejects.toMatchObject({ code: 'ledger.pruned' });
      expect((await ledger.store.read(first, 1)).map(String)[0]).toContain(`"id":"e${first}"`);
      const check = new SelfCheck(ledger, { clock, log: createLog('t', 'silent') });
      await check.step();
      expect(check.state()).toMatchObject({ rounds: 1, coverage: 1 });
    }
    const rows = await query<{ groups: number; payloads: number; bytes: number; left: number }>(
      `select (select count(*) from ledger_group where first < ${first})::int as groups,
        (select count(*) from ledger_payload)::int as payloads, bytes::int as bytes,
        (select sum(length(frame)) from ledger_group)::int as left from ledger_head`,
    );
    expect(rows).toEqual([{ groups: 0, payloads: 0, bytes: ledger.store.bytes, left: ledger.store.bytes }]);
    await ledger.close();
    await query('truncate ledger_head, ledger_group, ledger_payload');
    rmSync(dir, { recursive: true });
  });

  it('is pruned by its writer alone, and also when the server goes away while that is done', async () => {
    const open = () => openPostgresqlStorage({ connection: server.connection, vkey: 'key', birthNote: 'born' });
    const storage = await open();
    const store = await storage.openStore({ signedSize: 0, onEntry: () => undefined });
    for (let n = 0; n < 10; n += 1) await store.append([{ bytes: Buffer.from(`{"${n}"}`) }]);
    const prefix = (first: number) => ({ first, latestMs: 1, chains: {}, hashes: Buffer.alloc(first * 32, 7) });
    const restarted = server.stop('SIGKILL').then(() => server.start());
    await storage.prune(prefix(4));
    await restarted;
    expect(storage.pruned().first).toBe(4);
    expect((await store.read(4, 9)).map(String)).toEqual(['{"4"}', '{"5"}', '{"6"}', '{"7"}', '{"8"}', '{"9"}']);
    const other = await open();
    expect(other.pruned()).toEqual(prefix(4));
    await expect(storage.prune(prefix(6))).rejects.toMatchObject({ code: 'ledger.superseded' });
    const heard: string[] = [];
    await other.openStore({ signedSize: 10, onEntry: (bytes) => void heard.push(bytes.toString()) });
    expect(heard).toHaveLength(6);
    await Promise.all([storage.close(), other.close()]);
    await query('truncate ledger_head, ledger_group, ledger_payload');
  });

  it('signs and goes on in the next process as one in files does, and is not taken for one in files', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kin-pg-'));
    const options = { clock: systemClock, storage: { kind: 'postgresql', connection: server.connection } } as const;
    const entries = (from: number) =>
      Array.from({ length: 5 }, (_, n) => ({ id: `e${from + n}`, bytes: Buffer.from(`{"id":"e${from + n}"}`) }));
    const first = await openLedgerDirectory(dir, options);
    expect(await first.sequencer.append(entries(0))).toEqual([0, 1, 2, 3, 4]);
    await first.sign();
    await first.close();
    const second = await openLedgerDirectory(dir, options);
    expect(second.signed().checkpoint.size).toBe(5);
    expect(await second.sequencer.append([...entries(3)])).toEqual([3, 4, 5, 6, 7]);
    await second.close();
    await expect(openLedgerDirectory(dir, { clock: systemClock })).rejects.toMatchObject({ code: 'request.invalid' });
    await expect(verifyLedger(dir)).rejects.toMatchObject({ code: 'request.invalid' });
    await query('truncate ledger_head, ledger_group, ledger_payload');
    rmSync(dir, { recursive: true });
  });
});

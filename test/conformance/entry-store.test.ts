import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { EntryStore, EntryToStore } from '../../src/ledger/entry-store.ts';
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

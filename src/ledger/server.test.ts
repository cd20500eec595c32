import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { socketClient } from '../base/socket-http.ts';
import { parseCheckpoint } from './tlog/checkpoint.ts';
import { type IndexedEvent, type LedgerClient, ledgerClient } from './client.ts';
import type { LedgerEvent } from './entry.ts';
import { scanSegment } from './frame.ts';
import { verifyInclusion } from './tlog/merkle-proof.ts';
import { leafHash } from './tlog/merkle-tree.ts';
import type { SelfCheckState } from './self-check.ts';
import { type LedgerOptions, type RunningLedger, startLedger } from './server.ts';
import { httpSource } from './tlog/http-source.ts';
import { verifyLog } from './tlog/log-verifier.ts';
import { parseVkey } from './tlog/note-key.ts';
import { policyOfKey } from './tlog/policy.ts';
import { openNote } from './tlog/signed-note.ts';
import { parseProof, verifyProof } from './tlog/tlog-proof.ts';
import { readEntries, verifyLedger } from './verify.ts';

const FIRST = '0000000000000000.segment';
const PROCESS = join(import.meta.dirname, '../../test/fixtures/ledger-process.ts');

let root = '';
let dir = '';
let socketPath = '';
let client: LedgerClient;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-led-'));
  dir = join(root, 'ledger');
  socketPath = join(root, 'ledger.sock');
  client = ledgerClient(socketPath);
});
afterEach(async () => {
  await client.close();
  rmSync(root, { recursive: true });
});

const start = (more: Partial<LedgerOptions> = {}) =>
  startLedger({
    ...more,
    dir,
    socketPath,
    clock: systemClock,
    log: createLog('ledger', 'silent'),
    segmentBytes: 128 * 1024,
  });

const event = (id: string): LedgerEvent => ({
  id,
  at: '2026-01-02T03:04:05.678Z',
  type: 'request.served',
  class: 6003,
  actor: { kind: 'tenant', name: 'clinic' },
  subject: 'Workload/records',
  tenant: 'clinic',
  data: { status: 200, text: 'zwölf – "€"' },
});

/** The bytes of an entry: whatever reads it writes it the same. */
async function stored(index: number): Promise<Buffer> {
  return Buffer.from(JSON.stringify((await client.entries(index, 1))[0]?.event));
}

async function text(path: string): Promise<{ status: number; body: string }> {
  const dispatcher = new Agent({ connect: { socketPath } });
  const answer = await request(`http://ledger${path}`, { dispatcher });
  const body = await answer.body.text();
  await dispatcher.destroy();
  return { status: answer.statusCode, body };
}

describe('the ledger process', () => {
  let ledger: RunningLedger;
  beforeEach(async () => {
    ledger = await start();
  });
  afterEach(() => ledger.close());

  it('appends, reads back and answers the same for the same ids', async () => {
    const events = [event('a'), event('b')];
    expect(await client.append(events)).toEqual({ indices: [0, 1] });
    expect(await client.append([event('b'), event('c')])).toEqual({ indices: [1, 2] });
    expect(await client.entries(1, 10)).toMatchObject([
      { index: 1, event: { ...event('b'), v: 2, tseq: 2 } },
      { index: 2, event: { ...event('c'), v: 2, tseq: 3 } },
    ]);
    expect(await client.entries(3, 10)).toEqual([]);
  });

  it('takes more events in one call than one request holds', async () => {
    const answer = await client.append(Array.from({ length: 1001 }, (_, i) => event(`e${i}`)));
    expect(answer.indices).toEqual(Array.from({ length: 1001 }, (_, i) => i));
  });

  it('has a signed checkpoint at birth and one of what is new within about a second', async () => {
    const key = parseVkey(ledger.vkey)!;
    const sizeOf = async () => {
      const opened = openNote(await client.checkpoint(), [key]);
      return opened.kind === 'signed' ? parseCheckpoint(opened.text)?.size : undefined;
    };
    expect(await sizeOf()).toBe(0);
    await client.append([event('a')]);
    const deadline = systemClock.deadline(5000);
    while ((await sizeOf()) !== 1) await systemClock.sleep(20, deadline);
    expect((await text('/v1/checkpoint')).body).toBe(await client.checkpoint());
    await client.appendSigned([event('b')]);
    expect(await sizeOf()).toBe(2);
    await client.appendSigned([]);
  });

  it('proves an entry against the root of any size', async () => {
    await client.append(Array.from({ length: 9 }, (_, i) => event(`e${i}`)));
    const http = socketClient(socketPath, 'ledger.unreachable');
    type Proof = { index: number; size: number; root: string; path: string[] };
    const proof = await http.call<Proof>('GET', '/v1/proof?index=4&size=9');
    const bytes = (one: string) => Buffer.from(one, 'base64');
    const leaf = leafHash(await stored(4));
    const { index, size, root: proven, path } = proof;
    expect(verifyInclusion({ leaf, index, size, path: path.map(bytes), root: bytes(proven) })).toBe(true);
    await expect(http.call('GET', '/v1/proof?index=9&size=9')).rejects.toMatchObject({ code: 'request.invalid' });
    await expect(http.call('GET', '/v1/proof?index=1&size=10')).rejects.toMatchObject({ code: 'request.invalid' });
    await expect(http.call('GET', '/v1/entries?from=-1')).rejects.toMatchObject({ code: 'request.invalid' });
    await http.close();
  });

  it('serves the public files of what is signed, with headers for caches', async () => {
    await client.appendSigned(Array.from({ length: 300 }, (_, i) => event(`e${i}`)));
    const key = parseVkey(ledger.vkey)!;
    const source = httpSource({ url: 'http://ledger', socketPath });
    expect(await verifyLog({ source, policy: policyOfKey(key) })).toMatchObject({ checkpoint: { size: 300 } });
    const get = async (path: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' | 'PUT' = 'GET') => {
      const dispatcher = new Agent({ connect: { socketPath } });
      const answer = await request(`http://ledger${path}`, { dispatcher, headers, method });
      const body = Buffer.from(await answer.body.arrayBuffer());
      await dispatcher.destroy();
      return { status: answer.statusCode, headers: answer.headers, body };
    };
    const forever = 'public, max-age=31536000, immutable';
    const checkpoint = await get('/checkpoint');
    expect(checkpoint.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8' });
    expect(checkpoint.headers['cache-control']).toBe('public, max-age=1');
    const tile = await get('/tile/0/001.p/44', { 'accept-encoding': 'gzip' });
    expect(tile.headers).toMatchObject({ 'content-type': 'application/octet-stream', 'cache-control': forever });
    expect(tile.headers['content-encoding']).toBeUndefined();
    expect(tile.body).toHaveLength(44 * 32);
    expect((await get('/tile/0/001.p/7')).body).toEqual(tile.body.subarray(0, 7 * 32));
    const bundle = await get('/tile/entries/000');
    const packed = await get('/tile/entries/000', { 'accept-encoding': 'br, gzip;q=0.5' });
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(gunzipSync(packed.body)).toEqual(bundle.body);
    const refused = await get('/tile/entries/000', { 'accept-encoding': 'gzip;q=0' });
    expect(refused.headers['content-encoding']).toBeUndefined();
    const head = await get('/tile/0/000', {}, 'HEAD');
    expect([head.headers['content-length'], head.body.length]).toEqual(['8192', 0]);
    expect((await get('/tile/0/000', {}, 'PUT')).status).toBe(405);
    for (const path of ['/tile/0/001', '/tile/0/001.p/45', '/tile/0/000.p/256', '/tile/2/000', '/tile/x', '/tile/']) {
      const answer = await get(path);
      expect([answer.status, answer.headers['cache-control']], path).toEqual([404, 'no-store']);
    }
  });

  it('gives a receipt by the id of an event as soon as that is signed', async () => {
    await client.append([event('a'), event('b')]);
    const { status, body } = await text('/v1/receipt?id=b');
    expect(status).toBe(200);
    const leaf = leafHash(await stored(1));
    const policy = policyOfKey(parseVkey(ledger.vkey)!);
    expect(verifyProof(parseProof(body)!, leaf, policy)).toMatchObject({ kind: 'proven', index: 1 });
    expect((await text('/v1/receipt?id=c')).status).toBe(404);
  });

  it('streams what is there and then what comes, until the reader has enough', async () => {
    await client.append([event('a'), event('b')]);
    const enough = new AbortController();
    const seen: IndexedEvent[] = [];
    for await (const one of client.tail(1, enough.signal)) {
      seen.push(one);
      if (one.index === 1) await client.append([event('c')]);
      if (one.index === 2) await client.append([event('d')]);
      if (one.index === 3) enough.abort();
    }
    expect(seen.map(({ index, event }) => `${index}${event.id}`)).toEqual(['1b', '2c', '3d']);
  });

  it('refuses malformed events by position and field, and too large ones', async () => {
    const { subject: _, ...without } = event('b');
    const bad = client.append([event('a'), without as LedgerEvent]);
    await expect(bad).rejects.toMatchObject({ code: 'request.invalid', details: { position: 1, field: 'subject' } });
    const large = client.append([{ ...event('a'), data: { text: 'x'.repeat(65_536) } }]);
    await expect(large).rejects.toMatchObject({ code: 'ledger.entry-too-large' });
    expect(await client.entries(0, 10)).toEqual([]);
  });

  it('tells how it is', async () => {
    await client.append([event('a')]);
    expect(await text('/livez')).toEqual({ status: 200, body: 'ok\n' });
    expect(await text('/readyz')).toEqual({ status: 200, body: 'ok\n' });
    const { body } = await text('/metrics');
    for (const name of ['entries 1', 'commits 1', 'queue_entries 0', 'checkpoint_size ']) {
      expect(body).toContain(`kintsugi_ledger_${name}`);
    }
    expect((await text('/nothing')).status).toBe(404);
  });

  it('finds damage in the frame that it read last', async () => {
    await client.append(Array.from({ length: 256 }, (_, i) => event(`e${i}`)));
    const deadline = systemClock.deadline(10_000);
    while ((await text('/v1/self-check')).body.includes('"rounds":0')) await systemClock.sleep(20, deadline);
    const bytes = await readFile(join(dir, FIRST));
    await writeFile(join(dir, FIRST), bytes.fill('X', 200, 201));
    while ((await text('/readyz')).status === 200) await systemClock.sleep(20, deadline);
    expect((await text('/readyz')).body).toMatch(/^entry 0: /);
  });

  it('reads itself again, and tells where the disk is not what was written', async () => {
    await client.append(Array.from({ length: 700 }, (_, i) => event(`e${i}`)));
    const state = async () => JSON.parse((await text('/v1/self-check')).body) as SelfCheckState;
    const until = async (holds: (state: SelfCheckState) => boolean) => {
      const deadline = systemClock.deadline(10_000);
      for (let now = await state(); ; now = await state()) {
        if (holds(now)) return now;
        await systemClock.sleep(20, deadline);
      }
    };
    await until(({ rounds, size }) => rounds > 0 && size === 700);
    expect((await text('/readyz')).status).toBe(200);
    const [second = ''] = readdirSync(dir)
      .filter((name) => name.endsWith('.segment'))
      .slice(1);
    const first = Number(second.slice(0, 16));
    const bytes = await readFile(join(dir, second));
    await writeFile(join(dir, second), bytes.fill('X', 200, 201));
    const { fault } = await until((now) => now.fault !== undefined);
    expect(fault?.index).toBe(first);
    expect((await text('/readyz')).status).toBe(503);
    expect((await text('/metrics')).body).toContain('kintsugi_ledger_self_check_faults 1');
  });

  it('signs what is acknowledged when it closes, ends streams, and is then unreachable', async () => {
    const stream = (async () => {
      const ids: string[] = [];
      for await (const one of client.tail(0, systemClock.deadline(10_000))) ids.push(one.event.id);
      return ids;
    })();
    await client.append([event('a'), event('b')]);
    await ledger.close();
    expect(await verifyLedger(dir, { publicKey: ledger.vkey })).toMatchObject({ kind: 'intact', size: 2, unsigned: 0 });
    expect(await stream).toEqual(['a', 'b']);
    await expect(client.append([event('c')])).rejects.toMatchObject({ code: 'ledger.unreachable' });
    ledger = await start();
    expect(await client.append([event('c')])).toEqual({ indices: [2] });
  });
});

it('records that it starts and stops, where that is asked of it', async () => {
  const first = await start({ recordsTurns: true });
  await client.append([event('a')]);
  await first.close();
  const second = await start({ recordsTurns: true });
  const told = await client.entries(0, 10);
  expect(told.map((each) => [each.event.type, each.event.data['atIndex']])).toEqual([
    ['ledger.started', 0],
    [event('a').type, undefined],
    ['ledger.stopped', 2],
    ['ledger.started', 3],
  ]);
  await second.close();
  expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 5 });
});

describe('a ledger that was cut off', () => {
  it('records what it dropped', async () => {
    const first = await start();
    await client.append([event('a')]);
    await first.close();
    // Bytes of a frame whose write did not come to its end.
    const { end } = scanSegment(await readFile(join(dir, FIRST)), 0);
    truncateSync(join(dir, FIRST), end);
    await appendFile(join(dir, FIRST), Buffer.from([0xf1, 0x4b, 0x4c]));
    const second = await start();
    const [recovered] = await client.entries(1, 1);
    expect(recovered?.event).toMatchObject({ type: 'ledger.recovered', data: { droppedBytes: 3, atIndex: 1 } });
    await second.close();
    const third = await start();
    expect(await client.entries(2, 1)).toEqual([]);
    await third.close();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 2 });
  });

  it('by kill -9 under load, again and again, has every acknowledged entry once', async () => {
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 4; round += 1) {
      const child = spawn(process.execPath, [PROCESS, dir, socketPath], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      const gone = once(child, 'exit');
      const killAfter = acknowledged.size + 150 + round * 37;
      const producers = Array.from({ length: 8 }, async (_, producer) => {
        for (let n = 0; ; n += 1) {
          const events = [0, 1, 2].map((i) => event(`${round}/${producer}/${n}/${i}`));
          const answer = await client.append(events).catch(() => undefined);
          if (!answer) return;
          for (const [i, index] of answer.indices.entries()) acknowledged.set(events[i]!.id, index);
          if (acknowledged.size >= killAfter) child.kill('SIGKILL');
        }
      });
      await Promise.all(producers);
      await gone;
      expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact' });
    }
    const ledger = await start();
    const again = [...acknowledged].slice(-50);
    expect((await client.append(again.map(([id]) => event(id)))).indices).toEqual(again.map(([, index]) => index));
    await ledger.close();
    const stored = new Map<string, number>();
    for await (const { index, event } of readEntries(dir)) {
      expect(stored.has(event.id)).toBe(false);
      stored.set(event.id, index);
    }
    expect(acknowledged.size).toBeGreaterThan(600);
    for (const [id, index] of acknowledged) expect(stored.get(id)).toBe(index);
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: stored.size, unsigned: 0 });
  });
});

import { type ChildProcess, spawn } from 'node:child_process';
import { createDecipheriv, hash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { type SocketClient, socketClient } from '../base/socket-http.ts';
import { localKeyProvider } from '../vault/local-key-provider.ts';
import { payloadAad } from '../vault/payload.ts';
import { Vault } from '../vault/vault.ts';
import { type LedgerClient, ledgerClient } from './client.ts';
import type { NewEvent, RecordedEvent } from './entry.ts';
import { type Erasure, ErasureFile, type Hold } from './erasure-file.ts';
import type { ErasureStep } from './eraser.ts';
import { SegmentStore } from './segment-store.ts';
import { VKEY_FILE } from './signing-key.ts';
import { tenantRecord, verifyTenantRecord } from './tenant-record.ts';
import { parseVkey } from './tlog/note-key.ts';
import { policyOfKey } from './tlog/policy.ts';
import { verifyLedger } from './verify.ts';

const PROCESS = join(import.meta.dirname, '../../test/fixtures/erasing-ledger.ts');
const BASIS = 'GDPR Art. 17(1)(b)';
/** From a space that is small enough to be tried out: 256 addresses and 1000 numbers. */
const ADDRESS = '203.0.113.77';
const PATIENT = 'patient-417';
const ADDRESSES = Array.from({ length: 256 }, (_, n) => `203.0.113.${n}`);
const PATIENTS = Array.from({ length: 1000 }, (_, n) => `patient-${n}`);

let root = '';
let child: ChildProcess;
let client: LedgerClient;
let people: SocketClient;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-erase-'));
  client = ledgerClient(join(root, 'ledger.sock'));
  people = socketClient(join(root, 'ledger.sock'), 'ledger.unreachable');
  await start();
});
afterEach(async () => {
  await Promise.all([client.close(), people.close()]);
  await stop();
  rmSync(root, { recursive: true });
});

async function start(deadly: ErasureStep | '' = ''): Promise<void> {
  child = spawn(process.execPath, [PROCESS, root, deadly], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
}

async function stop(): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

const ask = <T = Erasure>(what: string, body: object) => people.call<T>('POST', `/v1/subjects/${what}`, body);
const event = (id: string, patient: string, ip: string): NewEvent => ({
  id,
  at: '2026-01-02T03:04:05.678Z',
  type: 'request.served',
  class: 6003,
  actor: { kind: 'tenant', name: 'clinic' },
  subject: 'Workload/records',
  tenant: 'clinic',
  data: { status: 200 },
  personal: [
    { role: 'actor', subject: `ip:${ip}`, data: { ip, agent: 'Browser/9' } },
    { role: 'subject', subject: patient, data: { name: patient } },
  ],
});
const request = (subject: string) => ask('erase', { tenant: 'clinic', subject, legalBasis: BASIS, by: 'anna' });
const approve = (id: string, by = 'ben') => ask('approve', { request: id, by });
const events = async () => (await client.entries(0, 100)).map((one) => one.event);
const files = () =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => ({ name: each.name, bytes: withoutZeros(readFileSync(join(each.parentPath, each.name))) }));

/** Segments are mostly room for what is to come. */
function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  const zeros = Buffer.alloc(4096);
  while (end >= zeros.length && bytes.subarray(end - zeros.length, end).equals(zeros)) end -= zeros.length;
  return bytes.subarray(0, end);
}

describe('an erasure', () => {
  it('needs another person, is on record with its basis, and is no tampering', async () => {
    await client.append([event('a', PATIENT, ADDRESS), event('b', 'patient-2', ADDRESS), event('c', PATIENT, ADDRESS)]);
    const asked = await request(PATIENT);
    expect(asked).toMatchObject({ state: 'requested', requestedBy: 'anna', legalBasis: BASIS });
    await expect(approve(asked.id, 'anna')).rejects.toMatchObject({ code: 'erasure.refused' });
    await expect(request(PATIENT)).rejects.toMatchObject({ code: 'erasure.refused' });
    expect(await approve(asked.id)).toMatchObject({ state: 'done', approvedBy: 'ben', payloads: 2, entry: 5 });
    await expect(approve(asked.id, 'carl')).rejects.toMatchObject({ code: 'erasure.refused' });
    const all = await events();
    expect(all.slice(3).map(({ type, actor }) => [type, actor.name])).toEqual([
      ['erasure.requested', 'anna'],
      ['erasure.approved', 'ben'],
      ['key.destroyed', 'ledger'],
    ]);
    expect(all[5]!.data).toEqual({ request: asked.id, legalBasis: BASIS, kids: [asked.kid], count: 1, epoch: 1 });
    const erasures = [{ entry: 5, request: asked.id, legalBasis: BASIS, payloads: 2 }];
    expect(await verifyLedger(join(root, 'ledger'))).toMatchObject({ kind: 'intact', erasures });
    const shown = await ask<{ personal: unknown[] }>('reveal', { index: 0, by: 'eve', reason: 'a complaint' });
    expect(shown.personal).toEqual([
      { role: 'actor', data: { ip: ADDRESS, agent: 'Browser/9' } },
      { role: 'subject', data: null },
    ]);
    expect((await events()).at(-1)).toMatchObject({ type: 'payload.revealed', actor: { name: 'eve' } });
    await expect(request(PATIENT)).rejects.toMatchObject({ code: 'resource.unknown' });
  });

  it('is stopped by a hold, and done when the last one is released', async () => {
    await client.append([event('a', PATIENT, ADDRESS)]);
    const wish = { tenant: 'clinic', subject: PATIENT, by: 'carl', reason: 'a lawsuit' };
    const [first, second] = [await ask<Hold>('hold', wish), await ask<Hold>('hold', wish)];
    const { id } = await request(PATIENT);
    expect((await approve(id)).state).toBe('held');
    expect((await verifyLedger(join(root, 'ledger'))).kind).toBe('intact');
    await stop();
    await start();
    const release = (hold: string) => ask<{ erased: Erasure[] }>('release', { hold, by: 'carl', reason: 'over' });
    expect(await release(first.id)).toMatchObject({ erased: [], holds: [{ id: second.id }] });
    expect(await release(second.id)).toMatchObject({ erased: [{ id, state: 'done', payloads: 1 }] });
    expect((await events()).map(({ type }) => type)).toEqual([
      'request.served',
      'hold.set',
      'hold.set',
      'erasure.requested',
      'erasure.approved',
      'erasure.held',
      'hold.lifted',
      'hold.lifted',
      'key.destroyed',
    ]);
  });

  it('is stopped by a hold on its tenant or on everything too, and done when that is lifted, by whatever door', async () => {
    await client.append([event('a', PATIENT, ADDRESS), event('b', 'patient-2', ADDRESS)]);
    const holds = (what: string, body: object) =>
      people.call<{ holds: { id: string; kid?: string }[]; erased: Erasure[] }>('POST', `/v1/holds${what}`, body);
    const because = { reason: 'a lawsuit', by: 'carl' };
    await holds('', { id: 'case-7', tenant: 'clinic', ...because });
    await holds('', { id: 'case-8', tenant: 'shop', ...because });
    const person = await ask<Hold>('hold', { tenant: 'clinic', subject: 'patient-2', ...because });
    const [one, two] = [await request(PATIENT), await request('patient-2')];
    for (const { id } of [one, two]) expect((await approve(id)).state).toBe('held');
    const shown = await ask<{ holds: { id: string }[] }>('show', {});
    expect(shown.holds.map(({ id }) => id)).toEqual(['case-7', 'case-8', person.id]);
    const lifted = await ask<{ erased: Erasure[] }>('release', { hold: 'case-7', ...because });
    expect(lifted).toMatchObject({ erased: [{ id: one.id, state: 'done' }] });
    await holds('', { id: 'case-9', ...because });
    const { holds: left, erased } = await holds('/lift', { id: person.id, ...because });
    expect([left.map(({ id }) => id), erased]).toEqual([['case-8', 'case-9'], []]);
    expect(await holds('/lift', { id: 'case-9', ...because })).toMatchObject({
      erased: [{ id: two.id, state: 'done' }],
    });
    await expect(holds('/lift', { id: 'case-9', ...because })).rejects.toMatchObject({ code: 'resource.unknown' });
    expect((await verifyLedger(join(root, 'ledger'))).kind).toBe('intact');
  });

  it('can be taken back before it begins', async () => {
    await client.append([event('a', PATIENT, ADDRESS)]);
    const { id } = await request(PATIENT);
    expect((await ask('withdraw', { request: id, by: 'anna', reason: 'a mistake' })).state).toBe('withdrawn');
    await expect(approve(id)).rejects.toMatchObject({ code: 'erasure.refused' });
    expect((await request(PATIENT)).state).toBe('requested');
  });

  it.each(['approved', 'keys-destroyed', 'recorded', 'payloads-overwritten', 'done'] as const)(
    'that was killed when it was %s is gone on with, and is at no moment taken for tampering',
    async (step) => {
      await stop();
      await start(step);
      await client.append([event('a', PATIENT, ADDRESS), event('b', PATIENT, ADDRESS)]);
      const { id } = await request(PATIENT);
      const ended = once(child, 'exit');
      await expect(approve(id)).rejects.toMatchObject({ code: 'ledger.unreachable' });
      expect(await ended).toEqual([null, 'SIGKILL']);
      expect((await verifyLedger(join(root, 'ledger'))).kind).toBe('intact');
      await start();
      const { erasures } = await ask<{ erasures: Erasure[] }>('show', {});
      expect(erasures).toMatchObject([{ id, state: 'done', payloads: 2 }]);
      const destroyed = (await events()).filter(({ type }) => type === 'key.destroyed');
      expect(destroyed).toHaveLength(1);
      expect(await verifyLedger(join(root, 'ledger'))).toMatchObject({ kind: 'intact', erasures: [{ payloads: 2 }] });
    },
  );
});

describe('what is no lawful erasure', () => {
  /** Overwrites the payloads of an entry where they lie, and the marks that say so, as an erasure does. */
  async function wipeUnlawfully(): Promise<void> {
    const store = await SegmentStore.open(join(root, 'ledger'), { signedSize: 0, onEntry: () => undefined });
    await store.erasePayloads([{ index: 0, payload: 1 }]);
    await store.close();
  }

  it('a payload that is gone without a word', async () => {
    await client.append([event('a', PATIENT, ADDRESS)]);
    await stop();
    await wipeUnlawfully();
    const verdict = await verifyLedger(join(root, 'ledger'));
    expect(verdict).toMatchObject({ kind: 'tampered', index: 0 });
    expect(verdict).toHaveProperty('reason', expect.stringContaining('no entry says that it was erased'));
  });

  it('a payload that is gone while its erasure was only asked for', async () => {
    await client.append([event('a', PATIENT, ADDRESS)]);
    await request(PATIENT);
    await stop();
    await wipeUnlawfully();
    expect(await verifyLedger(join(root, 'ledger'))).toMatchObject({ kind: 'tampered', index: 0 });
  });

  it('a payload that was changed, though another one was erased', async () => {
    await client.append([event('a', PATIENT, ADDRESS)]);
    await approve((await request(PATIENT)).id);
    const { pd = [] } = (await events())[0]!;
    await stop();
    const [name] = readdirSync(join(root, 'ledger')).filter((each) => each.endsWith('.segment'));
    const path = join(root, 'ledger', name!);
    const bytes = readFileSync(path);
    for (let at = 0; at + pd[0]!.n < bytes.length; at += 1) {
      const found = bytes.subarray(at, at + pd[0]!.n);
      if (hash('sha256', found, 'base64') === pd[0]!.c) found[20]! ^= 1;
      if (at > 16_384) break;
    }
    writeFileSync(path, bytes);
    expect((await verifyLedger(join(root, 'ledger'))).kind).toBe('tampered');
  });
});

describe('what was erased', () => {
  it('is in no file, nor is its key, and cannot be guessed back from what is', async () => {
    await client.append([event('a', PATIENT, ADDRESS), event('b', 'patient-2', '203.0.113.9')]);
    const before = await events();
    const [note] = before[0]!.pd!.slice(1);
    await stop();
    const vault = await Vault.open({
      dir: join(root, 'vault'),
      provider: await localKeyProvider(join(root, 'vault', 'kek')),
      clock: systemClock,
    });
    // The bytes of the key as only this test may see them, and the payload as it was.
    const keys = await keyBytes(note!.k);
    await vault.close();
    const copy = join(root, '..', `${root.split('/').at(-1)}-copy`);
    cpSync(root, copy, { recursive: true });
    const payload = payloadIn(
      files().map(({ bytes }) => bytes),
      note!,
    );
    expect(guess(payload, before[0]!, keys)).toBe(PATIENT);
    await start();
    for (const subject of [PATIENT, `ip:${ADDRESS}`]) await approve((await request(subject)).id);
    await ask('rotate', { by: 'anna' });
    await stop();

    for (const { name, bytes } of files()) {
      for (const text of [PATIENT, ADDRESS, 'Browser/9'])
        expect(bytes.includes(text), `${text} in ${name}`).toBe(false);
      for (const key of keys) expect(bytes.includes(key), `the key in ${name}`).toBe(false);
      expect(bytes.includes(payload), `the payload in ${name}`).toBe(false);
      expect(bytes.includes(Buffer.from(note!.k, 'base64url')), `the slot in ${name}`).toBe(false);
    }
    // Whoever has the payload from elsewhere and every secret that is left still learns nothing.
    expect(guess(payload, before[0]!, allKeysLeft())).toBeUndefined();
    // A copy of the keys from before, without the key-encryption key that was destroyed: nothing either.
    rmSync(join(copy, 'vault', 'kek'), { recursive: true });
    cpSync(join(root, 'vault', 'kek'), join(copy, 'vault', 'kek'), { recursive: true });
    await expect(
      Vault.open({
        dir: join(copy, 'vault'),
        provider: await localKeyProvider(join(copy, 'vault', 'kek')),
        clock: systemClock,
      }),
    ).rejects.toMatchObject({ code: 'vault.unreadable' });
    rmSync(copy, { recursive: true });
    // And no digest of any of the few there could be is anywhere.
    const left = Buffer.concat(files().map(({ bytes }) => bytes));
    for (const name of [...PATIENTS, ...ADDRESSES.map((address) => `ip:${address}`)]) {
      for (const text of [
        name,
        JSON.stringify(['clinic', name]),
        JSON.stringify({ name }),
        JSON.stringify({ ip: name }),
      ]) {
        for (const algorithm of ['sha256', 'sha1', 'md5']) {
          const digest = hash(algorithm, text, 'buffer');
          const forms = [digest, digest.toString('hex'), digest.toString('base64'), digest.toString('base64url')];
          expect(forms.some((form) => left.includes(form))).toBe(false);
        }
      }
    }
    expect((await verifyLedger(join(root, 'ledger'))).kind).toBe('intact');
  }, 60_000);

  /** The data key of a subject, out of its slot. */
  async function keyBytes(kid: string): Promise<Buffer[]> {
    return allKeysLeft().filter((_, at) => kidsLeft()[at] === kid);
  }

  /** Every data key that can be unwrapped with what lies in the folder. */
  function slots() {
    const kekDir = join(root, 'vault', 'kek');
    return readdirSync(kekDir).flatMap((name) => {
      const epoch = Number(name.slice('kek-'.length));
      const kek = readFileSync(join(kekDir, name));
      const bytes = readFileSync(join(root, 'vault', `keys-${epoch}`));
      const found: { kid: string; key: Buffer }[] = [];
      for (let at = 128; at < bytes.length; at += 128) {
        const slot = bytes.subarray(at, at + 128);
        if (slot.every((byte) => byte === 0)) continue;
        const kid = slot.toString('base64url', 4, 20);
        const decipher = createDecipheriv('aes-256-gcm', kek, slot.subarray(20, 32));
        decipher.setAAD(Buffer.from(`kintsugi data key ${kid} of epoch ${epoch}`)).setAuthTag(slot.subarray(96, 112));
        found.push({ kid, key: decipher.update(slot.subarray(32, 96)).subarray(0, 32) });
        decipher.final();
      }
      return found;
    });
  }
  const allKeysLeft = () => slots().map(({ key }) => key);
  const kidsLeft = () => slots().map(({ kid }) => kid);

  function payloadIn(all: readonly Buffer[], { c, n }: { readonly c: string; readonly n: number }): Buffer {
    for (const bytes of all) {
      for (let at = 0; at + n <= Math.min(bytes.length, 16_384); at += 1) {
        const found = bytes.subarray(at, at + n);
        if (hash('sha256', found, 'base64') === c) return Buffer.from(found);
      }
    }
    throw new Error('the payload is nowhere');
  }

  /** Tries every key on the payload, and every name there could be as a key. */
  function guess(payload: Buffer, { id }: RecordedEvent, keys: readonly Buffer[]): string | undefined {
    const derived = PATIENTS.map((name) => hash('sha256', JSON.stringify(['clinic', name]), 'buffer'));
    for (const key of [...keys, ...derived]) {
      const decipher = createDecipheriv('aes-256-gcm', key, payload.subarray(0, 12));
      decipher.setAAD(Buffer.from(payloadAad(id, 'subject'))).setAuthTag(payload.subarray(-16));
      try {
        const text = decipher.update(payload.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
        return (JSON.parse(text) as { name: string }).name;
      } catch {
        // Another key: the next one is tried.
      }
    }
    return undefined;
  }
});

describe('the record of a tenant', () => {
  const lines = async (payloads: boolean) => {
    const all: string[] = [];
    const options = { clock: systemClock, payloads };
    for await (const line of tenantRecord(join(root, 'ledger'), 'clinic', options)) all.push(line);
    return all;
  };
  const judge = (all: readonly string[]) => verifyTenantRecord(all.join(''), policy());
  const policy = () => policyOfKey(parseVkey(readFileSync(join(root, 'ledger', VKEY_FILE), 'utf8').trim())!);

  it('is checked alone: what is missing, changed, foreign or unlawfully gone shows', async () => {
    const bank = { ...event('x', 'debtor-1', ADDRESS), tenant: 'bank' };
    await client.append([event('a', PATIENT, ADDRESS), bank, event('b', 'patient-2', ADDRESS)]);
    await approve((await request(PATIENT)).id);
    await stop();
    const all = await lines(true);
    expect(all.join('')).not.toContain('bank');
    expect(judge(all)).toMatchObject({
      kind: 'intact',
      entries: 5,
      from: 1,
      size: 6,
      erasures: [{ entry: 5, payloads: 1, legalBasis: BASIS }],
    });
    expect(judge(await lines(false))).toMatchObject({ kind: 'intact', hasPayloads: false, erasures: [] });
    expect(judge(all.toSpliced(2, 1))).toMatchObject({ kind: 'tampered', index: 3 });
    expect(judge(all.toSpliced(1, 1))).toMatchObject({ kind: 'intact', from: 2 });
    expect(judge(all.with(2, all[2]!.replace('status\\":200', 'status\\":500')))).toMatchObject({
      kind: 'tampered',
      index: 2,
    });
    expect(judge([all[0]!, all[2]!, all[1]!, ...all.slice(3)])).toMatchObject({ kind: 'tampered' });
    // Without the entries that say so, what was erased is missing.
    expect(judge(all.slice(0, 3))).toMatchObject({ kind: 'tampered', index: 0 });
    const gone = all[2]!.replace(/"payloads":\["[^"]+"/, '"payloads":[null');
    expect(gone).not.toBe(all[2]);
    expect(judge(all.with(2, gone))).toMatchObject({ kind: 'tampered', index: 2 });
    expect(judge(all.with(0, all[0]!.replace('clinic', 'bank')))).toMatchObject({ kind: 'tampered' });
    for (const nonsense of ['', '{}', 'null', '[]', '{"format":"kintsugi-tenant-record/1"}']) {
      expect(verifyTenantRecord(nonsense, policy()).kind).toBe('tampered');
    }
    for (const nonsense of ['null', '{}', '{"index":"0","proof":[]}', '{"index":0,"entry":7,"proof":[7]}']) {
      expect(judge([all[0]!, `${nonsense}\n`]).kind).toBe('tampered');
    }
    const nobodys = tenantRecord(join(root, 'ledger'), 'nobody', { clock: systemClock, payloads: true });
    await expect(nobodys.next()).rejects.toMatchObject({ code: 'resource.unknown' });
  });
});

it('erasures are kept as they are when the file cannot be written', () => {
  const file = new ErasureFile(join(root, 'nowhere'));
  expect(() => file.removeHold('x')).toThrow(/cannot write/);
  expect(file.holds).toEqual([]);
});

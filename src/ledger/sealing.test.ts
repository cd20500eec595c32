import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { localKeyProvider } from '../vault/local-key-provider.ts';
import { LETTER_BOX_FILE, Vault } from '../vault/vault.ts';
import { type LedgerClient, ledgerClient } from './client.ts';
import type { NewEvent } from './entry.ts';
import { openLedgerDirectory } from './ledger-directory.ts';
import { LetterWriter } from './letter-writer.ts';
import { type RunningLedger, startLedger } from './server.ts';
import { TenantChains } from './tenant-chains.ts';
import { leafHash } from './tlog/merkle-tree.ts';

let root = '';
let ledger: RunningLedger;
let client: LedgerClient;
const dirOf = (name: string) => join(root, name);
const provider = () => localKeyProvider(dirOf('kek'));

async function start(epochMs?: number): Promise<void> {
  ledger = await startLedger({
    dir: dirOf('ledger'),
    vault: { dir: dirOf('vault'), provider: await provider() },
    socketPath: dirOf('ledger.sock'),
    clock: systemClock,
    log: createLog('ledger', 'silent'),
    ...(epochMs === undefined ? {} : { epochMs }),
  });
}
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-seal-'));
  client = ledgerClient(dirOf('ledger.sock'));
  await start();
});
afterEach(async () => {
  await client.close();
  await ledger.close();
  rmSync(root, { recursive: true });
});

const event = (id: string, over: Partial<NewEvent> = {}): NewEvent => ({
  id,
  at: '2026-01-02T03:04:05.678Z',
  type: 'request.served',
  class: 6003,
  actor: { kind: 'tenant', name: 'clinic' },
  subject: 'Workload/records',
  tenant: 'clinic',
  data: { status: 200 },
  ...over,
});
const personal = [
  { role: 'actor', subject: 'key:ward-7', data: { key: 'ward-7', ip: '203.0.113.77' } },
  { role: 'subject', subject: 'patient-4711', data: { name: 'patient-4711' } },
] as const;
const everything = () =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => readFileSync(join(each.parentPath, each.name), 'latin1'))
    .join('\n');

/** The texts of the payloads of an entry, read by the files of a ledger that was closed. */
async function opened(index: number): Promise<(string | undefined)[]> {
  const { pd = [], id } = (await client.entries(index, 1))[0]!.event;
  await ledger.close();
  const directory = await openLedgerDirectory(dirOf('ledger'), { clock: systemClock });
  const vault = await Vault.open({ dir: dirOf('vault'), provider: await provider(), clock: systemClock });
  const payloads = await directory.store.payloadsOf(index);
  const texts: (string | undefined)[] = [];
  for (const [at, payload] of payloads.entries()) {
    if (payload.kind === 'kept') texts.push(await vault.open(pd[at]!.k, id, pd[at]!.r, payload.bytes));
  }
  await vault.close();
  await directory.close();
  await start();
  return texts;
}

describe('personal data', () => {
  it('are sealed one by one beside an entry that commits to them and says nothing', async () => {
    await client.append([event('a', { personal }), event('b', { personal })]);
    const [a, b] = (await client.entries(0, 2)).map((one) => one.event);
    expect(a).not.toHaveProperty('personal');
    expect(a!.pd).toMatchObject([
      { r: 'actor', a: 'A256GCM', n: 92 },
      { r: 'subject', a: 'A256GCM', n: 92 },
    ]);
    expect(a!.pd!.map(({ k }) => k)).toEqual(b!.pd!.map(({ k }) => k));
    expect(a!.pd!.map(({ c }) => c)).not.toEqual(b!.pd!.map(({ c }) => c));
    expect(await opened(0)).toEqual(personal.map(({ data }) => JSON.stringify(data)));
    expect(everything()).not.toMatch(/ward-7|203\.0\.113\.77|patient-4711/);
  });

  it('come out of a letter as if they had come by themselves', async () => {
    const writer = new LetterWriter(join(dirOf('vault'), LETTER_BOX_FILE), systemClock);
    const letter = writer.enclose(event('a', { personal }));
    expect(JSON.stringify(letter)).not.toMatch(/ward-7|patient/);
    await client.append([letter]);
    expect(await opened(0)).toEqual(personal.map(({ data }) => JSON.stringify(data)));
  });

  it('in a letter that cannot be opened are lost, and the record is not', async () => {
    await client.append([event('a', { letter: Buffer.alloc(99).toString('base64') })]);
    expect((await client.entries(0, 1))[0]!.event).toMatchObject({ id: 'a', data: { status: 200 } });
  });

  it('sent twice are stored once', async () => {
    expect(await client.append([event('a', { personal })])).toEqual({ indices: [0] });
    expect(await client.append([event('a', { personal })])).toEqual({ indices: [0] });
  });

  it.each([
    ['a role that there is not', { personal: [{ ...personal[0], role: 'friend' }] }],
    ['nobody', { personal: [{ ...personal[0], subject: '' }] }],
    ['a made-up link', { tseq: 7 }],
    ['made-up payloads', { pd: [] }],
    ['an erasure that nobody asked for', { type: 'key.destroyed' }],
    ['a tenant that needs escapes', { tenant: 'a"b' }],
  ])('are refused for %s', async (_name, over) => {
    await expect(client.append([event('a', over as Partial<NewEvent>)])).rejects.toMatchObject({
      code: 'request.invalid',
    });
  });
});

it('a new epoch of keys is on record', async () => {
  await client.append([event('a', { personal })]);
  await ledger.close();
  // As if it had been cut off before it was recorded.
  const vault = await Vault.open({ dir: dirOf('vault'), provider: await provider(), clock: systemClock });
  await vault.rotate();
  await vault.close();
  await start();
  expect((await client.entries(1, 5)).map((one) => one.event)).toMatchObject([
    { type: 'kek.rotated', data: { from: 1, to: 2, keys: 3 } },
  ]);
  expect(await opened(0)).toEqual(personal.map(({ data }) => JSON.stringify(data)));
});

describe('the entries of a tenant', () => {
  it('are numbered and tied to each other, across restarts and others between', async () => {
    await client.append([event('a'), event('x', { tenant: 'bank' }), event('b')]);
    await ledger.close();
    await start();
    const { tenant: _none, ...nobodys } = event('y');
    await client.append([nobodys, event('c')]);
    const events = (await client.entries(0, 9)).map((one) => one.event);
    const bytes = events.map((each) => Buffer.from(JSON.stringify(each)));
    const leaf = (index: number) => leafHash(bytes[index]!).toString('base64');
    expect(events.map(({ tseq, tprev }) => [tseq, tprev])).toEqual([
      [1, null],
      [1, null],
      [2, leaf(0)],
      [undefined, undefined],
      [3, leaf(2)],
    ]);
  });

  it('show what is missing, changed or put between', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    await client.append(ids.map((id) => event(id)));
    const bytes = (await client.entries(0, 9)).map((one) => Buffer.from(JSON.stringify(one.event)));
    const followed = (all: readonly Buffer[]) => {
      const chains = new TenantChains();
      return all.map((each) => chains.follow(each, leafHash(each))).find((fault) => fault !== undefined);
    };
    expect(followed(bytes)).toBeUndefined();
    expect(followed(bytes.toSpliced(1, 1))).toContain('number 3 of clinic and follows number 1');
    expect(followed(bytes.slice(1))).toContain('those before are missing');
    const changed = Buffer.from(bytes[1]!.toString().replace('200', '500'));
    expect(followed(bytes.with(1, changed))).toContain('does not continue');
    expect(followed([bytes[0]!, bytes[0]!])).toContain('follows number 1');
    const unlinked = Buffer.from(bytes[1]!.toString().replace(/"tseq".*?,"tprev".*?,/, ''));
    expect(followed(bytes.with(1, unlinked))).toContain('not its place');
  });
});

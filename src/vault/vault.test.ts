import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import type { KeyProvider } from './key-provider.ts';
import { SLOT_BYTES } from './key-slot.ts';
import { letterSlot } from './letter-box.ts';
import { localKeyProvider } from './local-key-provider.ts';
import { IvSequence } from './payload.ts';
import { LETTER_BOX_FILE, type Personal, type SealedPayload, Vault } from './vault.ts';

let root = '';
let dir = '';
let kekDir = '';
const opened: Vault[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-vault-'));
  dir = join(root, 'vault');
  kekDir = join(dir, 'kek');
});
afterEach(async () => {
  for (const vault of opened.splice(0)) await vault.close().catch(() => undefined);
  rmSync(root, { recursive: true });
});

async function open(provider?: KeyProvider): Promise<Vault> {
  const vault = await Vault.open({ dir, provider: provider ?? (await localKeyProvider(kekDir)), clock: systemClock });
  opened.push(vault);
  return vault;
}

const personal = (subject: string, text: string, over: Partial<Personal> = {}): Personal => ({
  entryId: 'evt_1',
  tenant: 'clinic',
  role: 'subject',
  subject,
  text,
  ...over,
});
const read = (vault: Vault, { kid, bytes }: SealedPayload) => vault.open(kid, 'evt_1', 'subject', bytes);
/** Every byte of every file below. */
const everything = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => readFileSync(join(each.parentPath, each.name)))
    .reduce((all, bytes) => Buffer.concat([all, bytes]), Buffer.alloc(0));

describe('a vault', () => {
  it('seals for each subject under a key of its own, also after it was opened again', async () => {
    const vault = await open();
    const [anna, ben, again] = await vault.seal([personal('anna', 'a'), personal('ben', 'b'), personal('anna', 'c')]);
    expect(anna!.kid).toBe(again!.kid);
    expect(anna!.kid).not.toBe(ben!.kid);
    expect(vault.kidOf('clinic', 'anna')).toBe(anna!.kid);
    expect(vault.kidOf('bank', 'anna')).toBeUndefined();
    await vault.close();
    const later = await open();
    expect([await read(later, anna!), await read(later, ben!), await read(later, again!)]).toEqual(['a', 'b', 'c']);
    expect((await later.seal([personal('anna', 'd')]))[0]!.kid).toBe(anna!.kid);
  });

  it('binds a payload to its entry and its role', async () => {
    const vault = await open();
    const [sealed] = await vault.seal([personal('anna', 'a')]);
    expect(await vault.open(sealed!.kid, 'evt_2', 'subject', sealed!.bytes)).toBeUndefined();
    expect(await vault.open(sealed!.kid, 'evt_1', 'actor', sealed!.bytes)).toBeUndefined();
    expect(await read(vault, sealed!)).toBe('a');
  });

  it('tells little by the length of a payload', async () => {
    const vault = await open();
    const [one, two] = await vault.seal([personal('anna', 'a'), personal('anna', 'a'.repeat(60))]);
    expect(one!.bytes.length).toBe(two!.bytes.length);
  });

  it('forgets a subject: no thread, no restart and no byte on the disk brings its key back', async () => {
    const vault = await open();
    const [anna, ben] = await vault.seal([personal('anna', 'a'), personal('ben', 'b')]);
    const before = everything(dir);
    const kid = Buffer.from(anna!.kid, 'base64url');
    expect(before.includes(kid)).toBe(true);
    const slotAt = before.indexOf(kid) - 4;
    const wrapped = before.subarray(slotAt + 32, slotAt + SLOT_BYTES - 16);
    await vault.destroy([anna!.kid]);
    await vault.destroy([anna!.kid]);
    expect(everything(dir).includes(kid)).toBe(false);
    expect(everything(dir).includes(wrapped)).toBe(false);
    expect([await read(vault, anna!), await read(vault, ben!)]).toEqual([undefined, 'b']);
    expect((await vault.seal([personal('anna', 'new')]))[0]!.kid).not.toBe(anna!.kid);
    await vault.close();
    const later = await open();
    expect([await read(later, anna!), await read(later, ben!)]).toEqual([undefined, 'b']);
  });

  it('never has a name or a text on the disk', async () => {
    const vault = await open();
    await vault.seal([personal('patient-4711-muster', 'Erika Mustermann')]);
    for (const text of ['patient-4711-muster', 'Erika', 'clinic']) expect(everything(dir).includes(text)).toBe(false);
  });

  it('keeps what it made when two ask for the same subject at once', async () => {
    const vault = await open();
    const both = await Promise.all([vault.seal([personal('anna', 'a')]), vault.seal([personal('anna', 'b')])]);
    expect(new Set(both.flat().map(({ kid }) => kid)).size).toBe(1);
  });
});

describe('a rotation', () => {
  it('keeps every key, and makes every copy from before useless', async () => {
    const vault = await open();
    const [anna, ben] = await vault.seal([personal('anna', 'a'), personal('ben', 'b')]);
    // A backup holds the keys; their key-encryption key is kept elsewhere, as it must be.
    cpSync(dir, join(root, 'backup'), { recursive: true, filter: (path) => !path.startsWith(kekDir) });
    expect(await vault.rotate()).toEqual({ from: 1, to: 2, keys: 3 });
    expect(vault.owed).toEqual({ from: 1, to: 2, keys: 3 });
    await vault.destroy([anna!.kid]);
    await vault.close();
    const later = await open();
    expect(later.owed).toEqual({ from: 1, to: 2, keys: 3 });
    later.settleRotation();
    expect([await read(later, anna!), await read(later, ben!)]).toEqual([undefined, 'b']);
    await later.close();
    dir = join(root, 'backup');
    await expect(open()).rejects.toMatchObject({ code: 'vault.unreadable' });
    expect(readdirSync(kekDir)).toEqual(['kek-2']);
  });

  it('goes on where it was cut off, at whatever step', async () => {
    const steps = ['create', 'destroy'] as const;
    for (const step of steps) {
      for (const when of ['before', 'after'] as const) {
        dir = join(root, `${step}-${when}`);
        kekDir = join(dir, 'kek');
        const inner = await localKeyProvider(kekDir);
        let armed = false;
        const cut = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
          if (armed && name === step && when === 'before') throw new Error('killed');
          const done = await act();
          if (armed && name === step) throw new Error('killed');
          return done;
        };
        const vault = await open({
          ...inner,
          create: (epoch) => cut('create', () => inner.create(epoch)),
          destroy: (epoch) => cut('destroy', () => inner.destroy(epoch)),
        });
        const [anna] = await vault.seal([personal('anna', 'a')]);
        armed = true;
        await expect(vault.rotate()).rejects.toThrow('killed');
        await vault.close();
        const later = await open();
        expect(later.epoch, `${step} ${when}`).toBe(step === 'create' ? 1 : 2);
        expect(later.owed === undefined).toBe(step === 'create');
        expect(await read(later, anna!)).toBe('a');
        expect(await (await localKeyProvider(kekDir)).epochs()).toEqual([later.epoch]);
        expect(readdirSync(dir).filter((name) => name.startsWith('keys-'))).toEqual([`keys-${later.epoch}`]);
        expect((await later.rotate()).to).toBe(later.epoch);
      }
    }
  });

  it('lets sealing go on meanwhile', async () => {
    const vault = await open();
    const names = Array.from({ length: 1200 }, (_, n) => `subject-${n}`);
    const before = await vault.seal(names.map((name) => personal(name, name)));
    const rotating = vault.rotate();
    const during = await vault.seal(['subject-7', 'new'].map((name) => personal(name, name)));
    await rotating;
    expect(during[0]!.kid).toBe(before[7]!.kid);
    await vault.close();
    const later = await open();
    for (const sealed of [before[7]!, before[1199]!, during[0]!, during[1]!]) {
      expect(await read(later, sealed)).toBeDefined();
    }
  });
});

describe('what is damaged', () => {
  it('is no key, is counted, and harms no other', async () => {
    const vault = await open();
    const [anna, ben] = await vault.seal([personal('anna', 'a'), personal('ben', 'b')]);
    await vault.close();
    const path = join(dir, 'keys-1');
    const bytes = readFileSync(path);
    bytes[bytes.indexOf(Buffer.from(anna!.kid, 'base64url')) + 40]! ^= 1;
    writeFileSync(path, bytes);
    const later = await open();
    expect(later.damaged).toBe(1);
    expect([await read(later, anna!), await read(later, ben!)]).toEqual([undefined, 'b']);
  });

  it('refuses to open without the key-encryption key: what is sealed would be lost without a word', async () => {
    await (await open()).close();
    rmSync(kekDir, { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'vault.unreadable' });
  });
});

describe('the letter box', () => {
  const address = () => readFileSync(join(dir, LETTER_BOX_FILE), 'utf8');

  it('takes what only the vault can take out, for this epoch and the one after', async () => {
    const vault = await open();
    const letter = letterSlot(address())!.seal('evt_1', 'Erika');
    expect(Buffer.from(letter, 'base64').includes('Erika')).toBe(false);
    expect(vault.openLetter('evt_1', letter)).toBe('Erika');
    expect(vault.openLetter('evt_2', letter)).toBeUndefined();
    await vault.rotate();
    expect(vault.openLetter('evt_1', letter)).toBe('Erika');
    await vault.close();
    const later = await open();
    expect(later.openLetter('evt_1', letter)).toBe('Erika');
    await later.rotate();
    expect(later.openLetter('evt_1', letter)).toBeUndefined();
  });

  it('opens nothing that is no letter', async () => {
    const vault = await open();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(vault.openLetter('evt_1', Buffer.from(bytes).toString('base64'))).toBeUndefined();
      }),
    );
    expect(letterSlot('nonsense')).toBeUndefined();
  });
});

it('an initialisation vector is never given twice, whatever the run', () => {
  const seen = new Set<string>();
  for (const run of [new IvSequence(), new IvSequence()]) {
    for (let n = 0; n < 5000; n += 1) seen.add(run.next().toString('hex'));
  }
  expect(seen.size).toBe(10_000);
});

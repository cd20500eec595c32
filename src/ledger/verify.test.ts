import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import type { LedgerEvent } from './entry.ts';
import { entryOf } from './event-form.ts';
import { scanSegment } from './frame.ts';
import { type LedgerDirectory, openLedgerDirectory } from './ledger-directory.ts';
import { createSigningKey, readSigningKey } from './signing-key.ts';
import { signNote, textOfNote } from './tlog/signed-note.ts';
import { readEntries, verifyLedger } from './verify.ts';

const FIRST = '0000000000000000.segment';

let root = '';
let dir = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-verify-'));
  dir = join(root, 'ledger');
});
afterEach(() => rmSync(root, { recursive: true }));

const event = (n: number): LedgerEvent => ({
  id: `evt_${n}`,
  at: '2026-01-02T03:04:05.678Z',
  type: 'move.applied',
  class: 7001,
  actor: { kind: 'system', name: 'control' },
  subject: 'Workload/records',
  data: { n },
});

const openLedger = () => openLedgerDirectory(dir, { clock: systemClock, segmentBytes: 128 * 1024 });
const append = (ledger: LedgerDirectory, from: number, to: number) =>
  ledger.sequencer.append(Array.from({ length: to - from }, (_, i) => entryOf(event(from + i))));

/** A closed ledger of three frames. */
async function closedLedger(): Promise<string> {
  const ledger = await openLedger();
  await append(ledger, 0, 2);
  await append(ledger, 2, 3);
  await append(ledger, 3, 6);
  await ledger.close();
  return ledger.vkey;
}

/** Copies as they stand at this moment, as after kill -9. */
const abandon = (name: string) => {
  const copy = join(root, name);
  cpSync(dir, copy, { recursive: true });
  rmSync(join(copy, 'lock'));
  return copy;
};

function flip(file: string, offset: number, bit = 1): void {
  const bytes = readFileSync(join(dir, file));
  bytes[offset]! ^= bit;
  writeFileSync(join(dir, file), bytes);
}

describe('the verifier', () => {
  it('calls a new and a closed ledger intact', async () => {
    const first = await openLedger();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 0, unsigned: 0 });
    await first.close();
    const vkey = await closedLedger();
    const verdict = await verifyLedger(dir, { publicKey: vkey });
    expect(verdict).toMatchObject({ kind: 'intact', size: 6, unsigned: 0, tornBytes: 0, vkey });
  });

  it('needs no private key', async () => {
    const vkey = await closedLedger();
    for (const file of ['key.pem', 'vkey']) rmSync(join(dir, file));
    expect(await verifyLedger(dir, { publicKey: vkey })).toMatchObject({ kind: 'intact', size: 6 });
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', file: 'vkey' });
  });

  it('finds any other byte in frames, checkpoint and key', async () => {
    await closedLedger();
    const { frames, end } = scanSegment(readFileSync(join(dir, FIRST)), 0);
    const lengths = new Map([[FIRST, end]]);
    for (const file of ['checkpoint', 'key.pem', 'vkey']) lengths.set(file, readFileSync(join(dir, file)).length);
    for (const [file, length] of lengths) {
      // The post-quantum signature alone is longer than all the rest; some of its bytes stand for it.
      for (let offset = 0; offset < length; offset += file === 'checkpoint' && offset > 700 ? 37 : 1) {
        const bit = 1 << (offset % 8);
        flip(file, offset, bit);
        const frame = frames.find((one) => offset < one.end);
        const place = file === FIRST ? { index: frame?.first, offset: frame?.offset } : {};
        // A flipped key name or signature may show in the file that it is compared with.
        const where = file === FIRST ? { file } : {};
        expect({ offset, ...(await verifyLedger(dir)) }).toMatchObject({ kind: 'tampered', ...where, ...place });
        flip(file, offset, bit);
      }
    }
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact' });
  }, 120_000);

  it('finds a log that was written again with sound frames', async () => {
    await closedLedger();
    const other = join(root, 'other');
    const forger = await openLedgerDirectory(other, { clock: systemClock, segmentBytes: 128 * 1024 });
    await append(forger, 10, 16);
    await forger.close();
    cpSync(join(other, FIRST), join(dir, FIRST));
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', file: 'checkpoint' });
    await expect(openLedger()).rejects.toMatchObject({ code: 'ledger.tampered' });
  });

  it('finds a ledger that was replaced as a whole, given the key from elsewhere', async () => {
    const vkey = await closedLedger();
    rmSync(dir, { recursive: true });
    await closedLedger();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact' });
    expect(await verifyLedger(dir, { publicKey: vkey })).toMatchObject({ kind: 'tampered', file: 'vkey' });
  });

  it('finds missing files', async () => {
    await closedLedger();
    for (const file of [FIRST, 'checkpoint']) {
      const bytes = readFileSync(join(dir, file));
      rmSync(join(dir, file));
      expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered' });
      await expect(openLedger()).rejects.toMatchObject({ code: 'ledger.tampered' });
      writeFileSync(join(dir, file), bytes);
    }
    truncateSync(join(dir, FIRST), 100);
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', index: 0, offset: 0 });
  });

  it('tells unsigned entries and torn writes from tampering', async () => {
    const ledger = await openLedger();
    await append(ledger, 0, 3);
    await ledger.sign();
    await append(ledger, 3, 5);
    dir = abandon('crashed');
    await ledger.close();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 3, unsigned: 2, tornBytes: 0 });
    const { end } = scanSegment(readFileSync(join(dir, FIRST)), 0);
    const whole = readFileSync(join(dir, FIRST));
    truncateSync(join(dir, FIRST), end - 4);
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 3, unsigned: 0 });
    expect(await verifyLedger(dir)).not.toMatchObject({ tornBytes: 0 });
    writeFileSync(join(dir, FIRST), whole);
    flip(FIRST, end - 4);
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', index: 3, file: FIRST });
  });

  it('finds nothing wrong with a ledger that is being written', async () => {
    const ledger = await openLedger();
    const writer = { going: true };
    const writing = (async () => {
      for (let n = 0; writer.going; n += 20) {
        await append(ledger, n, n + 20);
        if (n % 100 === 0) await ledger.sign();
      }
    })();
    for (let round = 0; round < 40; round += 1) {
      expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact' });
    }
    writer.going = false;
    await writing;
    await ledger.close();
  });

  it('looks twice at what may be a write under way', async () => {
    const ledger = await openLedger();
    await append(ledger, 0, 3);
    await append(ledger, 3, 5);
    dir = abandon('running');
    await ledger.close();
    const { end } = scanSegment(readFileSync(join(dir, FIRST)), 0);
    flip(FIRST, end - 4);
    const sleep = async () => flip(FIRST, end - 4);
    expect(await verifyLedger(dir, { clock: { ...systemClock, sleep } })).toMatchObject({ kind: 'intact' });
  });

  it('refuses a newer version and a folder without a ledger', async () => {
    await closedLedger();
    writeFileSync(join(dir, 'version'), '4\n');
    await expect(verifyLedger(dir)).rejects.toMatchObject({ code: 'ledger.newer' });
    await expect(openLedger()).rejects.toMatchObject({ code: 'ledger.newer' });
    await expect(verifyLedger(root)).rejects.toMatchObject({ code: 'resource.unknown' });
  });

  it('reads entries without a process', async () => {
    const ledger = await openLedger();
    for (let n = 0; n < 2000; n += 500) await append(ledger, n, n + 500);
    await ledger.close();
    expect(readdirSync(dir).filter((name) => name.endsWith('.segment')).length).toBeGreaterThan(1);
    const some: unknown[] = [];
    for await (const one of readEntries(dir, { from: 998, limit: 4 })) some.push(one);
    expect(some).toEqual([998, 999, 1000, 1001].map((index) => ({ index, event: { v: 2, ...event(index) } })));
    let count = 0;
    for await (const one of readEntries(dir)) expect(one.index).toBe(count++);
    expect(count).toBe(2000);
  });
});

describe('opening a ledger', () => {
  it('is for one process: another holder is refused, a dead one is replaced', async () => {
    const ledger = await openLedger();
    await expect(openLedger()).rejects.toMatchObject({ code: 'state.in-use' });
    await append(ledger, 0, 1);
    await ledger.close();
    expect(existsSync(join(dir, 'lock'))).toBe(false);
    const dead = spawnSync('true').pid;
    for (const stale of [`${dead} 1 boot\n`, `${process.pid} 1 boot\n`, '', 'garbage']) {
      writeFileSync(join(dir, 'lock'), stale);
      await (await openLedger()).close();
    }
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 1 });
  });

  it('goes on after a kill between the making of the lock and the end of its making, also under the same process id', async () => {
    await closedLedger();
    writeFileSync(join(dir, 'lock'), `${process.pid} 1 boot\n`);
    linkSync(join(dir, 'lock'), join(dir, `lock.${process.pid}.tmp`));
    await (await openLedger()).close();
    expect(readdirSync(dir).filter((name) => name.startsWith('lock'))).toEqual([]);
  });

  it('signs a checkpoint of the first form again, which told its time in the text and had one signature', async () => {
    await closedLedger();
    const path = join(dir, 'checkpoint');
    const signers = readSigningKey(dir)!.signers.slice(0, 1);
    const first = signNote(`${textOfNote(readFileSync(path, 'utf8'))}at 2026-01-02T03:04:05.678Z\n`, signers, 0);
    writeFileSync(path, first);
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 6 });
    const ledger = await openLedger();
    expect(ledger.signed().checkpoint).toMatchObject({ size: 6, extensions: [] });
    await ledger.close();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 6, checkpointAt: expect.any(String) });
  });

  it('refuses a checkpoint that one of its keys did not sign', async () => {
    await closedLedger();
    const path = join(dir, 'checkpoint');
    const { signers } = readSigningKey(dir)!;
    for (const missing of signers) {
      const others = signers.filter((signer) => signer !== missing);
      writeFileSync(path, signNote(textOfNote(readFileSync(path, 'utf8'))!, others, 0));
      expect(await verifyLedger(dir)).toMatchObject({ kind: 'tampered', file: 'checkpoint' });
      await expect(openLedger()).rejects.toMatchObject({ code: 'ledger.tampered' });
    }
  });

  it('refuses another key, and a birth that was cut short is born again', async () => {
    await closedLedger();
    createSigningKey(dir);
    await expect(openLedger()).rejects.toMatchObject({ code: 'ledger.tampered' });
    dir = join(root, 'born');
    await (await openLedger()).close();
    for (const file of ['version', 'checkpoint']) rmSync(join(dir, file));
    await (await openLedger()).close();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 0 });
  });
});

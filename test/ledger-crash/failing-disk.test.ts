import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { ledgerClient } from '../../src/ledger/client.ts';
import { openLedgerDirectory } from '../../src/ledger/ledger-directory.ts';
import { startLedger } from '../../src/ledger/server.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { ERRNO } from './fuse-protocol.ts';
import { inspect } from './inspection.ts';
import { eventOf, LedgerUnderLoad, nothingTold } from './ledger-under-load.ts';
import { PowerDisk, whyNoDisk } from './power-disk.ts';

let root = '';
let dir = '';
let socketPath = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-fault-'));
  dir = join(root, 'disk', 'ledger');
  socketPath = join(root, 'ledger.sock');
  mkdirSync(join(root, 'disk'));
});
afterEach(() => rmSync(root, { recursive: true }));

const start = () =>
  startLedger({ dir, socketPath, clock: systemClock, log: createLog('ledger', 'silent'), segmentBytes: 128 * 1024 });

/** Appends until it is refused; gives the code of the refusal and notes what was acknowledged. */
async function appendUntilRefused(client: ReturnType<typeof ledgerClient>, told: ReturnType<typeof nothingTold>) {
  for (let n = 0; ; n += 1) {
    const ids = Array.from({ length: 200 }, (_, i) => `fill/${told.acknowledged.size}/${n}/${i}`);
    const answer = await client.append(ids.map(eventOf)).catch((error: unknown) => error as { code: string });
    if ('code' in answer) return answer.code;
    for (const [at, index] of answer.indices.entries()) told.acknowledged.set(ids[at]!, index);
  }
}

async function appendOne(client: ReturnType<typeof ledgerClient>, told: ReturnType<typeof nothingTold>, id: string) {
  const { indices } = await client.append([eventOf(id)]);
  told.acknowledged.set(id, indices[0]!);
}

const noMounts = process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'only root may mount';
if (noMounts !== undefined) console.log(`no small and no read-only disk here: ${noMounts}`);
const mount = (...args: readonly string[]) => execFileSync('mount', args, { stdio: 'pipe' });

describe.skipIf(noMounts !== undefined)('a disk of a few megabytes', () => {
  beforeEach(() => void mount('-t', 'tmpfs', '-o', 'size=2m', 'none', join(root, 'disk')));
  afterEach(() => void execFileSync('umount', ['-l', join(root, 'disk')]));

  it('that is full refuses entries by name, and takes them again when there is room, with all that it had', async () => {
    writeFileSync(join(root, 'disk', 'ballast'), Buffer.alloc(1024 * 1024));
    const told = nothingTold();
    const ledger = await start();
    const client = ledgerClient(socketPath);
    expect(await appendUntilRefused(client, told)).toBe('state.unwritable');
    expect(await appendUntilRefused(client, told)).toBe('state.unwritable');
    expect(await client.entries(0, 1)).toHaveLength(1);
    rmSync(join(root, 'disk', 'ballast'));
    await appendOne(client, told, 'there is room');
    await client.appendSigned([eventOf('and it is signed')]);
    await client.close();
    await ledger.close();
    expect(await inspect(dir, told)).toMatchObject({ lost: [], isTorn: false });
    expect(told.acknowledged.size).toBeGreaterThan(200);
  });

  it('that is full while a ledger is born gives a fault by name, and a ledger when there is room', async () => {
    writeFileSync(join(root, 'disk', 'ballast'), Buffer.alloc(2 * 1024 * 1024 - 16 * 1024));
    await expect(openLedgerDirectory(dir, { clock: systemClock })).rejects.toMatchObject({ code: 'state.unwritable' });
    rmSync(join(root, 'disk', 'ballast'));
    await (await openLedgerDirectory(dir, { clock: systemClock })).close();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: 0 });
  });

  it('that may only be read is told by name and can be verified', async () => {
    const told = nothingTold();
    const ledger = await start();
    const client = ledgerClient(socketPath);
    await appendOne(client, told, 'before');
    await client.close();
    await ledger.close();
    mount('-o', 'remount,ro', join(root, 'disk'));
    await expect(start()).rejects.toMatchObject({ code: 'state.unwritable' });
    expect(await inspect(dir, told)).toMatchObject({ lost: [] });
    mount('-o', 'remount,rw', join(root, 'disk'));
    await (await start()).close();
  });
});

const noDisk = whyNoDisk();

describe.skipIf(noDisk !== undefined)('a disk that fails under the process', () => {
  for (const fault of ['ENOSPC', 'EROFS', 'EIO'] as const) {
    it(`with ${fault} refuses entries by name until it is well, and loses none that was acknowledged`, async () => {
      const disk = await PowerDisk.mount(join(root, 'disk'));
      const told = nothingTold();
      const ledger = new LedgerUnderLoad(dir, socketPath, told);
      await ledger.ready();
      await ledger.load('before', 50);
      disk.fail(ERRNO[fault]);
      const client = ledgerClient(socketPath);
      expect(await appendUntilRefused(client, told)).toBe('state.unwritable');
      disk.fail(undefined);
      const signal = systemClock.deadline(20_000);
      for (let id = 0; ; id += 1) {
        const isWell = await appendOne(client, told, `well/${id}`).then(
          () => true,
          () => false,
        );
        if (isWell) break;
        await systemClock.sleep(10, signal);
      }
      await client.appendSigned([eventOf('signed again')]);
      await client.close();
      await ledger.kill();
      expect(await inspect(dir, told)).toMatchObject({ lost: [] });
      await disk.end();
    }, 60_000);
  }
});

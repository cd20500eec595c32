import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { ledgerClient } from '../../src/ledger/client.ts';
import { entryOf } from '../../src/ledger/event-form.ts';
import { scanSegment } from '../../src/ledger/frame.ts';
import { openLedgerDirectory } from '../../src/ledger/ledger-directory.ts';
import { startLedger } from '../../src/ledger/server.ts';
import { verifyLedger } from '../../src/ledger/verify.ts';
import { eventOf } from './ledger-under-load.ts';

const SEED = Number(process.env['KINTSUGI_SEED'] ?? process.pid);
console.log(`damage by seed ${SEED}; again with KINTSUGI_SEED=${SEED}`);
const FLIPS = 15;

let root = '';
let sound = '';
const options = { clock: systemClock, segmentBytes: 128 * 1024 };

/** A closed ledger of three segments. */
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-damage-'));
  sound = join(root, 'sound');
  const ledger = await openLedgerDirectory(sound, options);
  for (let n = 0; n < 800; n += 1) {
    const payloads = n % 7 === 0 ? [Buffer.from(`sealed ${n}`)] : [];
    await ledger.sequencer.append([{ ...entryOf(eventOf(`${n}`.repeat(1 + (n % 9)))), payloads }]);
  }
  await ledger.close();
});
afterAll(() => rmSync(root, { recursive: true }));

/** Gives what is found in a copy of the ledger after `change`, and whether it would be opened. */
async function foundAfter(change: (dir: string) => void) {
  const dir = join(root, 'changed');
  cpSync(sound, dir, { recursive: true });
  try {
    change(dir);
    const verdict = await verifyLedger(dir).catch((error: { code: string }) => ({ kind: error.code, tornBytes: 0 }));
    const opened = await openLedgerDirectory(dir, options).then(
      async (ledger) => {
        await ledger.close();
        return 'opened';
      },
      (error: { code?: string }) => error.code,
    );
    return { verdict, opened };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function flipIn(path: string, length: number, random: Random): number {
  const bytes = readFileSync(path);
  const at = Math.floor(random.next() * length);
  bytes[at]! ^= 1 << Math.floor(random.next() * 8);
  writeFileSync(path, bytes);
  return at;
}

describe('damage to the files of a ledger', () => {
  it('of one bit, anywhere in any of them, is found, with the file and the first entry', async () => {
    const random = seededRandom(SEED);
    const files = readdirSync(sound).toSorted();
    expect(files.filter((name) => name.endsWith('.segment')).length).toBeGreaterThan(2);
    for (const file of files) {
      const isSegment = file.endsWith('.segment');
      const bytes = readFileSync(join(sound, file));
      const { frames } = scanSegment(bytes, Number.parseInt(file, 10), isSegment ? Number.POSITIVE_INFINITY : 0);
      for (let flip = 0; flip < FLIPS; flip += 1) {
        let at = 0;
        const { verdict } = await foundAfter((dir) => {
          at = flipIn(join(dir, file), bytes.length, random);
        });
        const where = `bit in byte ${at} of ${file}`;
        const isBehindAll = file === files.findLast((name) => name.endsWith('.segment')) && at >= frames.at(-1)!.end;
        // Nobody can tell a byte behind all entries from a write that was cut off; it is told as one.
        if (isBehindAll && 'tornBytes' in verdict) expect(verdict.tornBytes, where).toBeGreaterThan(0);
        // An older version that is read as well says nothing that the files do not say themselves.
        else expect(verdict.kind, where).toMatch(file === 'version' ? /^tampered|ledger\.newer|intact$/ : /^tampered$/);
        if (!isSegment || !('file' in verdict)) continue;
        expect(verdict.file, where).toBe(file);
        const frame = frames.find(({ end }) => at < end) ?? { first: 800, offset: frames.at(-1)!.end };
        // Behind the last frame of a segment that is not the last one, the entry is the first of the next.
        if (frames.some(({ end }) => at < end)) expect(verdict.offset, where).toBe(frame.offset);
        expect(verdict.index, where).toBeDefined();
      }
    }
  }, 120_000);

  it('by a cut of any file, at any length, or by the loss of it, is found and not repaired in silence', async () => {
    const random = seededRandom(SEED + 1);
    for (const file of readdirSync(sound)) {
      const { length } = readFileSync(join(sound, file));
      const { end } = scanSegment(readFileSync(join(sound, file)), Number.parseInt(file, 10) || 0, 1e9);
      for (const cut of [0, Math.floor(random.next() * (end || length))]) {
        const { verdict, opened } = await foundAfter((dir) => truncateSync(join(dir, file), cut));
        expect([verdict.kind, opened], `${file} cut to ${cut}`).toEqual(['tampered', 'ledger.tampered']);
      }
      const { verdict, opened } = await foundAfter((dir) => rmSync(join(dir, file)));
      // To verify, one half of the key is enough; to write, it is not.
      const kind = file === 'key.pem' || file === 'vkey' ? 'intact' : 'tampered';
      expect([verdict.kind, opened], `${file} missing`).toEqual([kind, 'ledger.tampered']);
    }
  }, 60_000);

  it('of the note of what was cut off is told by name', async () => {
    for (const text of ['', '{', '[]', '{"droppedBytes":"x","atIndex":1}']) {
      const { opened } = await foundAfter((dir) => writeFileSync(join(dir, 'recovered.json'), text));
      expect(opened, text).toBe('ledger.tampered');
    }
  });
});

describe('a clock that jumps', () => {
  it('to 1970, to 2106 and back stops neither entries nor checkpoints, and what is signed stays sound', async () => {
    const dir = join(root, 'jumping');
    const socketPath = join(root, 'jumping.sock');
    const jump = { ms: 0 };
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + jump.ms };
    const ledger = await startLedger({ dir, socketPath, clock, log: createLog('ledger', 'silent') });
    const client = ledgerClient(socketPath);
    const jumps = [0, -systemClock.now(), 0, 80 * 365 * 86_400_000, -3_600_000, -systemClock.now() - 1000, 0];
    for (const [n, ms] of jumps.entries()) {
      jump.ms = ms;
      expect((await client.appendSigned([eventOf(`jump ${n}`)], systemClock.deadline(10_000))).indices).toEqual([n]);
    }
    await client.close();
    await ledger.close();
    expect(await verifyLedger(dir)).toMatchObject({ kind: 'intact', size: jumps.length, unsigned: 0 });
  });
});

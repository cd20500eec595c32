import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import { ledgerClient } from '../src/ledger/client.ts';
import { startLedger } from '../src/ledger/server.ts';
import { formatVkey, leafHash, type NoteSigner, TileTree, tilePath } from '../src/ledger/tlog/tlog.ts';
import {
  naiveLeaf,
  naiveRoot,
  newSigner,
  publicFiles,
  sourceOf,
  textEntries,
} from '../test/conformance/tlog/log-in-memory.ts';
import type { AnchorPlace } from './chain.ts';
import type { LocalChain } from './local-chain.ts';

const here = import.meta.dirname;
// Each platform has an engine of its own, which npm leaves out where Node is too old for it.
const engines = join(here, 'node_modules/@nomicfoundation');
const isInstalled = existsSync(engines) && readdirSync(engines).some((name) => name.startsWith('edr-'));

// Only here, so that nothing of it is loaded where it is not installed.
const load = async () => ({
  ...(await import('./chain.ts')),
  ...(await import('./local-chain.ts')),
  ...(await import('./compile.ts')),
  ...(await import('./record.ts')),
  ...(await import('viem/accounts')),
});

describe.skipIf(!isInstalled)(
  `anchoring in a chain${isInstalled ? '' : ' (`npm run anchor:install` brings one)'}`,
  () => {
    let our: Awaited<ReturnType<typeof load>>;
    let local: LocalChain;
    let root: string;
    let contract: `0x${string}`;

    beforeAll(async () => {
      our = await load();
      root = mkdtempSync(join(tmpdir(), 'kin-anchor-'));
      local = await our.startLocalChain();
      contract = (await our.openChain(local.rpc).deploy(account(0))).contract;
    }, 60_000);

    afterAll(async () => {
      await local?.end();
      rmSync(root, { recursive: true, force: true });
    });

    const account = (n: number) => our.privateKeyToAccount(local.keys[n] as `0x${string}`);
    const placeOf = (origin: string, n = 0): AnchorPlace => ({ contract, by: account(n).address, origin });
    const headOf = (entries: readonly Buffer[]) => ({ size: entries.length, root: naiveRoot(entries.map(naiveLeaf)) });
    const treeOf = (entries: readonly Buffer[], signer = newSigner('log.example')) =>
      new TileTree(sourceOf(publicFiles(entries, signer)), entries.length);

    /** Writes a log as the static files of an export. */
    function writeLog(name: string, entries: readonly Buffer[], signer: NoteSigner): string {
      const dir = join(root, name);
      rmSync(dir, { recursive: true, force: true });
      for (const [path, bytes] of publicFiles(entries, signer)) {
        mkdirSync(dirname(join(dir, path)), { recursive: true });
        writeFileSync(join(dir, path), bytes);
      }
      return dir;
    }

    async function cli(...words: string[]) {
      const env = { ...process.env, KINTSUGI_ANCHOR_KEY: local.keys[0] };
      const child = spawn(process.execPath, [join(here, 'main.ts'), ...words, '--rpc', local.rpc], { env });
      const [stdout, stderr, code] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        new Promise((resolve) => child.on('exit', resolve)),
      ]);
      return { stdout, stderr, code };
    }

    const run = (command: string, log: string, signer: NoteSigner, ...more: string[]) =>
      cli(command, log, '--contract', contract, '--public-key', formatVkey(signer.key), ...more);

    test('the compiled contract is the one of the source', () => {
      expect(readFileSync(our.ARTEFACT, 'utf8')).toBe(our.compileContract());
    });

    test('the contract proves what RFC 9162 proves, for each entry and each pair of sizes, and nothing else', async () => {
      const chain = our.openChain(local.rpc);
      const entries = textEntries(9);
      const tree = treeOf(entries);
      for (let size = 1; size <= entries.length; size += 1) {
        const head = headOf(entries.slice(0, size));
        for (let index = 0; index < size; index += 1) {
          const path = await tree.inclusionProof(index, size);
          const leaf = leafHash(entries[index]!);
          expect(await chain.holds(contract, head, leaf, index, path), `${index} of ${size}`).toBe(true);
          const other = leafHash(Buffer.from('another'));
          expect(await chain.holds(contract, head, other, index, path)).toBe(false);
          expect(await chain.holds(contract, head, leaf, index + size, path)).toBe(false);
          expect(await chain.holds(contract, head, leaf, index, [...path, other])).toBe(false);
          if (path.length > 1) expect(await chain.holds(contract, head, leaf, index, path.toReversed())).toBe(false);
        }
        for (let old = 0; old <= size; old += 1) {
          const before = headOf(entries.slice(0, old));
          const path = await tree.consistencyProof(old, size);
          expect(await chain.continues(contract, before, head, path), `${old} to ${size}`).toBe(true);
          expect(await chain.continues(contract, before, head, [...path, before.root])).toBe(false);
          if (old === size) continue;
          expect(await chain.continues(contract, head, before, path)).toBe(false);
          const fork = headOf([...entries.slice(0, size - 1), Buffer.from('another')]);
          if (old > 0) expect(await chain.continues(contract, before, fork, path)).toBe(false);
        }
      }
    }, 120_000);

    test('a head moves forwards only, along one history, and only for who holds the key', async () => {
      const chain = our.openChain(local.rpc);
      const place = placeOf('forwards.example');
      const entries = textEntries(300);
      const tree = treeOf(entries);
      expect(await chain.head(place)).toBeUndefined();
      const nothing = { size: 0, root: Buffer.alloc(32) };
      await expect(chain.anchor(place, account(0), nothing, [])).rejects.toThrow(/NotATree|reverted/);
      await chain.anchor(place, account(0), headOf(entries.slice(0, 100)), []);
      await chain.anchor(place, account(0), headOf(entries.slice(0, 257)), await tree.consistencyProof(100, 257));
      const anchored = await chain.head(place);
      expect(anchored).toMatchObject(headOf(entries.slice(0, 257)));

      const smaller = chain.anchor(place, account(0), headOf(entries.slice(0, 100)), []);
      await expect(smaller).rejects.toThrow('257 entries are anchored and the log shows 100: it was rolled back');
      const other = [...entries.slice(0, 256), Buffer.from('another')];
      await expect(chain.anchor(place, account(0), headOf(other), [])).rejects.toThrow(our.AnchorRefused);
      const longer = [...other, ...entries.slice(257)];
      const own = await treeOf(longer).consistencyProof(257, 300);
      await expect(chain.anchor(place, account(0), headOf(longer), own)).rejects.toThrow('do not continue the 257');
      await expect(chain.anchor(place, account(0), headOf(entries), [])).rejects.toThrow(our.AnchorRefused);
      expect(await chain.head(place)).toEqual(anchored);

      // Another account has heads of its own, and moves nobody else's.
      await chain.anchor({ ...place, by: account(1).address }, account(1), headOf(other), []);
      expect(await chain.head(place)).toEqual(anchored);
      expect((await chain.anchorings(place)).map(({ size }) => size)).toEqual([100, 257]);
      const path = await tree.inclusionProof(7, 257);
      expect(await chain.included(place, leafHash(entries[7]!), 7, path)).toBe(true);
      expect(await chain.included(place, leafHash(entries[8]!), 7, path)).toBe(false);
    }, 60_000);

    test('the command anchors an export, and tells a log that goes on from one that was changed', async () => {
      const signer = newSigner('command.example');
      const entries = textEntries(700);
      const by = account(0).address;
      const early = writeLog('early', entries.slice(0, 300), signer);
      const late = writeLog('late', entries, signer);
      expect(await run('verify', late, signer, '--by', by)).toMatchObject({ code: 66 });
      const first = await run('anchor', early, signer);
      expect(first).toMatchObject({ code: 0, stderr: '' });
      expect(first.stdout).toMatch(
        /^anchored: 300 entries of command\.example\ntransaction 0x[0-9a-f]{64} in block \d+, \d+ gas\n$/,
      );
      expect((await run('anchor', early, signer)).stdout).toBe('already anchored: 300 entries of command.example\n');
      const verified = await run('verify', late, signer, '--by', by);
      expect(verified).toMatchObject({ code: 0 });
      expect(verified.stdout).toMatch(
        /^continued\n[\s\S]*anchored +300 entries, on the chain since \d{4}-[\s\S]*entries +700 /,
      );
      expect((await run('anchor', late, signer)).stdout).toContain('anchored: 700 entries');

      const rewritten = writeLog(
        'rewritten',
        [...entries.slice(0, 12), Buffer.from('!'), ...entries.slice(13)],
        signer,
      );
      expect(await run('verify', rewritten, signer, '--by', by)).toMatchObject({ code: 2, stdout: '' });
      expect(await run('anchor', rewritten, signer)).toMatchObject({ code: 2, stdout: '' });
      const rolledBack = await run('verify', early, signer, '--by', by);
      expect(rolledBack).toMatchObject({ code: 2, stdout: '' });
      expect(rolledBack.stderr).toContain('700 entries are anchored and the log shows 300');
      expect(await run('anchor', early, signer)).toMatchObject({ code: 2 });
      expect(await run('verify', late, newSigner('command.example'), '--by', by)).toMatchObject({ code: 2 });
      // The log that goes on cannot prove it without its hashes.
      const grown = writeLog('grown', [...entries, Buffer.from('more')], signer);
      rmSync(join(grown, tilePath({ level: 0, index: 2, width: 701 - 512 })));
      expect(await run('verify', grown, signer, '--by', by)).toMatchObject({ code: 2 });
    }, 120_000);

    test('an anchoring of a running ledger is on its record, once', async () => {
      const dir = join(root, 'ledger');
      const socketPath = join(root, 'ledger.sock');
      const log = createLog('t', 'silent');
      const ledger = await startLedger({ dir, socketPath, clock: systemClock, log });
      const client = ledgerClient(socketPath);
      try {
        const event = { at: '2026-11-20T12:00:00.000Z', type: 'move.applied', class: 7001, subject: 'rep_1', data: {} };
        const actor = { kind: 'system', name: 'control' } as const;
        await client.appendSigned([{ ...event, id: 'evt_1', actor }]);
        const words = ['anchor', socketPath, '--contract', contract, '--public-key', ledger.vkey];
        const anchored = await cli(...words, '--json');
        expect(anchored).toMatchObject({ code: 0, stderr: '' });
        const { transaction, block } = JSON.parse(anchored.stdout);
        expect(JSON.parse(anchored.stdout)).toMatchObject({ kind: 'anchored', size: 1, recordedAs: 1 });
        const { event: recorded } = (await client.entries(1, 1))[0]!;
        expect(recorded).toMatchObject({
          id: `checkpoint.anchored/31337/${transaction}`,
          actor: { kind: 'operator', name: account(0).address },
          data: { chain: 31337, contract, size: 1, transaction, block },
        });
        // The answer of the ledger was lost, or the run ended before it asked.
        const place = placeOf(ledger.vkey.split('+')[0]!);
        const [anchoring] = await our.openChain(local.rpc).anchorings(place);
        const again = await our.recordAnchoring(socketPath, { chain: 31337, place, anchoring: anchoring! });
        expect(again).toBe(1);
        expect(await client.entries(2, 1)).toEqual([]);
        await client.appendSigned([{ ...event, id: 'evt_2', actor }]);
        const next = await cli(...words, '--json');
        expect(JSON.parse(next.stdout)).toMatchObject({ kind: 'anchored', size: 3, recordedAs: 3 });
      } finally {
        await client.close();
        await ledger.close();
      }
    }, 60_000);

    test('a chain that is not there, a key that is none and a contract that is none are said to be so', async () => {
      const signer = newSigner('faults.example');
      const log = writeLog('faults', textEntries(3), signer);
      const words = ['--public-key', formatVkey(signer.key)];
      const nobody = await cli('verify', log, '--contract', account(1).address, '--by', account(0).address, ...words);
      expect(nobody).toMatchObject({ code: 69 });
      expect(await cli('anchor', log, '--contract', 'nonsense', ...words)).toMatchObject({ code: 64 });
      expect(await cli('anchor', log, '--contract', contract)).toMatchObject({ code: 64 });
      const key = join(root, 'key');
      writeFileSync(key, 'not a key');
      const bad = await run('anchor', log, signer, '--key-file', key);
      expect(bad).toMatchObject({ code: 64 });
      expect(bad.stderr).not.toContain('not a key\n');
      const away = await cli(
        'verify',
        log,
        '--contract',
        contract,
        '--by',
        contract,
        ...words,
        '--rpc',
        'http://127.0.0.1:9',
      );
      expect(away.code).not.toBe(0);
    }, 60_000);
  },
);

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { socketClient } from '../base/socket-http.ts';
import { type LedgerClient, ledgerClient } from './client.ts';
import type { WitnessState } from './cosigner.ts';
import type { LedgerEvent } from './entry.ts';
import { readPolicyFile } from './policy-file.ts';
import { type RunningLedger, startLedger } from './server.ts';
import { openSnapshot } from './snapshot.ts';
import { httpSource } from './tlog/http-source.ts';
import { verifyLog } from './tlog/log-verifier.ts';
import { parseVkey } from './tlog/note-key.ts';
import { judgeCheckpoint } from './tlog/policy.ts';
import { openWitnessDirectory } from './witness-directory.ts';
import { type RunningWitness, startWitness } from './witness-server.ts';

let root = '';
let dir = '';
let socketPath = '';
let ledger: RunningLedger;
let client: LedgerClient;
const witnesses: RunningWitness[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-wit-'));
  dir = join(root, 'ledger');
  socketPath = join(root, 'ledger.sock');
  client = ledgerClient(socketPath);
  ledger = await start();
});
afterEach(async () => {
  for (const witness of witnesses.splice(0)) await witness.close();
  await client.close();
  await ledger.close();
  rmSync(root, { recursive: true });
});

const log = createLog('t', 'silent');
const start = () => startLedger({ dir, socketPath, clock: systemClock, log, segmentBytes: 128 * 1024 });

async function startOne(name: string, port = 0): Promise<RunningWitness> {
  const logs = [parseVkey(ledger.vkey)!];
  const place = { dir: join(root, name), name: `witness.example/${name}`, host: '127.0.0.1', port };
  const witness = await startWitness({ ...place, logs, clock: systemClock, log });
  witnesses.push(witness);
  return witness;
}

/** The policy of two of three, put where the ledger finds it. */
function writePolicy(...asked: RunningWitness[]): string {
  const lines = asked.map(({ vkeys, url }, n) => `witness W${n} ${vkeys[0]} ${url}`);
  const names = asked.map((_, n) => `W${n}`).join(' ');
  const path = join(dir, 'policy');
  writeFileSync(path, `log ${ledger.vkey}\n${lines.join('\n')}\ngroup G 2 ${names}\nquorum G\n`);
  return path;
}

const event = (id: string): LedgerEvent => ({
  id,
  at: '2026-01-02T03:04:05.678Z',
  type: 'move.applied',
  class: 7001,
  actor: { kind: 'system', name: 'control' },
  subject: 'Workload/records',
  data: {},
});

async function ask<T>(path: string): Promise<T> {
  const http = socketClient(socketPath, 'ledger.unreachable');
  try {
    return await http.call<T>('GET', path);
  } finally {
    await http.close();
  }
}

type States = { unwitnessedMs: number; witnesses: WitnessState[] };

async function until(holds: (states: States) => boolean | Promise<boolean>): Promise<States> {
  const deadline = systemClock.deadline(10_000);
  for (;;) {
    const states = await ask<States>('/v1/witnesses');
    if (await holds(states)) return states;
    await systemClock.sleep(20, deadline);
  }
}

const published = async () => {
  const bytes = await httpSource({ url: 'http://ledger', socketPath }).read('checkpoint', 1e6);
  return Buffer.from(bytes!).toString('utf8');
};

describe('a ledger with witnesses', () => {
  it('publishes what enough of them saw, and keeps taking entries while they are away', async () => {
    const three = [await startOne('a'), await startOne('b'), await startOne('c')];
    const path = writePolicy(...three);
    await ledger.close();
    ledger = await start();
    const policy = readPolicyFile(path);
    const sizeOf = async () => {
      const verdict = judgeCheckpoint(await published(), policy);
      return verdict.kind === 'accepted' ? verdict.checkpoint.size : undefined;
    };
    await client.append([event('a'), event('b')]);
    await until(async () => (await sizeOf()) === 2);
    const source = httpSource({ url: 'http://ledger', socketPath });
    expect(await verifyLog({ source, policy })).toMatchObject({ kind: 'accepted', checkpoint: { size: 2 } });

    for (const witness of witnesses.splice(1)) await witness.close();
    await client.append([event('c')]);
    const states = await until(({ witnesses }) => witnesses.some(({ state }) => state === 'unreachable'));
    expect(states.witnesses.map(({ state }) => state)).toEqual(['cosigned', 'unreachable', 'unreachable']);
    expect(states.unwitnessedMs).toBeGreaterThan(0);
    expect(await sizeOf()).toBe(2);
    await expect(ask('/v1/receipt?id=c')).rejects.toMatchObject({ code: 'ledger.unwitnessed' });

    await ledger.close();
    ledger = await start();
    expect(await sizeOf()).toBe(2);
    await startOne('b', Number(new URL(three[1]!.url).port));
    await until(async ({ unwitnessedMs }) => unwitnessedMs === 0 && (await sizeOf()) === 3);
    const snapshot = await openSnapshot(dir, { clock: systemClock });
    expect(snapshot.size).toBe(3);
  });

  it('goes without them when its policy cannot be used', async () => {
    writeFileSync(join(dir, 'policy'), 'quorum everybody\n');
    await ledger.close();
    ledger = await start();
    await client.appendSigned([event('a')]);
    expect(await ask('/v1/witnesses')).toEqual({ unwitnessedMs: 0, witnesses: [] });
  });

  it('whose past is another than they saw is told so, and does not start on its own older copy', async () => {
    const two = [await startOne('a'), await startOne('b')];
    const path = writePolicy(...two);
    await ledger.close();
    const before = new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name))]));
    ledger = await start();
    await client.append([event('a'), event('b')]);
    await until(async () => judgeCheckpoint(await published(), readPolicyFile(path)).kind === 'accepted');
    await client.append([event('c')]);
    await until(({ witnesses }) => witnesses.every(({ size }) => size === 3));
    await ledger.close();
    const seen = readFileSync(join(dir, 'witnessed'));

    // A backup of all but what was witnessed: shorter than what the witnesses saw.
    const restore = (keep: (name: string) => boolean) => {
      for (const name of readdirSync(dir)) if (!keep(name)) rmSync(join(dir, name));
      for (const [name, bytes] of before) if (!keep(name)) writeFileSync(join(dir, name), bytes);
    };
    restore((name) => name === 'witnessed');
    await expect(start()).rejects.toMatchObject({ code: 'ledger.tampered' });
    await expect(openSnapshot(dir, { clock: systemClock })).rejects.toMatchObject({ code: 'ledger.tampered' });

    restore(() => false);
    ledger = await start();
    await client.append(['x', 'y', 'z'].map(event));
    const { witnesses } = await until(({ witnesses }) => witnesses.every(({ state }) => state === 'refused'));
    expect(witnesses).toMatchObject([{ conflict: true }, { conflict: true }]);
    await ledger.close();
    writeFileSync(join(dir, 'witnessed'), seen);
    await expect(start()).rejects.toMatchObject({ code: 'ledger.tampered' });
    rmSync(join(dir, 'witnessed'));
    ledger = await start();
  });
});

describe('the folder of a witness', () => {
  it('is for one process, and its keys come back', () => {
    const place = join(root, 'w');
    const first = openWitnessDirectory(place, 'witness.example/w');
    expect(() => openWitnessDirectory(place, undefined)).toThrow(expect.objectContaining({ code: 'state.in-use' }));
    first.release();
    const second = openWitnessDirectory(place, undefined);
    expect(second.signers.map(({ key }) => key.id)).toEqual(first.signers.map(({ key }) => key.id));
    second.release();
    writeFileSync(join(place, 'key.pem'), 'nonsense');
    expect(() => openWitnessDirectory(place, undefined)).toThrow(expect.objectContaining({ code: 'state.corrupt' }));
  });

  it('that was cut short at birth is born again', () => {
    const place = join(root, 'w');
    openWitnessDirectory(place, 'witness.example/w').release();
    rmSync(join(place, 'name'));
    const again = openWitnessDirectory(place, 'witness.example/other');
    expect(again.signers[0]?.key.name).toBe('witness.example/other');
    again.release();
  });
});

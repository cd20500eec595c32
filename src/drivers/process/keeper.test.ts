import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { digestOfPath } from '../../base/digest.ts';
import { createLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { openStateDirectory, type StateDirectory } from '../../base/state-directory.ts';
import type { InstanceStart } from '../driver.ts';
import { type Keeper, startKeeper } from './keeper.ts';
import { identityOf } from './process-identity.ts';
import { type ProcessDriver, processDriver } from './process-driver.ts';
import type { KeeperEvent } from './protocol.ts';
import type { SystemProcess } from './system-process.ts';
import { RESTARTS } from './restart-intensity.ts';

const log = createLog('test', 'silent');
let root: string;
let state: StateDirectory;
let keeper: Keeper | undefined;
let driver: ProcessDriver;
let artefact: InstanceStart['artefact'];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-k-'));
  state = openStateDirectory(join(root, 's'));
  driver = processDriver(state.socket('keeper'), systemClock);
  const path = join(root, 'server.ts');
  writeFileSync(path, SERVER);
  artefact = { path, digest: await digestOfPath(path) };
});

afterEach(async () => {
  await driver.close();
  await keeper?.down();
  keeper = undefined;
  rmSync(root, { recursive: true, force: true });
});

const SERVER = `
import { createServer } from 'node:net';
const { PORT, HOST } = process.env;
console.log(JSON.stringify(process.env));
createServer((socket) => socket.end('hello')).listen(Number(PORT), HOST, () => console.log('listening'));
`;

async function keep(system: readonly SystemProcess[] = [], clock: Clock = systemClock): Promise<Keeper> {
  keeper = await startKeeper({ state, clock, random: seededRandom(1), log, system });
  return keeper;
}

function instance(id: string, command: readonly string[], change: Partial<InstanceStart> = {}): InstanceStart {
  return {
    id,
    epoch: 1,
    workload: 'web',
    version: 3,
    region: 'eu',
    host: '127.0.0.1',
    port: 0,
    spec: { command, cwd: root, env: { COLOUR: 'gold' }, limits: {} },
    artefact,
    ...change,
  };
}

function system(id: string, script: string, order = 0): SystemProcess {
  return { id, command: ['sh', '-c', script], env: {}, cwd: root, order, stopSignal: 'SIGTERM', killAfterMs: 2_000 };
}

const STOP = { epoch: 1, signal: 'SIGTERM', killAfterMs: 2_000, reason: 'test' } as const;

/** The first event that fits, told by the keeper's stream. */
async function event(fits: (event: KeeperEvent) => boolean, after = 0): Promise<KeeperEvent> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, systemClock.deadline(8_000)]);
  try {
    for await (const each of driver.events(after, signal)) if (fits(each)) return each;
  } finally {
    ended.abort();
  }
  throw new Error('the event did not come');
}

async function logLine(id: string, part: string): Promise<string> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, systemClock.deadline(8_000)]);
  try {
    for await (const line of driver.logs(id, { lines: 100, follow: true }, signal))
      if (line.includes(part)) return line;
  } finally {
    ended.abort();
  }
  throw new Error(`no line with ${part}`);
}

async function get(path: string): Promise<string> {
  const [answer] = (await once(request({ socketPath: state.socket('keeper'), path }).end(), 'response')) as [
    IncomingMessage,
  ];
  return (await answer.setEncoding('utf8').toArray()).join('');
}

function greeting(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    connect(port, host)
      .on('data', (data) => resolve(String(data)))
      .on('error', reject);
  });
}

test('an instance runs with its own environment and answers on the port that it was given', async () => {
  await keep();
  process.env['KINTSUGI_TEST_LEAK'] = 'secret';
  const status = await driver.start(instance('ins_1', ['node', artefact.path]));
  delete process.env['KINTSUGI_TEST_LEAK'];
  expect(status).toMatchObject({
    id: 'ins_1',
    role: 'instance',
    state: 'running',
    workload: 'web',
    version: 3,
    exit: null,
  });
  await logLine('ins_1', 'listening');
  expect(await greeting(status.host, status.port)).toBe('hello');
  const env = await logLine('ins_1', 'COLOUR');
  expect(JSON.parse(env.slice(env.indexOf('{')))).toMatchObject({
    COLOUR: 'gold',
    PORT: String(status.port),
    HOST: '127.0.0.1',
    KINTSUGI_INSTANCE: 'ins_1',
    KINTSUGI_WORKLOAD: 'web',
    KINTSUGI_VERSION: '3',
    KINTSUGI_REGION: 'eu',
    PATH: process.env['PATH'],
  });
  expect(env).not.toContain('KINTSUGI_TEST_LEAK');
  expect(readFileSync(state.keeperFile, 'utf8')).not.toContain('gold');
});

test('an id is started once: twice at a time, again later, and again after its end', async () => {
  await keep();
  const command = instance('ins_1', ['sh', '-c', 'echo begun; exec sleep 60']);
  const [first, second] = await Promise.all([driver.start(command), driver.start(command)]);
  expect(second.pid).toBe(first.pid);
  expect((await driver.start(command)).pid).toBe(first.pid);
  await logLine('ins_1', 'begun');
  await driver.stop('ins_1', STOP);
  expect(await driver.start(command)).toMatchObject({ state: 'exited', pid: null });
  expect(readFileSync(join(state.logs, 'ins_1.log'), 'utf8').match(/begun/g)).toHaveLength(1);
});

test('a leader that has only said that it leads shuts out the former one', async () => {
  await keep();
  await driver.start(instance('ins_1', ['sleep', '60'], { epoch: 5 }));
  await driver.raiseFence(6);
  await expect(driver.stop('ins_1', { ...STOP, epoch: 5 })).rejects.toMatchObject({ code: 'keeper.refused' });
  await expect(driver.raiseFence(5)).rejects.toMatchObject({ code: 'keeper.refused' });
  expect(await driver.list()).toMatchObject([{ id: 'ins_1', state: 'running' }]);
  await driver.stop('ins_1', { ...STOP, epoch: 6 });
});

test('a former leader is refused, also by the next keeper', async () => {
  const first = await keep();
  await driver.start(instance('ins_1', ['sleep', '60'], { epoch: 5 }));
  const stale = { code: 'keeper.refused', message: expect.stringContaining('epoch 4 is over') };
  await expect(driver.start(instance('ins_2', ['sleep', '60'], { epoch: 4 }))).rejects.toMatchObject(stale);
  await expect(driver.stop('ins_1', { ...STOP, epoch: 4 })).rejects.toMatchObject(stale);
  expect(await driver.list()).toMatchObject([{ id: 'ins_1', state: 'running' }]);
  await first.down();
  await keep();
  await expect(driver.stop('ins_1', { ...STOP, epoch: 4 })).rejects.toMatchObject(stale);
  expect(await driver.stop('ins_1', { ...STOP, epoch: 5 })).toMatchObject({ state: 'exited' });
});

test('an exit is told at once, with its code and its last words, and nothing is started again', async () => {
  await keep();
  await driver.start(instance('ins_1', ['sh', '-c', 'echo one; printf "dying words" >&2; exit 7']));
  const { child } = await event(({ type }) => type === 'exited');
  expect(child).toMatchObject({ id: 'ins_1', state: 'exited', pid: null });
  expect(child.exit).toMatchObject({ code: 7, signal: null, expected: false, lastLines: ['one', 'dying words'] });
  expect((await driver.list())[0]).toEqual(child);
});

test('a kill reaches a reader of the events within 50 ms', async () => {
  await keep();
  const latenciesMs: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { pid } = await driver.start(instance(`ins_${i}`, ['sleep', '60']));
    const reader = driver.events(0, systemClock.deadline(8_000));
    let killedMs = 0;
    for await (const { type, child } of reader) {
      if (child.id !== `ins_${i}`) continue;
      if (type === 'exited') break;
      killedMs = systemClock.monotonicMs();
      process.kill(pid ?? 0, 'SIGKILL');
    }
    latenciesMs.push(systemClock.monotonicMs() - killedMs);
  }
  // The best of five: the claim is that nothing polls, not that this machine is idle.
  expect(Math.min(...latenciesMs)).toBeLessThan(50);
});

test('what ignores SIGTERM, or is suspended, is killed with its whole group after the given time', async () => {
  await keep();
  const stubborn = "trap '' TERM; sleep 60 & echo $! child; while :; do wait; done";
  await driver.start(instance('ins_1', ['sh', '-c', stubborn]));
  const grandchild = Number((await logLine('ins_1', 'child')).split(' ')[2]);
  await driver.signal('ins_1', { signal: 'SIGSTOP', reason: 'test' });
  const stopped = await driver.stop('ins_1', { ...STOP, killAfterMs: 100 });
  expect(stopped.exit).toMatchObject({ signal: 'SIGKILL', expected: true });
  await expect.poll(() => identityOf(grandchild), { interval: 5 }).toBeUndefined();
});

test('a suspended process that is told to stop wakes up and ends by itself', async () => {
  await keep();
  await driver.start(
    instance('ins_1', ['sh', '-c', "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done"]),
  );
  await logLine('ins_1', 'up');
  await driver.signal('ins_1', { signal: 'SIGSTOP', reason: 'test' });
  const { exit } = await driver.stop('ins_1', { ...STOP, killAfterMs: 5_000 });
  expect(exit).toMatchObject({ code: 0, signal: null, expected: true, lastLines: ['up', 'bye'] });
  expect(await driver.stop('ins_1', STOP)).toMatchObject({ state: 'exited' });
});

test('a start that cannot be says why and does not use the id up', async () => {
  await keep();
  const { spec } = instance('x', ['sleep', '60']);
  const refusals = [
    [{ spec: { ...spec, command: ['/no/such/command'] } }, 'instance.start-failed', 'ENOENT'],
    [{ spec: { ...spec, cwd: '/no/such/folder' } }, 'instance.start-failed', '/no/such/folder'],
    [{ artefact: { path: '/no/such/artefact', digest: artefact.digest } }, 'artefact.missing', '/no/such/artefact'],
    [{ artefact: { ...artefact, digest: `sha256:${'0'.repeat(64)}` } }, 'artefact.drifted', 'not what was declared'],
  ] as const;
  for (const [change, code, part] of refusals) {
    const refused = driver.start(instance('ins_1', ['sleep', '60'], change));
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(part) });
  }
  expect(await driver.list()).toEqual([]);
  expect(await driver.start(instance('ins_1', ['sleep', '60']))).toMatchObject({ state: 'running' });
});

test('hostile ids, commands and targets are refused', async () => {
  await keep([system('ledger', 'exec sleep 60')]);
  const invalid = { code: 'request.invalid' };
  await expect(driver.start(instance('../evil', ['sleep', '60']))).rejects.toMatchObject(invalid);
  await expect(driver.start(instance('ins_1', []))).rejects.toMatchObject(invalid);
  await expect(driver.start(instance('ledger', ['sleep', '60']))).rejects.toMatchObject({ code: 'keeper.refused' });
  await expect(driver.stop('ledger', STOP)).rejects.toMatchObject({ code: 'keeper.refused' });
  await expect(driver.stop('ins_9', STOP)).rejects.toMatchObject({ code: 'resource.unknown' });
});

test('a system process that is killed is started again', async () => {
  await keep([system('ledger', 'echo up; exec sleep 60')]);
  const { child, sequence } = await event(({ type }) => type === 'started');
  await driver.signal('ledger', { signal: 'SIGKILL', reason: 'drill' });
  const exited = await event(({ type }) => type === 'exited', sequence);
  expect(exited.child.exit).toMatchObject({ signal: 'SIGKILL', expected: false });
  const again = await event(({ type }) => type === 'started', sequence);
  expect(again.child.restarts).toBe(1);
  expect(again.child.pid).not.toBe(child.pid);
});

/** A clock on which everything takes a fortieth of its time, so that a minute of crashes fits into a test. */
const FASTER = 40;
const fastClock: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * FASTER,
  after: (ms, run) => systemClock.after(ms / FASTER, run),
};

test('a system process that keeps crashing is tried later and later, given up after eleven ends, and tried again', async () => {
  const events: (KeeperEvent & { atMs: number })[] = [];
  const kept = await keep([system('control', 'echo no luck; exit 1')], fastClock);
  kept.onEvent((each) => events.push({ ...each, atMs: fastClock.monotonicMs() }));
  await event(({ type }) => type === 'failed');
  const exits = events.filter(({ type }) => type === 'exited');
  expect(exits).toHaveLength(11);
  // A busy machine makes each wait longer, and none shorter.
  const gaps = exits.slice(1).map(({ atMs }, n) => atMs - exits[n]!.atMs);
  const waits = gaps.map((_, n) => Math.min(RESTARTS.firstDelayMs * 2 ** n, RESTARTS.delayMaxMs));
  for (const [n, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(waits[n]!);
  expect(kept.children()[0]).toMatchObject({ state: 'failed', exit: { code: 1, lastLines: ['no luck'] } });
  const { sequence } = events.at(-1) as KeeperEvent;
  expect(await event(({ type }) => type === 'started', sequence)).toMatchObject({ child: { restarts: 11 } });
});

test('going down stops gateways, control, instances by their order, and then what they stand on', async () => {
  const kept = await keep(
    ['postgres', 'ledger', 'control', 'gateway-1'].map((id, order) => system(id, 'exec sleep 60', order)),
  );
  await driver.setStopOrder({ front: 0, back: 1 });
  await driver.start(instance('ins_back', ['sleep', '60'], { workload: 'back' }));
  await driver.start(instance('ins_front', ['sleep', '60'], { workload: 'front' }));
  const exits: string[] = [];
  kept.onEvent(({ type, child }) => void (type === 'exited' && exits.push(child.id)));
  await driver.down();
  await expect(driver.start(instance('ins_late', ['sleep', '60']))).rejects.toThrow();
  await kept.done;
  expect(exits).toEqual(['gateway-1', 'control', 'ins_front', 'ins_back', 'ledger', 'postgres']);
  await expect(driver.list()).rejects.toMatchObject({ code: 'keeper.unreachable' });
});

test('health and metrics are there for those who ask', async () => {
  await keep([system('ledger', 'exec sleep 60')]);
  await driver.start(instance('ins_1', ['true']));
  await event(({ type }) => type === 'exited');
  expect(await get('/livez')).toBe('ok\n');
  expect(await get('/readyz')).toBe('ok\n');
  const metrics = await get('/metrics');
  expect(metrics).toContain('kintsugi_keeper_children{role="system",state="running"} 1');
  expect(metrics).toContain('kintsugi_keeper_events_total{type="exited",role="instance",expected="false"} 1');
  expect(metrics).toContain('kintsugi_keeper_restarts{id="ledger"} 0');
});

test('a reader that was away is told what it missed', async () => {
  const kept = await keep();
  await driver.start(instance('ins_1', ['true']));
  const { sequence } = await event(({ type }) => type === 'exited');
  await driver.start(instance('ins_2', ['true']));
  await event(({ type, child }) => type === 'exited' && child.id === 'ins_2', sequence);
  const missed: KeeperEvent[] = [];
  for await (const each of driver.events(sequence, systemClock.deadline(5_000))) {
    missed.push(each);
    if (each.type === 'exited') break;
  }
  expect(missed.map(({ type, child }) => `${child.id} ${type}`)).toEqual(['ins_2 started', 'ins_2 exited']);
  expect(kept.children()).toHaveLength(2);
});

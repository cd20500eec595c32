import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { systemClock, toIso } from '../base/clock.ts';
import { digestOfPath } from '../base/digest.ts';
import { createLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { type Keeper, startKeeper } from '../drivers/process/keeper.ts';
import { type ProcessDriver, processDriver } from '../drivers/process/process-driver.ts';
import type { IncidentSummary, InstanceStatus } from './answers.ts';
import type { DrillResult } from './drill-fault.ts';

let root: string;
let state: StateDirectory;
let keeper: Keeper;
let driver: ProcessDriver;
let control: Server;
let incidents: IncidentSummary[];
let stops: object[];
let recorded: DrillResult[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-d-'));
  state = openStateDirectory(join(root, 's'));
  [incidents, stops, recorded] = [[], [], []];
  const sleeper = {
    command: ['sleep', '60'],
    env: {},
    cwd: root,
    order: 0,
    stopSignal: 'SIGTERM',
    killAfterMs: 500,
  } as const;
  const log = createLog('test', 'silent');
  const system = [{ ...sleeper, id: 'control' }];
  keeper = await startKeeper({ state, clock: systemClock, random: seededRandom(3), log, system });
  driver = processDriver(state.socket('keeper'), systemClock);
  await startInstance('web-eu-0-a');
  control = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.end(JSON.stringify(answer(request.url ?? '', Buffer.concat(chunks).toString())));
  });
  await listenOnSocket(control, state.socket('control'));
});

afterEach(async () => {
  control.closeAllConnections();
  await new Promise((resolve) => control.close(resolve));
  await driver.close();
  await keeper.down();
  rmSync(root, { recursive: true, force: true });
});

async function startInstance(id: string): Promise<void> {
  const path = join(root, 'artefact');
  writeFileSync(path, 'x');
  const spec = { command: ['sleep', '60'], cwd: root, env: {}, limits: {} };
  const artefact = { path, digest: await digestOfPath(path) };
  const place = { workload: 'web', version: 1, region: 'eu', host: '127.0.0.1', port: 0 };
  await driver.start({ id, epoch: 1, ...place, spec, artefact });
}

/** As much of control as a drill asks for; what runs is what the keeper says. */
function answer(url: string, body: string): unknown {
  if (url.startsWith('/v1/incidents')) return { incidents };
  if (url === '/v1/drills') {
    recorded.push(JSON.parse(body).result);
    return { id: 'drl_1' };
  }
  const children = keeper.children();
  const instances = children.filter(({ role, state }) => role === 'instance' && state === 'running').slice(-1);
  const views = instances.map(({ id, pid, port }): InstanceStatus => {
    const place = { region: 'eu', ordinal: 0, version: 1, role: 'occupant', host: '127.0.0.1' } as const;
    return { id, pid, port, ...place, running: true, ready: true, startedAt: null };
  });
  const web = { name: 'web', phase: 'steady', targetVersion: 1, lastKnownGood: 1, heldBy: null, instances: views };
  const system = children.filter(({ role }) => role === 'system');
  const open = incidents.filter((each) => each.state === 'open');
  const base = { version: '0.1.0', leading: true, epoch: 1, fresh: true, stops, repairs: [], addresses: {} };
  return { ...base, workloads: [web], tenants: [], incidents: open, system };
}

/** Heals as control would: an incident for the death, another instance, and the end of the incident. */
function healDeaths(outcome: string): void {
  keeper.onEvent(({ type, child }) => {
    if (type !== 'exited' || child.id !== 'web-eu-0-a') return;
    const openedAt = toIso(systemClock.now());
    const about = {
      cause: 'instance-died',
      subject: `instance ${child.id}`,
      workload: 'web',
      summary: 'died',
      refusal: null,
    };
    incidents = [
      { id: 'inc_1', state: 'open', outcome: null, openedAt, detectedAt: openedAt, closedAt: null, ...about },
    ];
    void startInstance('web-eu-0-b').then(() => {
      incidents = incidents.map((each) => ({ ...each, state: 'closed', outcome, closedAt: toIso(systemClock.now()) }));
    });
  });
}

async function drill(...words: string[]) {
  const ended = await runCommand(['drill', ...words, '--json'], { stateDefault: state.root, env: { USER: 'anna' } });
  return { ...ended, result: ended.stdout ? (JSON.parse(ended.stdout) as DrillResult) : undefined };
}

test('a killed instance is healed when another serves in its slot and the incident is closed', async () => {
  healDeaths('healed');
  const { code, result } = await drill('kill', 'web');
  expect(code).toBe(0);
  expect(result).toMatchObject({
    fault: 'kill',
    target: 'web-eu-0-a',
    outcome: 'healed',
    incident: 'inc_1',
    takenBack: false,
  });
  expect(result?.replacedMs).toBeGreaterThanOrEqual(0);
  expect(result?.closedMs).toBeGreaterThanOrEqual(result?.openedMs ?? Number.NaN);
  expect(recorded).toMatchObject([{ target: 'web-eu-0-a', outcome: 'healed' }]);
});

test('an incident that ends otherwise fails the drill: exit code 1', async () => {
  healDeaths('unwound');
  const { code, result, stderr } = await drill('kill', 'web-eu-0-a');
  expect({ code, outcome: result?.outcome }).toEqual({ code: 1, outcome: 'unwound' });
  expect(JSON.parse(stderr)).toMatchObject({ code: 'drill.failed' });
});

test('a hang that nobody sees is taken back: the instance goes on', async () => {
  const { code, result } = await drill('hang', 'web', '--timeout', '1');
  expect({ code, outcome: result?.outcome, takenBack: result?.takenBack }).toEqual({
    code: 1,
    outcome: 'undetected',
    takenBack: true,
  });
  await driver.stop('web-eu-0-a', { epoch: 1, signal: 'SIGTERM', killAfterMs: 5_000, reason: 'test' });
  // A stopped process would have had to be killed.
  expect(keeper.children().find(({ id }) => id === 'web-eu-0-a')?.exit?.signal).toBe('SIGTERM');
});

test('a killed process of Kintsugi is restarted by the keeper', async () => {
  const before = keeper.children().find(({ id }) => id === 'control')?.pid;
  const { code, result } = await drill('kill-control');
  expect({ code, outcome: result?.outcome, target: result?.target }).toEqual({
    code: 0,
    outcome: 'restarted',
    target: 'control',
  });
  expect(keeper.children().find(({ id }) => id === 'control')?.pid).not.toBe(before);
});

test.each([
  [['kill', 'nobody'], /no instance or workload nobody; workloads are web/],
  [['noisy-tenant', 'shop'], /no tenant shop/],
  [['bad-release', 'web'], /needs -f FILE/],
  [['kill-ledger'], /no process ledger runs/],
  [['errors', 'web'], /does not answer on http/],
])('%j is refused: exit code 75, and nothing is broken', async (words, reason) => {
  const { code, stderr, stdout } = await drill(...words);
  expect({ code, stdout }).toEqual({ code: 75, stdout: '' });
  expect(JSON.parse(stderr)).toMatchObject({ code: 'drill.refused', detail: expect.stringMatching(reason) });
  expect(keeper.children().every(({ state }) => state === 'running')).toBe(true);
});

test('where healing is stopped, or an incident is open, no drill begins', async () => {
  stops = [{ id: 'stp_1', scope: 'global', reason: 'looking', by: 'anna', expiresAt: null }];
  expect((await drill('kill', 'web')).stderr).toContain('global is stopped by anna: looking');
  stops = [{ id: 'stp_1', scope: 'workload other', reason: 'looking', by: 'anna', expiresAt: null }];
  const open = {
    id: 'inc_0',
    state: 'open',
    outcome: null,
    cause: 'unknown',
    subject: 'workload web',
    workload: 'web',
  } as const;
  const at = { openedAt: toIso(0), detectedAt: toIso(0), closedAt: null, summary: '', refusal: null };
  incidents = [{ ...open, ...at }];
  expect((await drill('kill', 'web')).stderr).toContain('incident inc_0 is open on workload web');
});

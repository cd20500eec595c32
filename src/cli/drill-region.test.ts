import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock as clock, toIso } from '../base/clock.ts';
import { digestOfPath } from '../base/digest.ts';
import { createLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { type Keeper, startKeeper } from '../drivers/process/keeper.ts';
import { type ProcessDriver, processDriver } from '../drivers/process/process-driver.ts';
import { SCHEMAS } from '../resources/resource.ts';
import type { DrillResult } from './drill-fault.ts';
import { runCli } from './program.ts';

const API = 'kintsugi.dev/v1alpha1';
const tenantOf = (name: string, regions: readonly string[]) =>
  SCHEMAS.Tenant.parse({
    apiVersion: API,
    kind: 'Tenant',
    metadata: { name },
    spec: { regions, identify: { hosts: [`${name}.test`] } },
  });
const WEB = SCHEMAS.Workload.parse({
  apiVersion: API,
  kind: 'Workload',
  metadata: { name: 'web' },
  spec: { artefact: { path: '.' }, command: ['true'], instances: { eu: 1, us: 1 }, route: { pathPrefix: '/notes' } },
});

let root: string;
let state: StateDirectory;
let keeper: Keeper;
let driver: ProcessDriver;
let servers: readonly Server[];
let gateway: string;
/** Whether requests of the tenant go elsewhere once something of its region has died. */
let leaves: boolean;
let served: Set<string>;
let started: number;
let heals: boolean;

/** Real processes in two regions; one that dies is followed by another, and a gateway that sends the tenant to its region. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'kin-dr-'));
  state = openStateDirectory(join(root, 's'));
  [leaves, served, started, heals] = [false, new Set(), 0, true];
  keeper = await startKeeper({ state, clock, random: seededRandom(3), log: createLog('test', 'silent'), system: [] });
  driver = processDriver(state.socket('keeper'), clock);
  await Promise.all([startInstance('eu'), startInstance('us')]);
  keeper.onEvent(({ type, child }) => {
    if (type === 'exited' && heals) void startInstance(child.region).catch(() => undefined);
  });
  const front = createServer((request, response) => {
    const region = leaves && hasDied('eu') ? 'us' : isUp('eu') ? 'eu' : undefined;
    if (region && request.headers.host === 'clinic.test') served.add(region);
    response.writeHead(region ? 200 : 503).end();
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  gateway = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const control = createServer(async (request, response) => {
    for await (const _ of request);
    response.end(JSON.stringify(answer(request.url ?? '')));
  });
  await listenOnSocket(control, state.socket('control'));
  servers = [front, control];
});

afterEach(async () => {
  heals = false;
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await driver.close();
  await keeper.down();
  rmSync(root, { recursive: true, force: true });
});

async function startInstance(region: string): Promise<void> {
  started += 1;
  const id = `web-${region}-0-${started}`;
  const path = join(root, 'artefact');
  writeFileSync(path, 'x');
  const artefact = { path, digest: await digestOfPath(path) };
  const spec = { command: ['sleep', '60'], cwd: root, env: {}, limits: {} };
  const place = { workload: 'web', version: 1, region, host: '127.0.0.1', port: 0 };
  await driver.start({ id, epoch: 1, ...place, spec, artefact });
}

function hasDied(region: string): boolean {
  return keeper.children().some((child) => child.region === region && child.exit !== null);
}

function isUp(region: string): boolean {
  return keeper.children().some((child) => child.region === region && child.state === 'running');
}

function answer(url: string): unknown {
  if (url.startsWith('/v1/incidents')) return { incidents: [] };
  if (url === '/v1/export') return { documents: [tenantOf('both', ['eu', 'us']), tenantOf('clinic', ['eu']), WEB] };
  if (url === '/v1/posture') return { at: toIso(0), rows: [{ tenant: 'clinic' }], unjudged: [] };
  if (url === '/v1/posture/clinic') {
    const regions = [...served].join();
    const status = served.has('us') ? 'not-satisfied' : 'satisfied';
    const reason = {
      fact: 'residency.instances',
      subject: 'clinic',
      status,
      text: regions,
      measuredAt: toIso(clock.now()),
    };
    return { results: [{ control: 'gdpr-art44', clause: 'Art. 44', framework: 'gdpr', status, reasons: [reason] }] };
  }
  if (url === '/v1/drills') return { id: 'drl_1' };
  const instances = keeper.children().map(({ id, region, state }) => ({ id, region, running: state === 'running' }));
  return { leading: true, stops: [], incidents: [], workloads: [{ name: 'web', instances }], addresses: { gateway } };
}

async function drill(...words: string[]) {
  const written = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    write(text: string) {
      written[name] += text;
    },
  });
  const outside = {
    clock,
    random: seededRandom(7),
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: { USER: 'anna' },
    isTty: false,
    stateDefault: state.root,
    openKeeper: (socketPath: string) => processDriver(socketPath, clock),
    runUp: async () => 0,
    runRole: async () => {},
  };
  const code = await runCli(outside, ['drill', 'region-lost', ...words, '--parameter', '1', '--json']);
  return { code, ...written, result: written.stdout ? (JSON.parse(written.stdout) as DrillResult) : undefined };
}

test('a tenant that nobody else serves while its region is gone is held, and served again', async () => {
  const { code, result } = await drill('--key', 'k');
  expect({ code, target: result?.target, outcome: result?.outcome }).toEqual({
    code: 0,
    target: 'tenant clinic',
    outcome: 'held',
  });
  expect(result?.satisfiedMs).toBeGreaterThanOrEqual(1_000);
  // Something was killed and followed by another. The other region is left alone.
  expect(started).toBeGreaterThanOrEqual(3);
  expect(keeper.children().filter(({ region, exit }) => region === 'us' && exit)).toEqual([]);
});

test('one that is served where it may not be has escaped: exit code 1, with the clause', async () => {
  leaves = true;
  const { code, result } = await drill('clinic', '--key', 'k');
  expect({ code, outcome: result?.outcome }).toEqual({ code: 1, outcome: 'escaped' });
  expect(result?.controls).toMatchObject([{ tenant: 'clinic', control: 'gdpr-art44', clause: 'Art. 44' }]);
});

test.each([
  [['clinic'], /needs --key/],
  [['both', '--key', 'k'], /both has one region alone/],
  [['nobody', '--key', 'k'], /nobody has one region alone/],
])('%j is refused, and nothing is killed', async (words, reason) => {
  const { code, stderr } = await drill(...words);
  expect({ code, started }).toEqual({ code: 75, started: 2 });
  expect(JSON.parse(stderr).detail).toMatch(reason);
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../test/fixtures/command-line.ts';
import { digestOf } from '../base/digest.ts';
import { KinError } from '../base/errors.ts';
import { toProblem } from '../base/problem.ts';
import { listenOnSocket } from '../base/socket-http.ts';
import { openStateDirectory, type StateDirectory } from '../base/state-directory.ts';
import { KINDS } from '../resources/resource.ts';

const STATUS = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/golden/cli/status.json'), 'utf8'));

let root: string;
let state: StateDirectory;
let server: Server | undefined;
const asked: { request: string; body: unknown }[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kin-c-'));
  state = openStateDirectory(join(root, 's'));
  asked.length = 0;
});

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
  rmSync(root, { recursive: true, force: true });
});

/** Answers on a socket of the state directory as `answers` say; notes what was asked. */
async function serve(process: 'control' | 'keeper', answers: Record<string, unknown>): Promise<void> {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const name = `${request.method} ${request.url}`;
    asked.push({ request: name, body: text ? JSON.parse(text) : undefined });
    const answer = answers[name] ?? new KinError('resource.unknown', `no ${name}`);
    const fault = answer instanceof Error ? toProblem(answer) : undefined;
    response.writeHead(fault?.status ?? 200).end(JSON.stringify(fault?.body ?? answer));
  });
  await listenOnSocket(server, state.socket(process));
}

async function run(...words: string[]) {
  const calls: unknown[] = [];
  const ended = await runCommand(words, {
    env: { USER: 'anna' },
    stateDefault: state.root,
    timeZone: 'UTC',
    runUp: async (options) => calls.push(options) + 4,
    runRole: async (role, options) => void calls.push({ role, ...options }),
  });
  return { calls, ...ended };
}

test('up hands its options over and ends with the exit code that it is given', async () => {
  const { code, calls } = await run(
    'up',
    'stack.yaml',
    '--port',
    '0',
    '--gateways',
    '3',
    '--with',
    'npm start',
    '--json',
  );
  expect(code).toBe(5);
  const ports = { port: 0, apiPort: 7070, internalPort: 7081 };
  expect(calls).toEqual([
    { stack: 'stack.yaml', state: state.root, json: true, gateways: 3, with: 'npm start', ...ports },
  ]);
});

test('a process gets all of its words, also those that look like options', async () => {
  const { code, calls } = await run('process', 'gateway', '1', '--fast', 'x', '--state', join(root, 'other'));
  expect(code).toBe(0);
  expect(calls).toMatchObject([{ role: 'gateway', args: ['1', '--fast', 'x'], state: join(root, 'other') }]);
  expect((await run('postgres', '--data', 'd', '--port', '5433')).calls).toMatchObject([
    { role: 'postgres-server', data: 'd', port: 5433 },
  ]);
});

test.each([
  [['statu'], /Did you mean status/],
  [['up'], /missing required argument 'stack'/],
  [['up', 'x', '--port', '70000'], /must be a whole number from 0 to 65535/],
  [['drill', 'nothing'], /Allowed choices are kill, hang/],
  [['stop', 'workload'], /no such scope/],
  [['stop', '--for', '5'], /must be like 90s, 30m, 2h or 1d/],
  [['status', '--nope'], /unknown option '--nope'/],
])('%j is not understood: exit code 64, and as a problem with --json', async (words, reason) => {
  const { code, stdout, stderr } = await run(...words);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toMatch(reason);
  expect(stderr).toContain('usage.invalid');
  const asJson = await run(...words, '--json');
  expect(JSON.parse(asJson.stderr)).toMatchObject({
    code: 'usage.invalid',
    exit: 64,
    detail: expect.stringMatching(reason),
  });
});

test('help and version are no faults', async () => {
  expect(await run('--help')).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('Usage: kintsugi'),
  });
  expect((await run('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect((await run('drill', '--help')).stdout).toContain('dependency-down');
});

test('without a keeper nothing runs: exit code 69', async () => {
  for (const words of [['status'], ['incidents'], ['down'], ['logs', 'control'], ['drill', 'kill', 'records']]) {
    const { code, stderr } = await run(...words, '--json');
    expect({ code, fault: JSON.parse(stderr).code }, words[0]).toEqual({ code: 69, fault: 'state.absent' });
  }
});

test('status is one JSON document, or tables', async () => {
  await serve('control', { 'GET /v1/status': STATUS });
  const { code, stdout, stderr } = await run('status', '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ source: 'control', ...STATUS, ledger: null });
  const tables = (await run('status')).stdout;
  expect(tables).toMatch(/^records +records-eu-0-7f3k +gone/m);
  expect(tables).toMatch(/^the ledger does not answer$/m);
});

test('status says that control is away and shows what the keeper knows', async () => {
  const child = {
    id: 'control',
    state: 'starting',
    pid: null,
    restarts: 2,
    startedAt: null,
    version: 0,
    region: '',
    exit: null,
  };
  await serve('keeper', { 'GET /v1/children': [child] });
  const { code, stdout } = await run('status');
  expect(code).toBe(0);
  expect(stdout).toMatch(/control does not answer[\s\S]*control +starting +- +2/);
  expect(JSON.parse((await run('status', '--json')).stdout)).toEqual({ source: 'keeper', processes: [child] });
});

test('a fault of control ends with the exit code of the catalogue', async () => {
  await serve('control', { 'POST /v1/approve': new KinError('approval.invalid', 'another hash') });
  const { code, stderr, stdout } = await run('approve', 'pln_1', 'sha256:0');
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  expect(stderr).toContain('(approval.invalid)\n  another hash\n');
  expect(asked[0]?.body).toEqual({ plan: 'pln_1', hash: 'sha256:0', by: 'anna' });
});

test('stop and resume name their scope, reason and time', async () => {
  await serve('control', { 'POST /v1/stop': { id: 'stp_1' }, 'POST /v1/resume': { lifted: 1 } });
  expect((await run('stop')).stdout).toBe('nothing is healed until `kintsugi resume`\n');
  expect((await run('stop', 'workload', 'records', '--for', '30m', '--reason', 'why')).code).toBe(0);
  expect((await run('resume', 'move', 'restart', '--by', 'bert')).stdout).toBe('move restart is healed again\n');
  expect(asked.map(({ body }) => body)).toEqual([
    { scope: 'global', reason: 'no reason given', by: 'anna' },
    { scope: 'workload records', reason: 'why', by: 'anna', minutes: 30 },
    { scope: 'move restart', reason: 'no reason given', by: 'bert' },
  ]);
});

const TENANT = `apiVersion: kintsugi.dev/v1alpha1
kind: Tenant
metadata: { name: shop }
spec: { regions: [eu], profiles: [house-rules] }
`;

test('apply sends the generations that it saw; names that are declared elsewhere are known', async () => {
  const file = join(root, 'tenant.yaml');
  writeFileSync(file, TENANT);
  const profile = { kind: 'Profile', metadata: { name: 'house-rules' } };
  await serve('control', {
    'GET /v1/export': { documents: [profile] },
    'POST /v1/plan': { current: [], generations: { 'Tenant/shop': 0 } },
    'POST /v1/apply': { applied: [{ key: 'Tenant/shop', change: 'created', generation: 1 }] },
  });
  expect((await run('plan', '-f', file)).stdout).toContain('+ Tenant/shop\n1 to add');
  const { code, stdout } = await run('apply', '-f', file, '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout).applied).toEqual([{ key: 'Tenant/shop', change: 'created', generation: 1 }]);
  const body = asked.at(-1)?.body;
  expect(body).toMatchObject({ by: 'anna', expected: { 'Tenant/shop': 0 }, documents: [{ baseFolder: root }] });
});

test('an incident is found by the beginning of its id, when it is the only one', async () => {
  const incidents = ['inc_aab', 'inc_abb'].map((id) => ({ id }));
  const story = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/golden/cli/story-healed.json'), 'utf8'));
  await serve('control', {
    'GET /v1/incidents?limit=200': { incidents },
    'GET /v1/incidents?limit=1': { incidents: incidents.slice(0, 1) },
    'GET /v1/incidents/inc_aab': story,
  });
  expect((await run('incident', 'show', 'aa')).stdout).toMatch(/^Incident inc_4k/);
  expect((await run('incident', 'show', 'last')).code).toBe(0);
  expect((await run('incident', 'show', 'a')).stderr).toContain('2 incidents begin with a');
  expect((await run('incident', 'show', 'zz')).code).toBe(66);
});

test('the posture names what is not met, and a control says on what that stands', async () => {
  const row = { tenant: 'shop', framework: 'pci-dss-4.0.1', satisfied: 2, notSatisfied: 1, unknown: 3, addressed: 0 };
  const at = '2026-01-31T18:00:00.000Z';
  const text = 'rls.enabled of store records/eu is false (true: on every protected table); asked for: true';
  const reason = { status: 'not-satisfied', text, measuredAt: at, collector: 'protections' };
  const words = {
    control: 'pci-A1.1.2',
    title: 'Apart',
    framework: 'pci-dss-4.0.1',
    clause: 'A1.1.2',
    level: 'required',
  };
  const more = {
    status: 'not-satisfied',
    since: at,
    parameters: {},
    reasons: [reason],
    decidedBy: null,
    deviation: null,
  };
  const unjudged = [{ tenant: 'shop', framework: 'nowhere' }];
  const spec = {
    id: 'pci-A1.1.2',
    framework: 'pci-dss-4.0.1',
    clause: 'A1.1.2',
    title: 'Apart',
    paraphrase: 'Customers are apart.',
    level: 'required',
    parameters: { daysMax: { value: 30, unit: 'days', status: 'in-force', source: 'A1.1.2' } },
    checks: [{ fact: 'rls.enabled', holds: 'value' }],
    remedies: [{ person: 'Look' }],
    nist80053: ['ac-3'],
  };
  await serve('control', {
    'GET /v1/posture': { at, rows: [row], unjudged },
    'GET /v1/posture/shop': { at, rows: [row], unjudged: [], results: [{ ...words, ...more }] },
    'GET /v1/controls/pci-A1.1.2': { control: spec, results: [{ tenant: 'shop', ...words, ...more }] },
  });
  const all = (await run('posture')).stdout;
  expect(all).toMatch(
    /^TENANT +FRAMEWORK +NOT SATISFIED +UNKNOWN +SATISFIED +ALTERNATIVE\nshop +pci-dss-4\.0\.1 +1 +3 +2 +0\n/,
  );
  expect(all).toContain('shop names nowhere, which nobody knows: every move for it is denied');
  const one = (await run('posture', 'shop')).stdout;
  expect(one).toMatch(/not-satisfied +pci-A1\.1\.2 +Apart +since .*\n +rls\.enabled of store records\/eu is false/);
  const control = (await run('control', 'pci-A1.1.2')).stdout;
  expect(control).toContain('daysMax = 30 days (in-force: A1.1.2)');
  expect(control).toMatch(/shop +not-satisfied +since/);
  expect((await run('control', 'pci-A1.1.2', '--json')).stdout).toContain('"paraphrase"');
  expect((await run('posture', 'nobody')).code).toBe(66);
});

test('a new key is random, and its hash is that of the key', async () => {
  const { key, sha256 } = JSON.parse((await run('key', 'new', '--json')).stdout);
  expect(key).toMatch(/^kin_[0-9a-z]{40}$/);
  expect(`sha256:${sha256}`).toBe(digestOf(key));
});

test('the schema is a JSON document', async () => {
  expect(JSON.parse((await run('schema')).stdout).oneOf).toHaveLength(KINDS.length);
});

test('docs writes its pages where it is told', async () => {
  mkdirSync(join(root, 'docs'));
  expect((await run('docs', '--out', join(root, 'docs'))).code).toBe(0);
  expect(readFileSync(join(root, 'docs', 'cli.md'), 'utf8')).toContain('## incident show\n');
});

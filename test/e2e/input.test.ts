import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stateDirectory } from '../../src/base/state-directory.ts';
import { type Result, kintsugi } from './program.ts';
import { freePorts, markedPids, Stack } from './stack.ts';

const TEST_MS = 240_000;

const WORKLOAD = `apiVersion: kintsugi.dev/v1alpha1
kind: Workload
metadata: { name: web }
spec:
  artefact: { path: ./web }
  command: [node, main.mjs]
  instances: { eu: 1 }
`;
const SERVER = `import { createServer } from 'node:http';
createServer((_, response) => response.end('hello')).listen(Number(process.env.PORT), process.env.HOST);
`;

let folder: string;
let stack: Stack;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kin-i-'));
  mkdirSync(join(folder, 'web'));
  writeFileSync(join(folder, 'web', 'main.mjs'), SERVER);
  stack = await Stack.create(manifest('stack', WORKLOAD));
  await stack.up();
}, 150_000);

afterAll(async () => {
  await stack.close();
  rmSync(folder, { recursive: true, force: true });
}, 150_000);

function manifest(name: string, text: string): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, text);
  return path;
}

function freeze(reason: string): string {
  const spec = `{ reason: ${reason}, from: '2001-01-01T00:00:00Z', until: '2001-01-02T00:00:00Z' }`;
  return `apiVersion: kintsugi.dev/v1alpha1\nkind: Freeze\nmetadata: { name: audit }\nspec: ${spec}\n`;
}

/** `kintsugi up` of another stack that must not come up. */
async function up(file: string, state: string, ports: { readonly port?: string; readonly api?: string } = {}) {
  const [port, api, internal] = (await freePorts(3)).map(String);
  const given = ['--port', ports.port ?? port!, '--api-port', ports.api ?? api!, '--internal-port', internal!];
  const result = await kintsugi('up', file, '--state', state, ...given);
  expect(markedPids(stateDirectory(state))).toEqual([]);
  return result;
}

function expectFault({ code, err }: Result, exit: number, ...words: readonly string[]): void {
  expect(code).toBe(exit);
  for (const word of words) expect(err).toContain(word);
}

async function declared(): Promise<string> {
  return (await stack.cli('export')).out;
}

test(
  'a port that is taken is told before anything is started',
  async () => {
    const { gateway, api } = (await stack.status()).addresses;
    const state = join(folder, 'ports');
    const port = new URL(gateway!).port;
    expectFault(await up(manifest('stack', WORKLOAD), state, { port }), 75, 'port.in-use', port);
    const apiPort = new URL(api!).port;
    expectFault(await up(manifest('stack', WORKLOAD), state, { api: apiPort }), 75, 'port.in-use', apiPort);
    expect(existsSync(join(state, 'keeper.json'))).toBe(false);
  },
  TEST_MS,
);

test(
  'an invalid manifest starts nothing and changes nothing',
  async () => {
    const bad = manifest('bad', `${WORKLOAD}  instanzes: { eu: 2 }\n---\n${freeze('x')}`);
    const words = ['manifest.invalid', 'bad.yaml', 'instanzes', 'instances'];
    expectFault(await up(bad, join(folder, 'bad-state')), 65, ...words);
    expect(existsSync(join(folder, 'bad-state'))).toBe(false);
    const before = await declared();
    expectFault(await stack.cli('apply', '-f', bad), 65, ...words);
    expect(await declared()).toBe(before);
  },
  TEST_MS,
);

test(
  'a missing artefact ends the start, and nothing of an apply with one is kept',
  async () => {
    const missing = manifest('missing', `${freeze('y')}---\n${WORKLOAD.replace('./web', './nowhere')}`);
    // `up` here asserts that nothing was started.
    expectFault(await up(missing, join(folder, 'missing')), 66, 'artefact.missing', join(folder, 'nowhere'));
    const before = await declared();
    expectFault(await stack.cli('apply', '-f', missing), 66, 'artefact.missing', join(folder, 'nowhere'));
    expect(await declared()).toBe(before);
  },
  TEST_MS,
);

test(
  'a state directory of a newer version is left as it is',
  async () => {
    const state = join(folder, 'newer');
    mkdirSync(state);
    writeFileSync(join(state, 'version'), '999\n');
    expectFault(await up(manifest('stack', WORKLOAD), state), 78, 'state.newer', '999');
    expect(readdirSync(state)).toEqual(['version']);
  },
  TEST_MS,
);

test(
  'a second start on the same state is refused and harms nothing',
  async () => {
    const pids = async () => (await stack.keeper.list()).map(({ id, pid }) => [id, pid]);
    const before = await pids();
    const [port, api, internal] = (await freePorts(3)).map(String);
    const ports = ['--port', port!, '--api-port', api!, '--internal-port', internal!];
    expectFault(await stack.cli('up', manifest('stack', WORKLOAD), ...ports), 75, 'state.in-use', 'process ');
    expect(await pids()).toEqual(before);
    expect((await stack.status()).leading).toBe(true);
  },
  TEST_MS,
);

test('of two applies at once that saw the same generation, one wins and the other changes nothing', async () => {
  const apply = (reason: string) =>
    stack.control.call('POST', '/v1/apply', {
      documents: [{ resource: freezeOf(reason), baseFolder: folder }],
      expected: { 'Freeze/audit': 0 },
      by: 'tester',
    });
  const results = await Promise.allSettled([apply('first'), apply('second')]);
  const won = results.findIndex(({ status }) => status === 'fulfilled');
  const lost = results.find((result) => result.status === 'rejected');
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(lost?.reason).toMatchObject({ code: 'resource.conflict' });
  expect(await declared()).toContain(`reason: ${won === 0 ? 'first' : 'second'}`);
});

function freezeOf(reason: string): unknown {
  const spec = { reason, from: '2001-01-01T00:00:00Z', until: '2001-01-02T00:00:00Z', workloads: [], allow: [] };
  return { apiVersion: 'kintsugi.dev/v1alpha1', kind: 'Freeze', metadata: { name: 'audit' }, spec };
}

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Fleet } from '../../heal/fleet.ts';
import { ProgramParts } from './program-parts.ts';
import { readProgram } from './program.ts';

let folder: string;
let parts: ProgramParts;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-program-'));
  parts = new ProgramParts(join(folder, 'notes'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program never asks for the fleet. */
const context = (verb: string, signal: AbortSignal = systemClock.deadline(60_000)) => {
  return { key: `rep_1:0:${verb}`, epoch: 1, signal, fleet: undefined as unknown as Fleet };
};
const order = (input: JsonObject) => ({ verb: 'run' as const, asset: 'program records', key: 'pln_1-0', input });
const act = (input: JsonObject, signal?: AbortSignal) => parts.act(order(input), context('apply', signal));

function script(lines: string): string {
  const path = join(folder, 'script.sh');
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o700);
  return path;
}

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('a script runs once per key, gets the key and none of our environment, and is taken back by its undo', async () => {
  process.env['KIN_TEST_SECRET'] = 'not for programs';
  const path = script(`echo "$1 $KINTSUGI_KEY $KINTSUGI_ASSET $KIN_TEST_SECRET" >> ${folder}/log`);
  const input = { command: `${path} mend`, undoCommand: `${path} unmend` };
  await act(input);
  await act(input);
  await parts.unact(order(input), context('undo'));
  expect(readFileSync(join(folder, 'log'), 'utf8').split('\n')).toEqual([
    'mend rep_1:0:apply program records ',
    'unmend rep_1:0:undo program records ',
    '',
  ]);
});

test('a script that fails says its last lines, and runs again', async () => {
  const path = script(`test -e ${folder}/again && exit 0; touch ${folder}/again; echo it went wrong >&2; exit 3`);
  await expect(act({ command: path })).rejects.toMatchObject({
    code: 'move.failed',
    details: { output: 'it went wrong' },
  });
  await act({ command: path });
});

test('a script that is given up is killed with all that it started', async () => {
  const path = script(`sleep 60 & echo $! > ${folder}/child; wait`);
  const giveUp = new AbortController();
  const done = act({ command: path }, giveUp.signal);
  const deadline = systemClock.deadline(10_000);
  while (!existsSync(join(folder, 'child'))) await systemClock.sleep(10, deadline);
  giveUp.abort(new Error('too late'));
  await expect(done).rejects.toThrow('too late');
  const pid = Number(readFileSync(join(folder, 'child'), 'utf8'));
  const isAlive = () => existsSync(`/proc/${pid}`) && !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (isAlive()) await systemClock.sleep(10, deadline);
});

test('a webhook is posted with its key, and anything but success is a failure', async () => {
  const seen: { headers: IncomingHttpHeaders; body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    seen.push({ headers: request.headers, body: await json(request) });
    response.statusCode = request.url === '/bad' ? 500 : 202;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await act({ url: `${base}/good` })).toEqual({ status: 202 });
  expect(seen[0]?.headers['idempotency-key']).toBe('rep_1:0:apply');
  expect(seen[0]?.body).toEqual({ source: 'kintsugi', key: 'rep_1:0:apply', asset: 'program records', undo: false });
  await expect(parts.unact(order({ url: `${base}/bad` }), context('undo'))).rejects.toMatchObject({
    code: 'move.failed',
  });
  server.close();
});

test.runIf(isThere('ansible-playbook'))(
  'an Ansible playbook runs (skipped where ansible-core is not installed)',
  async () => {
    const playbook = join(folder, 'mend.yaml');
    const task = `{ copy: { content: mended, dest: ${folder}/mended } }`;
    writeFileSync(playbook, `- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [${task}]\n`);
    const { output } = await act({ ansiblePlaybook: playbook });
    expect(output).toMatch(/changed=1 .*failed=0/);
    expect(readFileSync(join(folder, 'mended'), 'utf8')).toBe('mended');
  },
  60_000,
);

test.runIf(isThere('terraform'))(
  'one resource is made anew by Terraform (skipped where it is not installed)',
  async () => {
    writeFileSync(join(folder, 'main.tf'), 'resource "terraform_data" "queue" { input = "a" }\n');
    const terraform = (...args: readonly string[]) =>
      execFileSync('terraform', [`-chdir=${folder}`, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    terraform('init', '-input=false');
    terraform('apply', '-auto-approve', '-input=false');
    const idOf = () => JSON.parse(terraform('show', '-json')).values.root_module.resources[0].values.id as string;
    const before = idOf();
    await act({ terraformDirectory: folder, replace: 'terraform_data.queue' });
    expect(idOf()).not.toBe(before);
  },
  60_000,
);

test.each([
  [{}, 'needs command'],
  [{ command: 'mend.sh' }, 'absolute path'],
  [{ url: 'http://example.org/hook' }, 'https'],
  [{ terraformDirectory: '/infra' }, 'replace'],
])('%o is refused before anything runs', (parameters: JsonObject, reason) => {
  expect(() => readProgram(parameters, 'apply')).toThrow(reason);
});

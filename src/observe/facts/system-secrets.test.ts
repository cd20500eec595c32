import { spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { stateDirectory } from '../../base/state-directory.ts';
import { credentialForms } from './credential-forms.ts';
import { readableSecrets, secretAges } from './system-secrets.ts';

const signal = new AbortController().signal;
const SECRET = 'q7Zk2mV9xT4bN8cL1hR6wY3pD5sF0gJ';
const root = mkdtempSync(join(tmpdir(), 'kin-secrets-'));
const state = stateDirectory(root);
const secret = join(state.secrets, 'records-app');
const log = join(state.logs, 'records-eu-0.log');

beforeEach(() => {
  for (const folder of [state.secrets, state.logs]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { mode: 0o700 });
  }
  writeFileSync(secret, `${SECRET}\n`, { mode: 0o600 });
  writeFileSync(log, 'it starts\n');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function reader() {
  const collector = readableSecrets({
    secrets: () => [{ name: 'records-app', path: secret }],
    logs: state.logs,
    clock,
  });
  return async () => {
    const kept: unknown[] = [];
    const keep = (it: unknown) => {
      kept.push(it);
      return 'sha256:x';
    };
    const [fact] = await collector.collect(signal, keep);
    expect(JSON.stringify([fact, kept])).not.toContain(SECRET);
    return fact?.measured;
  };
}

test('a secret that is kept to itself is not readable', async () => {
  expect(await reader()()).toEqual({ kind: 'value', value: 0 });
});

test('a secret in a log is told with the log and its name, once, until the log is gone', async () => {
  const measure = reader();
  expect(await measure()).toMatchObject({ value: 0 });
  appendFileSync(log, `connecting as records_app with ${SECRET}\n`);
  // What a process writes is there twice: as it comes, and with the time.
  writeFileSync(join(state.logs, 'records-eu-0.raw'), `connecting as records_app with ${SECRET}\n`);
  const found = { kind: 'value', value: 1, detail: 'the secret records-app in records-eu-0.log' };
  expect(await measure()).toEqual(found);
  appendFileSync(log, 'nothing more\n');
  expect(await measure()).toEqual(found);
  truncateSync(join(state.logs, 'records-eu-0.raw'));
  renameSync(log, `${log}.1`);
  expect(await measure()).toEqual(found);
  rmSync(`${log}.1`);
  expect(await measure()).toEqual({ kind: 'value', value: 0 });
});

test('a secret that was written in two halves is found', async () => {
  const measure = reader();
  appendFileSync(log, `with ${SECRET.slice(0, 9)}`);
  expect(await measure()).toMatchObject({ value: 0 });
  appendFileSync(log, `${SECRET.slice(9)}\n`);
  expect(await measure()).toMatchObject({ value: 1 });
});

test.runIf(process.platform === 'linux')('a secret in a command line can be read by everybody', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()', SECRET], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    const detail = `the secret records-app in the command line of process ${child.pid}`;
    await expect.poll(reader()).toEqual({ kind: 'value', value: 1, detail });
  } finally {
    child.kill();
  }
});

test('a file that others may read counts only where they can come to it', async () => {
  chmodSync(secret, 0o644);
  expect(await reader()()).toMatchObject({ value: 0 });
  chmodSync(state.secrets, 0o755);
  expect(await reader()()).toMatchObject({ value: 0 });
  chmodSync(root, 0o755);
  expect(await reader()()).toMatchObject({
    value: 1,
    detail: 'the secret records-app in its file, which others may read',
  });
  chmodSync(root, 0o700);
});

test('known forms of other factors are found in a log', async () => {
  appendFileSync(log, '{"level":30,"config":{"password":"correct-Horse-7"}}\n');
  expect(await reader()()).toEqual({ kind: 'value', value: 1, detail: 'a password in records-eu-0.log' });
});

test.each([
  ['PASSWORD=hunter2hunter2', ['a password']],
  ["ALTER ROLE x PASSWORD: 'Tr0ub4dor&3'", ['a password']],
  ['postgres://app:s3cr@db', ['a password in a URL']],
  ['fetch https://user:longpass@example.org/x', ['a password in a URL']],
  ['{"headers":{"authorization":"Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc"}}', ['an authorization header']],
  ['api_key=AKIA1234567890AB', ['a key']],
])('%s is a factor', (line, kinds) => expect(credentialForms(line)).toEqual(kinds));

test.each([
  'password: must be at least 12 characters long',
  'password=********',
  'password=<redacted>',
  '"password":"[Redacted]"',
  'password=${POSTGRES_PASSWORD}',
  'password=/run/secrets/db1',
  'password: SCRAM-SHA-256$4096:abc1$def2',
  'password authentication failed for user "app"',
  'password_reset_sent=2026-01-01T00:00:00Z',
  'api_key=7c2d4f8a-1111-4222-8333-0123456789ab',
  'postgres://app@db:5432/records',
  'http://127.0.0.1:8080/a@b',
  'http://localhost:21345/x: retrying user@host',
  'see the secret records-app',
])('%s is none', (line) => expect(credentialForms(line)).toEqual([]));

test('the oldest secret is told with its name and age', async () => {
  const old = join(state.secrets, 'payments-app');
  writeFileSync(old, 'x');
  const at = clock.now() / 1_000 - 100 * 86_400;
  utimesSync(old, at, at);
  const secrets = () => [
    { name: 'records-app', path: secret },
    { name: 'payments-app', path: old },
  ];
  const [fact] = await secretAges({ secrets, clock }).collect(signal);
  expect(fact).toMatchObject({
    name: 'auth.secrets.ageDays',
    tenants: 'all',
    measured: { detail: 'payments-app is the oldest' },
  });
  expect(fact?.measured.kind === 'value' && Number(fact.measured.value)).toBeCloseTo(100, 2);
});

test('where no secret was generated there is none to be old', async () => {
  const [fact] = await secretAges({ secrets: () => [], clock }).collect(signal);
  expect(fact?.measured).toEqual({ kind: 'unknown', reason: 'no secret was generated yet' });
});

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { hardcodedSecrets } from './hardcoded-secrets.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hardcoded-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string | Buffer): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

function collector() {
  return hardcodedSecrets({ artefacts: () => [{ workload: 'records', path: folder }], clock });
}

async function measured(it = collector()) {
  const transcripts: unknown[] = [];
  const keep = (transcript: unknown) => {
    transcripts.push(transcript);
    return 'sha256:kept';
  };
  const [fact] = await it.collect(new AbortController().signal, keep);
  return {
    count: fact?.measured.kind === 'value' ? fact.measured.value : fact?.measured.reason,
    transcript: JSON.stringify(transcripts),
  };
}

/** Made here, so that this file holds none. */
const letters = (length: number) =>
  systemRandom
    .token(length)
    .toUpperCase()
    .replaceAll(/[0189]/g, 'Q');
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' });
const PASSWORD = `Tr0ub${systemRandom.token(8)}4dor`;

test.each([
  ['a private key', PEM],
  ['a private key in JSON', JSON.stringify({ private_key: PEM })],
  ['a key of a cloud', `const id = 'AKIA${letters(16)}';`],
  ['a token', `url=https://api/?t=ghp_${systemRandom.token(36)}`],
  ['a key for payments', `stripe: sk_live_${systemRandom.token(24)}`],
  ['a password that is assigned', `const config = { dbPassword: '${PASSWORD}' };`],
  ['a password in YAML', `password: "${PASSWORD}"`],
  ['a password in an address', `DATABASE_URL=postgres://app:${PASSWORD}@db.internal/records`],
])('%s is found by its file and line, and is not told', async (_, text) => {
  write('src/config.ts', `// line one\n\n${text}\n`);
  const { count, transcript } = await measured();
  expect(count).toBe(1);
  expect(transcript).toContain('"file":"src/config.ts","line":3');
  for (const secret of [PASSWORD, PEM.split('\n')[1] ?? '', text]) expect(transcript).not.toContain(secret);
});

test.each([
  ['a value of the environment', 'const password = process.env["DB_PASSWORD"]; x = { password: `${secret}` };'],
  ['a name of the environment', "const PASSWORD = 'DB_OWNER_PASSWORD_2'; secret: 'RECORDS_APP_1'"],
  [
    'a name of a secret',
    "secrets: { DB_PASSWORD: { generate: 'database-superuser' } }; passwordField = 'password_input_1'",
  ],
  [
    'a stand-in',
    "password = 'changeme123'; apiKey: 'your-api-key-1'; secret = '<your secret 1>'; password: 'example-1234'",
  ],
  ['the key of the documentation of a cloud', "const id = 'AKIAIOSFODNN7EXAMPLE';"],
  ['a text for people', "password: 'Use at least 12 characters'; secret = 'The secret is 8 long'"],
  ['a digest of a demo key', 'sha256: b9c620a483f566aae889d24d53be0fcad66b96a2fc02cfad1863edc22299eafc'],
  [
    'a public key',
    '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD\n',
  ],
  ['a form of a key', "const PEM = /-----BEGIN PRIVATE KEY-----/; text.startsWith('-----BEGIN PRIVATE KEY-----')"],
  ['an address without a password', "url = 'postgres://app@db.internal:5432/records'; x = `http://${host}:${port}@x`"],
  [
    'a kind of a token',
    "{ token: 'identifier2', kind: 'string', apiKeyHeader: 'x-api-key-v2', secretName: 'records-app-v2' }",
  ],
])('%s is no secret', async (_, text) => {
  write('src/config.ts', text);
  expect((await measured()).count).toBe(0);
});

test('tests, fixtures, documents, packages beside it and what is no text are left out', async () => {
  const text = `password = '${PASSWORD}'`;
  for (const name of ['test/a.ts', 'src/a.test.ts', 'fixtures/key.pem', 'README.md', 'node_modules/x/a.js', '.env'])
    write(name, text);
  write('logo.png', Buffer.concat([Buffer.from([0, 1, 2]), Buffer.from(text)]));
  expect((await measured()).count).toBe(0);
});

test('a file is read again once it changed, and not before', async () => {
  write('a.ts', 'nothing');
  const it = collector();
  expect((await measured(it)).count).toBe(0);
  write('a.ts', `password = '${PASSWORD}'`);
  utimesSync(join(folder, 'a.ts'), new Date(0), new Date(0));
  expect((await measured(it)).count).toBe(1);
  write('a.ts', 'nothing');
  expect((await measured(it)).count).toBe(0);
});

test('an artefact that is not there is unknown', async () => {
  rmSync(folder, { recursive: true });
  expect((await measured()).count).toBe('it was refused with ENOENT');
  mkdirSync(folder);
});

test('the examples and Kintsugi itself hold none', async () => {
  for (const path of ['examples/clinic', 'src', 'bin']) {
    const root = join(import.meta.dirname, '..', '..', '..', path);
    const [fact] = await hardcodedSecrets({ artefacts: () => [{ workload: 'own', path: root }], clock }).collect(
      new AbortController().signal,
    );
    expect(fact?.measured).toEqual({ kind: 'value', value: 0 });
  }
});

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { certificates, type ListedCertificate } from './certificates.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'kin-certs-'));
const file = (name: string) => join(folder, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
const servers: Server[] = [];
const responders: ChildProcess[] = [];
let ocspPort = 0;
/** Where somebody answers in the name of the authority. */
let falsePort = 0;
let listPort = 0;

/** A real authority with its database, its responder and its list. */
beforeAll(async () => {
  if (!hasOpenssl) return;
  ocspPort = await freePort();
  falsePort = await freePort();
  const list = createHttpServer((_, response) => response.end(readFileSync(file('list.crl'))));
  list.listen(0, '127.0.0.1');
  await once(list, 'listening');
  listPort = (list.address() as AddressInfo).port;
  afterAllServers.push(list);
  const base = `[ca]\ndefault_ca=d\n[d]\ndatabase=${file('index.txt')}\nnew_certs_dir=${folder}\ndefault_md=sha256\ndefault_days=30\ndefault_crl_days=1\npolicy=p\nrand_serial=yes\ncertificate=${file('root.pem')}\nprivate_key=${file('root.key')}\nunique_subject=no\n[p]\ncommonName=supplied\n[both]\nsubjectAltName=DNS:api.test\n`;
  writeFileSync(
    file('ca.cnf'),
    `${base}[ocsp]\nauthorityInfoAccess=OCSP;URI:http://127.0.0.1:${ocspPort}\n[false]\nauthorityInfoAccess=OCSP;URI:http://127.0.0.1:${falsePort}\n[list]\ncrlDistributionPoints=URI:http://127.0.0.1:${listPort}/list\n`,
  );
  writeFileSync(file('index.txt'), '');
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '30',
    '-subj',
    '/CN=root',
    '-keyout',
    'root.key',
    '-out',
    'root.pem',
  );
  for (const [name, extensions] of [
    ['good', 'ocsp'],
    ['revoked', 'ocsp'],
    ['misled', 'false'],
    ['onlist', 'list'],
    ['offlist', 'list'],
    ['bare', 'both'],
  ]) {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    openssl(
      'ca',
      '-batch',
      '-config',
      'ca.cnf',
      '-extensions',
      extensions!,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
      '-notext',
    );
  }
  for (const name of ['revoked', 'onlist']) openssl('ca', '-config', 'ca.cnf', '-revoke', `${name}.pem`);
  openssl('ca', '-config', 'ca.cnf', '-gencrl', '-out', 'list.pem');
  openssl('crl', '-in', 'list.pem', '-outform', 'DER', '-out', 'list.crl');
  await answerAs('root', ocspPort);
}, 60_000);

const afterAllServers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => {
  for (const responder of responders) responder.kill('SIGKILL');
  for (const server of afterAllServers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The responder of openssl takes one connection after the other: it says itself when it waits for the first. */
async function answerAs(signer: string, port: number): Promise<void> {
  const args = ['ocsp', '-index', 'index.txt', '-port', String(port), '-CA', 'root.pem', '-ndays', '1'];
  const own = ['-rsigner', `${signer}.pem`, '-rkey', `${signer}.key`];
  const responder = spawn('openssl', [...args, ...own], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  responders.push(responder);
  let said = '';
  for (const stream of [responder.stdout, responder.stderr]) stream.on('data', (text) => (said += String(text)));
  await vi.waitFor(() => expect(said).toContain('waiting for'), 10_000);
}

async function listening(...names: readonly string[]): Promise<number> {
  const server = createTlsServer({
    cert: names.map((name) => readFileSync(file(`${name}.pem`))),
    key: names.map((name) => readFileSync(file(`${name}.key`))),
  });
  server.on('tlsClientError', () => undefined);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const printOf = (name: string) => new X509Certificate(readFileSync(file(`${name}.pem`))).fingerprint256;

async function measured(
  ports: readonly number[],
  listed?: readonly ListedCertificate[],
  { authorities = [readFileSync(file('root.pem'), 'utf8')], ahead = 0 } = {},
) {
  const listeners = ports.map((port) => {
    return { subject: `web/${port}`, tenants: 'all' as const, host: '127.0.0.1', port, authorities, isAdmin: false };
  });
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  const collector = certificates({ listeners: () => listeners, listed: () => listed, clock });
  const facts = await collector.collect(new AbortController().signal);
  const told = ({ measured: it }: (typeof facts)[number]) =>
    it.kind === 'unknown' ? it.reason : [it.value, it.detail];
  const revoked = facts.filter(({ name }) => name === 'tls.certificate.revoked').map((fact) => told(fact));
  return { revoked, difference: facts.filter(({ name }) => name === 'tls.inventory.difference').map(told)[0] };
}

describe.runIf(hasOpenssl)('revocation', () => {
  test.each([
    ['good', false],
    ['revoked', true],
    ['onlist', true],
    ['offlist', false],
  ])('what the issuer says of a certificate counts: %s', async (name, isRevoked) => {
    expect((await measured([await listening(name)])).revoked).toEqual([[isRevoked, undefined]]);
  });

  test('a certificate that names nobody to ask is unknown, and so is one without a known issuer', async () => {
    const port = await listening('bare');
    expect((await measured([port])).revoked).toEqual(['it names neither a responder nor a list of its issuer']);
    expect((await measured([port], undefined, { authorities: [] })).revoked).toEqual([
      'the certificate of its issuer is not known here',
    ]);
    expect((await measured([await listening('root')])).revoked).toEqual([
      'it is signed by itself, so nobody can revoke it',
    ]);
  });

  test('of a certificate for each kind of key one that is revoked decides, whoever is shown it', async () => {
    expect((await measured([await listening('good', 'root')])).revoked).toEqual([
      'it is signed by itself, so nobody can revoke it',
    ]);
    expect((await measured([await listening('revoked', 'root')])).revoked).toEqual([[true, undefined]]);
  });

  test('an answer is good for its time, and for no longer', async () => {
    const ports = [await listening('good'), await listening('offlist')];
    expect((await measured(ports, undefined, { ahead: 3 * 86_400_000 })).revoked).toEqual([
      'the answer of its issuer is too old',
      'the list of its issuer is too old',
    ]);
  });

  test('an answer of somebody else is none', async () => {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '30',
      '-subj',
      '/CN=root',
      '-keyout',
      'false.key',
      '-out',
      'false.pem',
    );
    expect((await measured([await listening('misled')])).revoked).toEqual([
      `its issuer cannot be reached at http://127.0.0.1:${falsePort}`,
    ]);
    await answerAs('false', falsePort);
    expect((await measured([await listening('misled')])).revoked).toEqual([
      'the answer about it was not signed by its issuer',
    ]);
  });
});

describe.runIf(hasOpenssl)('the list of certificates', () => {
  const entry = (name: string, standby = false): ListedCertificate => ({ sha256: printOf(name), what: name, standby });

  test('what is listed and shown is no difference, in any spelling, on several listeners, with the next one listed', async () => {
    const ports = [await listening('bare'), await listening('bare')];
    const plain = { ...entry('bare'), sha256: printOf('bare').replaceAll(':', '').toLowerCase() };
    expect((await measured(ports, [plain, entry('good', true)])).difference).toEqual([0, undefined]);
  });

  test('what is shown and not listed is named with its listener, and what is listed and not shown with its purpose', async () => {
    const port = await listening('bare');
    const short = (name: string) => `sha256:${printOf(name).replaceAll(':', '').toLowerCase().slice(0, 16)}...`;
    expect((await measured([port], [entry('good')])).difference).toEqual([
      2,
      `web/${port} shows ${short('bare')}, which is not listed; ${short('good')} (good) is listed and not shown`,
    ]);
  });

  test('a certificate for each kind of key is shown, and each of them is to be listed', async () => {
    const port = await listening('bare', 'root');
    expect((await measured([port], [entry('bare'), { ...entry('root'), what: 'for old clients' }])).difference).toEqual(
      [0, undefined],
    );
    expect((await measured([port], [entry('bare')])).difference?.[0]).toBe(1);
  });

  test('what an authority on the list signed is listed with it, and an authority that signed nothing is missing', async () => {
    const ports = [await listening('bare'), await listening('good')];
    expect((await measured(ports, [entry('root')])).difference).toEqual([0, undefined]);
    expect((await measured([await listening('root')], [entry('bare')])).difference?.[0]).toBe(2);
  });

  test('without a list, or with a listener that does not answer, what is missing is unknown', async () => {
    const port = await listening('bare');
    expect((await measured([port])).difference).toMatch(/nobody keeps a list/);
    const gone = await freePort();
    expect((await measured([port, gone], [entry('bare'), entry('good')])).difference).toBe(
      `web/${gone}: it was refused with ECONNREFUSED`,
    );
    expect((await measured([port, gone], [entry('bare')])).difference).toEqual([0, undefined]);
  });
});

test('a listener that speaks plain text shows nothing', async () => {
  const server = createHttpServer();
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await measured([port], [], { authorities: [] })).toEqual({
    revoked: ['it shows no certificate'],
    difference: [0, undefined],
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { type TlsListener, tlsListeners } from './tls-listeners.ts';

/** Listeners as people really have them: sound ones that look odd, and unsound ones that hide it. */

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'kin-tls-odd-'));
const servers: Server[] = [];
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const openssl = (text: string) => execFileSync('openssl', text.split(' '), { stdio: 'ignore', cwd: folder });

/** Root, two authorities below it, and a leaf without a common name, all of elliptic curves. */
beforeAll(() => {
  if (!hasOpenssl) return;
  writeFileSync(join(folder, 'ca.ext'), 'basicConstraints=critical,CA:true\nkeyUsage=keyCertSign,cRLSign\n');
  writeFileSync(join(folder, 'leaf.ext'), 'subjectAltName=critical,DNS:*.clinic.test\nbasicConstraints=CA:false\n');
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes';
  openssl(`req -x509 ${key} -days 30 -subj /CN=root -keyout root.key -out root.pem`);
  for (const [name, issuer, subject, extensions] of [
    ['one', 'root', '/CN=one', 'ca.ext'],
    ['two', 'one', '/CN=two', 'ca.ext'],
    ['leaf', 'two', '/', 'leaf.ext'],
  ]) {
    openssl(`req ${key} -subj ${subject} -keyout ${name}.key -out ${name}.csr`);
    openssl(
      `x509 -req -in ${name}.csr -CA ${issuer}.pem -CAkey ${issuer}.key -CAcreateserial -days 20 -extfile ${extensions} -out ${name}.pem`,
    );
  }
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function measured(
  options: TlsOptions,
  chain = ['leaf.pem', 'two.pem', 'one.pem'],
  over: Partial<TlsListener> = {},
) {
  const server = createServer({ key: read('leaf.key'), cert: chain.map(read).join(''), ...options });
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const listener: TlsListener = {
    subject: 'trial',
    tenants: 'all',
    host: '127.0.0.1',
    port,
    serverName: 'eu-1.clinic.test',
    authorities: [read('root.pem')],
    isAdmin: false,
    ...over,
  };
  const facts = await tlsListeners({ listeners: () => [listener], clock }).collect(new AbortController().signal);
  return Object.fromEntries(
    facts.map(({ name, measured: each }) => [name, each.kind === 'value' ? (each.detail ?? each.value) : each.reason]),
  );
}

test.runIf(hasOpenssl)('a long chain of elliptic curves, a wildcard and no common name are sound', async () => {
  expect(await measured({ minVersion: 'TLSv1.2' })).toMatchObject({
    'tls.protocol.lowest': 1.2,
    'tls.cipher.weak': 0,
    'tls.chain.valid': true,
  });
});

test.runIf(hasOpenssl)('TLS 1.3 alone is sound', async () => {
  expect(await measured({ minVersion: 'TLSv1.3' })).toMatchObject({
    'tls.protocol.lowest': 1.3,
    'tls.cipher.weak': 0,
    'tls.chain.valid': true,
  });
});

test.runIf(hasOpenssl)(
  'a chain with a link left out, and a name that the wildcard does not cover, are not',
  async () => {
    expect(await measured({}, ['leaf.pem', 'one.pem'])).toMatchObject({
      'tls.chain.valid': 'who signed it is neither shown nor trusted here',
    });
    const deep = { serverName: 'a.eu-1.clinic.test' };
    expect(await measured({}, undefined, deep)).toMatchObject({ 'tls.chain.valid': 'it is for another name' });
    expect(await measured({}, undefined, { serverName: 'clinic.test' })).toMatchObject({
      'tls.chain.valid': 'it is for another name',
    });
  },
);

const asksClients = { requestCert: true, rejectUnauthorized: true } as const;

test.runIf(hasOpenssl)(
  'a listener that lets in nobody without a certificate of their own is measured all the same',
  async () => {
    const ca = read('root.pem');
    expect(await measured({ ...asksClients, ca, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).toMatchObject({
      'tls.protocol.lowest': 1.2,
      'tls.cipher.weak': 0,
      'tls.chain.valid': 'it asks clients for a certificate, and no handshake without one succeeded',
    });
  },
);

test.runIf(hasOpenssl)('and hides behind that neither an old protocol nor weak ciphers', async () => {
  const ca = read('root.pem');
  const weak = { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0:TLS_AES_128_GCM_SHA256' } as const;
  expect(await measured({ ...asksClients, ca, ...weak })).toMatchObject({
    'tls.protocol.lowest': 1,
    'tls.cipher.weak': expect.stringContaining('no authentication'),
    'tls.chain.valid': true,
  });
});

/** Leaves of RSA that the root signed, beside those of elliptic curves. */
function rsaLeaf(name: string, bits: number, ...signing: readonly string[]): { key: string; cert: string } {
  openssl(`req -newkey rsa:${bits} -nodes -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
  openssl(
    `x509 -req -in ${name}.csr -CA root.pem -CAkey root.key -CAcreateserial -extfile leaf.ext -out ${name}.pem ${signing.join(' ')}`,
  );
  return { key: read(`${name}.key`), cert: read(`${name}.pem`) };
}

test.runIf(hasOpenssl)('a key that is too short, and a signature of SHA-1, are found and said', async () => {
  const weak = { 'tls.chain.valid': 'its key or its signature is too weak' };
  const ciphers = 'DEFAULT:@SECLEVEL=0';
  expect(await measured({ ...rsaLeaf('small', 1024, '-days 20'), ciphers })).toMatchObject(weak);
  expect(await measured({ ...rsaLeaf('sha', 2048, '-days 20 -sha1'), ciphers })).toMatchObject(weak);
});

test.runIf(hasOpenssl)('of two certificates beside each other the worse one counts, whoever is shown it', async () => {
  const chain = ['leaf.pem', 'two.pem', 'one.pem'].map(read).join('');
  const beside = ({ key, cert }: { key: string; cert: string }) =>
    measured({ key: [read('leaf.key'), key], cert: [chain, cert] });
  expect(await beside(rsaLeaf('fine', 2048, '-days 200'))).toMatchObject({ 'tls.chain.valid': true });
  const short = await beside(rsaLeaf('short', 2048, '-days 2'));
  expect(short).toMatchObject({ 'tls.chain.valid': true });
  expect(Math.round(Number(short['tls.certificate.daysLeft']))).toBe(2);
  openssl(
    'req -x509 -newkey rsa:2048 -nodes -days 20 -subj /CN=x -addext subjectAltName=DNS:*.clinic.test -keyout own.key -out own.pem',
  );
  const own = await beside({ key: read('own.key'), cert: read('own.pem') });
  expect(own['tls.chain.valid']).toMatch(/^(?:[0-9A-F]{2}:){3}[0-9A-F]{2}\.\.\.: it is signed by itself$/);
});

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { type TlsListener, tlsListeners } from './tls-listeners.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'kin-tls-'));
const file = (name: string) => join(folder, name);
const servers: Server[] = [];

/** A chain as a client meets it: a root, and certificates that it signed. */
beforeAll(() => {
  if (!hasOpenssl) return;
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });
  const subject = ['-addext', 'subjectAltName=DNS:api.test'];
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
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-subj',
    '/CN=api',
    ...subject,
    '-keyout',
    'api.key',
    '-out',
    'api.csr',
  );
  const sign = (days: string, out: string) =>
    openssl(
      'x509',
      '-req',
      '-in',
      'api.csr',
      '-CA',
      'root.pem',
      '-CAkey',
      'root.key',
      '-CAcreateserial',
      '-copy_extensions',
      'copy',
      '-days',
      days,
      '-out',
      out,
    );
  sign('10', 'api.pem');
  sign('0', 'expired.pem');
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function tlsServer(options: TlsOptions = {}, certificate = 'api.pem'): Promise<number> {
  const server = createTlsServer({
    cert: readFileSync(file(certificate)),
    key: readFileSync(file('api.key')),
    ...options,
  });
  server.on('tlsClientError', () => undefined);
  return portOf(server);
}

async function measured(port: number, over: Partial<TlsListener> = {}) {
  const authorities = hasOpenssl ? [readFileSync(file('root.pem'), 'utf8')] : [];
  const place = {
    subject: 'trial',
    tenants: 'all' as const,
    host: '127.0.0.1',
    port,
    serverName: 'api.test',
    authorities,
  };
  const collector = tlsListeners({ listeners: () => [{ ...place, isAdmin: false, ...over }], clock });
  const facts = await collector.collect(new AbortController().signal);
  return Object.fromEntries(
    facts.map(({ name, measured }) => [name, measured.kind === 'value' ? measured.value : measured.reason]),
  );
}

test.runIf(hasOpenssl)(
  'a sound listener has no lower protocol than 1.2, no weak cipher and a valid chain',
  async () => {
    const port = await tlsServer({ ciphers: 'ECDHE+AESGCM:TLS_AES_128_GCM_SHA256', minVersion: 'TLSv1.2' });
    const facts = await measured(port);
    expect(facts).toMatchObject({ 'tls.protocol.lowest': 1.2, 'tls.cipher.weak': 0, 'tls.chain.valid': true });
    expect(facts['tls.certificate.daysLeft']).toBeCloseTo(10, 1);
  },
);

test.runIf(hasOpenssl).each([
  ['TLSv1', 1],
  ['TLSv1.1', 1.1],
  ['TLSv1.3', 1.3],
] as const)('the lowest protocol is found by trying: %s', async (minVersion, lowest) => {
  const port = await tlsServer({ minVersion, ciphers: 'ALL:@SECLEVEL=0:TLS_AES_128_GCM_SHA256' });
  expect(await measured(port)).toMatchObject({ 'tls.protocol.lowest': lowest });
});

test.runIf(hasOpenssl)('classes of weak ciphers are counted one by one', async () => {
  const weak = async (ciphers: string) =>
    (await measured(await tlsServer({ ciphers: `${ciphers}:@SECLEVEL=0`, maxVersion: 'TLSv1.2' })))['tls.cipher.weak'];
  expect(await weak('ECDHE+AESGCM:kRSA+AESGCM')).toBe(1);
  expect(await weak('ECDHE+AESGCM:kRSA+AESGCM:aNULL')).toBe(2);
  expect(await weak('ECDHE+AESGCM:NULL-SHA256')).toBe(1);
});

test.runIf(hasOpenssl)('an expired certificate, another name and an unknown root are faults of the chain', async () => {
  const expired = await measured(await tlsServer({}, 'expired.pem'));
  expect(expired['tls.chain.valid']).toBe(false);
  expect(Number(expired['tls.certificate.daysLeft'])).toBeLessThan(0.01);
  const port = await tlsServer();
  expect(await measured(port, { serverName: 'other.test' })).toMatchObject({ 'tls.chain.valid': false });
  expect(await measured(port, { authorities: [] })).toMatchObject({ 'tls.chain.valid': false });
});

test('plain text is protocol 0 and no certificate, for administrators too', async () => {
  const port = await portOf(createHttpServer());
  expect(await measured(port, { isAdmin: true })).toMatchObject({
    'tls.protocol.lowest': 0,
    'tls.admin.lowest': 0,
    'tls.chain.valid': false,
    'tls.cipher.weak': 'it speaks plain text',
  });
});

test('PostgreSQL is asked before the handshake, and a no is plain text', async () => {
  const port = await portOf(
    createTcpServer((socket) => socket.on('error', () => undefined).once('data', () => socket.write('N'))),
  );
  expect(await measured(port, { upgrade: 'postgresql' })).toMatchObject({ 'tls.protocol.lowest': 0 });
});

test.runIf(hasOpenssl)('PostgreSQL that says yes is measured as any other', async () => {
  const tlsPort = await tlsServer({ minVersion: 'TLSv1.3' });
  const { connect } = await import('node:net');
  const port = await portOf(
    createTcpServer((socket) =>
      socket
        .on('error', () => undefined)
        .once('data', () => {
          const behind = connect(tlsPort, '127.0.0.1').on('error', () => undefined);
          socket.write('S');
          socket.pipe(behind).pipe(socket);
        }),
    ),
  );
  expect(await measured(port, { upgrade: 'postgresql' })).toMatchObject({
    'tls.protocol.lowest': 1.3,
    'tls.chain.valid': true,
  });
});

test('who does not listen, or closes without a word, is unknown', async () => {
  expect((await measured(1))['tls.protocol.lowest']).toBe('it was refused with ECONNREFUSED');
  const silent = await portOf(createTcpServer((socket) => socket.on('error', () => undefined).destroy()));
  expect((await measured(silent))['tls.protocol.lowest']).toBe('it answers, but no handshake succeeded');
});

import 'reflect-metadata';
import { BasicConstraintsExtension, X509CertificateGenerator } from '@peculiar/x509';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';
import { dateOf, systemClock as clock, toIso } from '../../base/clock.ts';
import type { JsonObject } from '../../base/json.ts';
import { Redacted } from '../../base/redacted.ts';
import type { Replacement } from '../../heal/fleet.ts';
import type { MoveContext } from '../../heal/move.ts';
import { tlsSchema } from '../../resources/tls.ts';
import { createKey, signCertificate } from './issue.ts';
import { type CertificatePlace, TlsParts } from './tls-parts.ts';

const DAY_MS = 86_400_000;
const NAME = 'portal.test';
const ASSET = 'listener portal/eu/0';
const ALL = mkdtempSync(join(tmpdir(), 'kin-renew-'));
let root: { certificate: string; key: Redacted<string> };
let folder = '';
let server: Server;
let port = 0;
let hangUps = 0;
let isDeaf = false;

/** A root of ten years. */
async function createRoot(name: string) {
  const alg = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(alg, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: alg,
    notBefore: dateOf(toIso(clock.now() - 400 * DAY_MS)),
    notAfter: dateOf(toIso(clock.now() + 3_650 * DAY_MS)),
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' });
  return { certificate: certificate.toString('pem'), key: new Redacted(key) };
}

beforeAll(async () => {
  root = await createRoot('root');
});
afterAll(() => rmSync(ALL, { recursive: true, force: true }));

const inFolder = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(inFolder(name), 'utf8');
const pair = () => ({ cert: read('server.pem'), key: read('server.key') });
const takeUp = () => server.setSecureContext(pair());

/** A server that shows a certificate with some days left, and knows how to take up another. */
beforeEach(async () => {
  folder = mkdtempSync(join(ALL, 'data-'));
  [hangUps, isDeaf] = [0, false];
  writeFileSync(inFolder('root.pem'), root.certificate);
  writeFileSync(inFolder('root.key'), root.key.reveal(), { mode: 0o600 });
  await lay(5);
  await serve();
});
afterEach(() => void server.close());

async function lay(days: number, now = clock.now()) {
  const key = createKey();
  writeFileSync(inFolder('server.key'), key.reveal(), { mode: 0o640 });
  writeFileSync(inFolder('server.pem'), await signCertificate(key, root, { names: [NAME], days, now }), {
    mode: 0o644,
  });
}

async function serve() {
  server = createServer(pair(), (request, response) => {
    if (request.url === '/reload' && !isDeaf) takeUp();
    response.writeHead(isDeaf ? 503 : 204).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
}

interface Given {
  readonly renew?: Record<string, unknown>;
  readonly databaseNow?: number;
  readonly authorities?: readonly string[];
}

function partsWith({ renew, databaseNow, authorities }: Given = {}) {
  const tls = tlsSchema.parse({
    serverName: NAME,
    certificate: {
      file: 'server.pem',
      keyFile: 'server.key',
      renew: { authority: { file: 'root.pem', keyFile: 'root.key' }, reload: { signal: 'SIGHUP' }, ...renew },
    },
  });
  const place = (): CertificatePlace => ({
    subject: 'portal/eu/0',
    workloads: ['portal'],
    region: 'eu',
    instance: 'portal-eu-0-a',
    host: '127.0.0.1',
    port,
    serverName: NAME,
    authorities: authorities ?? [root.certificate],
    folder,
    certificate: tls.certificate!,
  });
  return new TlsParts({
    places: () => [place()],
    databaseNow: async () => databaseNow ?? clock.now(),
    hangUp: async () => {
      hangUps += 1;
      if (!isDeaf) takeUp();
    },
    clock,
    shownWithinMs: 1_000,
  });
}

const order = (key = 'k1', input: JsonObject = { keepOld: true }) =>
  ({ verb: 'rotate', asset: ASSET, key, input }) as const;

/** A fleet of one process: who replaces it starts it anew on the files of that moment. */
const orders: string[] = [];
function context(): MoveContext {
  const restart = (word: string) => async (replacement: Replacement) => {
    orders.push(`${word} ${replacement.newInstance} ${replacement.rereads ?? ''}`.trim());
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await serve();
  };
  const fleet = { replace: restart('replace'), undoReplace: restart('undo') } as unknown as MoveContext['fleet'];
  return { key: 'c', epoch: 1, signal: clock.deadline(20_000), fleet };
}

/** What a client is shown that trusts the root. */
async function shown(): Promise<X509Certificate> {
  const { connect } = await import('node:tls');
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: NAME,
    ca: root.certificate,
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw);
}

describe('a renewal', () => {
  test('is shown by a handshake, with the old pair beside it, and nothing secret in what is told', async () => {
    const old = { ...pair(), serial: (await shown()).serialNumber };
    const told = await partsWith({ renew: { names: ['www.portal.test', '127.0.0.1'] } }).act(order(), context());
    const now = await shown();
    expect(now.serialNumber).not.toBe(old.serial);
    expect(now.subjectAltName).toBe('DNS:portal.test, DNS:www.portal.test, IP Address:127.0.0.1');
    expect(told['certificate']).toMatchObject({
      serial: now.serialNumber.toLowerCase(),
      sha256: now.fingerprint256.replaceAll(':', '').toLowerCase(),
      issuer: 'CN=root',
    });
    expect(JSON.stringify(told)).not.toMatch(/PRIVATE|BEGIN/);
    const [beside] = readdirSync(inFolder('.kintsugi-renewals'));
    const kept = (name: string) => join(folder, '.kintsugi-renewals', beside!, name);
    expect(readFileSync(kept('old.pem'), 'utf8')).toBe(old.cert);
    expect(readFileSync(kept('old.key'), 'utf8')).toBe(old.key);
    for (const name of ['old.key', 'new.key', 'new.pem']) expect(statSync(kept(name)).mode & 0o777).toBe(0o600);
    expect(statSync(inFolder('server.key')).mode & 0o777).toBe(0o640);
    expect(hangUps).toBe(1);
  });

  test('is issued once under its key, and again under another', async () => {
    const parts = partsWith();
    const first = await parts.act(order(), context());
    expect(await parts.act(order(), context())).toEqual(first);
    expect(hangUps).toBe(1);
    expect(await parts.act(order('k2'), context())).not.toEqual(first);
  });

  test('keeps the pairs of the last three only', async () => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) await partsWith().act(order(key), context());
    expect(readdirSync(inFolder('.kintsugi-renewals'))).toHaveLength(3);
  });

  const faults: readonly (readonly [string, boolean, Given, RegExp])[] = [
    ['the process takes up nothing', true, {}, /shows another one/],
    ['clients do not trust it', false, { authorities: [] }, /clients refuse it/],
    ['the way to reload answers badly', true, { renew: { reload: { path: '/reload' } } }, /answered 503/],
  ];
  test.each(faults)('has failed when %s', async (_, deaf, given, why) => {
    isDeaf = deaf;
    await expect(partsWith(given).act(order(), context())).rejects.toThrow(why);
  });

  test('is refused while it is doubtful what time it is, and leaves nothing behind', async () => {
    const before = readdirSync(folder);
    const parts = partsWith({ databaseNow: clock.now() + 600_000 });
    await expect(parts.act(order(), context())).rejects.toMatchObject({ code: 'certificate.time-doubted' });
    expect(readdirSync(folder)).toEqual(before);
  });
});

describe('taking it back', () => {
  test('puts the old files back byte for byte, with their modes, and the old certificate is shown; twice is once', async () => {
    const old = pair();
    const serial = (await shown()).serialNumber;
    const parts = partsWith();
    await parts.act(order(), context());
    for (const _ of [1, 2]) {
      await parts.unact(order(), context());
      expect(pair()).toEqual(old);
      expect((await shown()).serialNumber).toBe(serial);
      expect(statSync(inFolder('server.key')).mode & 0o777).toBe(0o640);
      expect(statSync(inFolder('server.pem')).mode & 0o777).toBe(0o644);
    }
  });

  test('does nothing where nothing was done, or where somebody else wrote since', async () => {
    const parts = partsWith();
    await parts.unact(order(), context());
    expect(hangUps).toBe(0);
    await parts.act(order(), context());
    await lay(40);
    const theirs = pair();
    await parts.unact(order(), context());
    expect(pair()).toEqual(theirs);
  });

  test('puts the files back also when nobody serves any more', async () => {
    const old = pair();
    const parts = partsWith();
    await parts.act(order(), context());
    server.closeAllConnections();
    server.close();
    await parts.unact(order(), context());
    expect(pair()).toEqual(old);
    await serve();
  });
});

/** In the order in which a renewal writes. */
const WRITES = ['new.key', 'new.pem', 'old.pem', 'old.key', 'kept.json', 'server.key', 'server.pem'];

test.each(WRITES.map((_, index) => index).concat(WRITES.length))(
  'killed after %i of its files were written, it is finished or taken back by whoever comes next',
  async (count) => {
    const old = pair();
    const before = join(ALL, `before-${count}`);
    cpSync(folder, before, { recursive: true });
    const whole = await partsWith().act(order(), context());
    const [name] = readdirSync(inFolder('.kintsugi-renewals'));
    const after = join(ALL, `after-${count}`);
    cpSync(folder, after, { recursive: true });
    /** What there was on disk at that moment, while the process shows the old certificate yet. */
    const crash = () => {
      rmSync(inFolder('.kintsugi-renewals'), { recursive: true, force: true });
      for (const [index, each] of WRITES.entries()) {
        const path = each.startsWith('server') ? each : join('.kintsugi-renewals', name!, each);
        const from = join(index < count ? after : before, path);
        mkdirSync(dirname(inFolder(path)), { recursive: true });
        if (existsSync(from)) cpSync(from, inFolder(path));
        else rmSync(inFolder(path), { force: true });
      }
      server.setSecureContext(old);
    };
    crash();
    const resumed = await partsWith().act(order(), context());
    if (count >= 2) expect(resumed).toEqual(whole);
    expect((await shown()).serialNumber.toLowerCase()).toBe((resumed['certificate'] as JsonObject)['serial']);
    crash();
    await partsWith().unact(order(), context());
    expect(pair()).toEqual(old);
    expect((await shown()).fingerprint256).toBe(new X509Certificate(old.cert).fingerprint256);
  },
);

describe('how it is taken up', () => {
  test('by a POST to its own port', async () => {
    const told = await partsWith({ renew: { reload: { path: '/reload' } } }).act(order(), context());
    expect((await shown()).serialNumber.toLowerCase()).toBe((told['certificate'] as JsonObject)['serial']);
  });

  test('by another process in its place, and by one more on the way back', async () => {
    const serial = (await shown()).serialNumber;
    const parts = partsWith({ renew: { reload: undefined } });
    const replacement = { workload: 'portal', region: 'eu', ordinal: 0, oldInstance: 'a', newInstance: 'b' };
    await parts.act(order('k1', { replacement }), context());
    expect((await shown()).serialNumber).not.toBe(serial);
    await parts.unact(order('k1', { replacement }), context());
    expect((await shown()).serialNumber).toBe(serial);
    expect(orders).toEqual(['replace b', `undo b ${ASSET}`]);
  });
});

describe('an issuer of the operator', () => {
  const hasOpenssl = existsSync('/usr/bin/openssl');
  const signer = () => ['x509', '-req', '-CA', inFolder('root.pem'), '-CAkey', inFolder('root.key'), '-days', '40'];
  const by = (...command: string[]) => ({ renew: { authority: undefined, command } });

  test.runIf(hasOpenssl)('gets a request and never the key', async () => {
    const parts = partsWith(by('/usr/bin/openssl', ...signer(), '-copy_extensions', 'copy'));
    await parts.act(order(), context());
    const now = await shown();
    expect(now.subjectAltName).toBe(`DNS:${NAME}`);
    expect(
      execFileSync('/usr/bin/openssl', ['verify', '-CAfile', inFolder('root.pem'), inFolder('server.pem')]).toString(),
    ).toContain('OK');
  });

  test.runIf(hasOpenssl)('that forgets the name is not taken', async () => {
    const old = pair();
    const parts = partsWith(by('/usr/bin/openssl', ...signer()));
    await expect(parts.act(order(), context())).rejects.toThrow(/not for www|not for portal/);
    expect(pair()).toEqual(old);
  });

  test.each([
    [['/bin/cat'], /no certificate in PEM/],
    [['/bin/false'], /ended with 1/],
    [['/nowhere/at-all'], /cannot run/],
  ])('%j is told as what it is', async (command, why) => {
    await expect(partsWith(by(...command)).act(order(), context())).rejects.toThrow(why);
  });
});

test('what is in the last third of its life is expiring, and what has ended is expired', async () => {
  const holding = async (days: number, ageDays: number) => {
    await lay(days, clock.now() - ageDays * DAY_MS);
    takeUp();
    const { samples } = await partsWith().look(clock.deadline(5_000));
    return samples.flatMap((sample) => (sample.holds ? [sample.condition] : []));
  };
  expect(await holding(5, 0)).toEqual([]);
  expect(await holding(6, 5)).toEqual(['expiring']);
  expect(await holding(90, 59)).toEqual([]);
  expect(await holding(365, 300)).toEqual([]);
  expect(await holding(365, 336)).toEqual(['expiring']);
  expect(await holding(6, 7)).toEqual(['expired']);
});

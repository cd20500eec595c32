import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { Redacted } from '../../base/redacted.ts';
import { type Door, openDoor } from '../../gateway/door.ts';
import type { MoveContext } from '../../heal/move.ts';
import { policySchema } from '../../resources/policy.ts';
import type { OwnPorts } from '../collector-places.ts';
import type { World } from '../world.ts';
import { gatewayCertificates } from './gateway-certificate.ts';
import { createKey, signCertificate } from './issue.ts';
import { shownBy } from './take-up.ts';
import { TlsParts } from './tls-parts.ts';

const NAME = 'api.clinic.test';
const ALL = mkdtempSync(join(tmpdir(), 'kin-gateway-tls-'));
const signal = new AbortController().signal;

let folder: string;
let doors: readonly Door[];
let port: number;
let root: { readonly certificate: string; readonly key: Redacted<string> };
const inFolder = (name: string) => join(folder, name);

beforeAll(() => {
  const [certificate, key] = [join(ALL, 'root.pem'), join(ALL, 'root.key')];
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3650'];
  execFileSync('openssl', ['req', ...made, '-subj', '/CN=root', '-keyout', key, '-out', certificate], {
    stdio: 'pipe',
  });
  root = { certificate: readFileSync(certificate, 'utf8'), key: new Redacted(readFileSync(key, 'utf8')) };
});
afterAll(() => rmSync(ALL, { recursive: true }));

/** Two gateways on one port, as they are in a stack, with a certificate that has five days left. */
beforeEach(async () => {
  folder = mkdtempSync(join(ALL, 'tls-'));
  writeFileSync(inFolder('root.pem'), root.certificate);
  writeFileSync(inFolder('root.key'), root.key.reveal(), { mode: 0o600 });
  const key = createKey();
  writeFileSync(inFolder('api.key'), key.reveal(), { mode: 0o600 });
  writeFileSync(inFolder('api.pem'), await signCertificate(key, root, { names: [NAME], days: 5, now: clock.now() }));
  const tls = { certFile: inFolder('api.pem'), keyFile: inFolder('api.key') };
  const open = (ordinal: number, on: number) => {
    const serve = (_: unknown, response: { end(text: string): unknown }) => void response.end(`gateway ${ordinal}`);
    return openDoor({ host: '127.0.0.1', port: on, tls, serve, serveExpecting: serve, clock });
  };
  const first = await open(0, 0);
  port = first.port;
  doors = [first, await open(1, port)];
});
afterEach(() => Promise.all(doors.map((each) => each.drain(0))));

function places(
  spec: object = {},
  tls: OwnPorts['tls'] | null = { certFile: inFolder('api.pem'), keyFile: inFolder('api.key'), workers: 2 },
) {
  const authority = { file: 'root.pem', keyFile: 'root.key' };
  const gatewayCertificate = { serverName: NAME, authorityFile: 'root.pem', renew: { authority }, ...spec };
  const metadata = { name: 'default' };
  const policy = policySchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Policy',
    metadata,
    spec: { gatewayCertificate },
  });
  const workloads = [
    { name: 'records', spec: { route: { pathPrefix: '/records' } } },
    { name: 'payments', spec: {} },
  ];
  const world = { declared: { policy, workloads } } as unknown as World;
  return gatewayCertificates(world, {
    gateway: port,
    api: 0,
    scheme: 'https',
    internal: 0,
    regions: [],
    ...(tls && { tls }),
  });
}

const parts = (shownWithinMs = 10_000) =>
  new TlsParts({
    places,
    databaseNow: async () => clock.now(),
    hangUp: () => Promise.reject(new Error('nobody is told anything')),
    clock,
    shownWithinMs,
  });
const order = {
  verb: 'rotate',
  get asset() {
    return `listener gateway/${port}`;
  },
  key: 'k1',
  input: { keepOld: true },
} as const;
const context = { signal } as unknown as MoveContext;

/** Fingerprints that so many new connections are shown; two gateways share them by chance. */
async function shown(connections = 20): Promise<readonly (string | undefined)[]> {
  const seen = new Set<string | undefined>();
  for (let each = 0; each < connections; each += 1) seen.add((await shownBy(places()[0]!, signal))?.fingerprint);
  return [...seen];
}

test('it is renewed while requests are served, all gateways show it, and no connection is dropped', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: root.certificate, servername: NAME });
  const ask = async () => {
    const asked = request({ port, host: '127.0.0.1', agent, path: '/' }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return `${await text(answer)} from ${asked.socket?.localPort}`;
  };
  const [before] = await shown();
  const first = await ask();
  const renewed = new AbortController();
  const asking = (async () => {
    const answers = new Set<string>();
    while (!renewed.signal.aborted) answers.add(await ask());
    return answers;
  })();
  const { certificate } = (await parts().act(order, context)) as { certificate: { sha256: string } };
  renewed.abort();
  // One connection from the first request to the last, at the same gateway.
  expect([...(await asking)]).toEqual([first]);
  const after = await shown();
  expect([after.length, after[0] === before]).toEqual([1, false]);
  expect(JSON.stringify(certificate)).toContain(after[0]!.replaceAll(':', '').toLowerCase().slice(0, 8));
  agent.destroy();
});

test('taken back, all gateways show the old one again, byte for byte', async () => {
  const old = readFileSync(inFolder('api.pem'), 'utf8');
  const [before] = await shown(4);
  const gateways = parts();
  await gateways.act(order, context);
  await gateways.unact(order, context);
  expect(readFileSync(inFolder('api.pem'), 'utf8')).toBe(old);
  expect(await shown()).toEqual([before]);
});

test('as long as one gateway shows the old one it is not renewed', async () => {
  // It reads nothing any more, as a process does that hangs; the other one goes on.
  await doors[1]!.drain(0);
  const kept = mkdtempSync(join(ALL, 'old-'));
  for (const name of ['api.pem', 'api.key']) writeFileSync(join(kept, name), readFileSync(join(folder, name)));
  const serve = (_: unknown, response: { end(text: string): unknown }) => void response.end('old');
  const stale = { certFile: join(kept, 'api.pem'), keyFile: join(kept, 'api.key') };
  doors = [doors[0]!, await openDoor({ host: '127.0.0.1', port, tls: stale, serve, serveExpecting: serve, clock })];
  await expect(parts(2_500).act(order, context)).rejects.toMatchObject({ code: 'certificate.not-shown' });
});

test('without TLS, or with files in two folders, nobody renews it', () => {
  expect(places({}, null)).toEqual([]);
  const apart = { certFile: inFolder('api.pem'), keyFile: '/elsewhere/api.key', workers: 2 };
  expect(places({}, apart)).toEqual([]);
  expect(places()).toMatchObject([{ subject: `gateway/${port}`, workloads: ['records'], region: null, readers: 2 }]);
});

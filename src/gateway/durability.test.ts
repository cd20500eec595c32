import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { socketClient } from '../base/socket-http.ts';
import { startGateway } from './server.ts';
import { previousOf } from './snapshot-reader.ts';
import { type Answer, ask, routeEntry, TestWorld, tenantEntry, until } from './test-world.ts';

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
  world.routes.push(routeEntry('web'));
});
afterEach(() => world.close());

const journalOf = (folder: string) => join(folder, 'access-0.ndjson');
const linesOf = (folder: string) => readFileSync(journalOf(folder), 'utf8').split('\n').filter(Boolean);

async function openWorld(audit: 'required' | 'best-effort'): Promise<void> {
  world.tenants.push(tenantEntry('acme', { audit }));
  await world.upstream((_request, response) => response.end('ok'));
  world.publish();
}

async function adminGet(socketPath: string, path: string): Promise<number> {
  const client = socketClient(socketPath, 'control.unreachable');
  try {
    await client.call('GET', path);
    return 200;
  } catch (error) {
    // Plain text is not JSON: it answered with a good status.
    return error instanceof SyntaxError ? 200 : 503;
  } finally {
    await client.close();
  }
}

test('without a snapshot it is alive and not ready, and becomes ready when one is written', async () => {
  const gateway = await world.gateway({ adminSocket: join(world.folder, 'a.sock') });
  expect((await ask(gateway.port)).status).toBe(503);
  expect(await adminGet(join(world.folder, 'a.sock'), '/livez')).toBe(200);
  expect(await adminGet(join(world.folder, 'a.sock'), '/readyz')).toBe(503);
  await openWorld('best-effort');
  await until(async () => (await ask(gateway.port)).status === 200);
  expect(await adminGet(join(world.folder, 'a.sock'), '/readyz')).toBe(200);
});

test('a snapshot is taken when it is newer by epoch, then revision, and never otherwise', async () => {
  await openWorld('best-effort');
  const reports = await world.control();
  const { port } = await world.gateway();
  const revision = () => reports.at(-1)?.snapshotRevision;
  world.tenants.push(tenantEntry('late'));
  world.revision = 40;
  world.publish();
  await until(async () => (await ask(port, { host: 'late.test' })).status === 200);
  world.tenants.pop();
  world.revision = 10;
  world.publish();
  await systemClock.sleep(300);
  expect((await ask(port, { host: 'late.test' })).status).toBe(200);
  world.revision = 1;
  world.epoch = 2;
  world.publish();
  await until(async () => (await ask(port, { host: 'late.test' })).status === 404);
  await until(() => revision() === 2);
});

test('a corrupt snapshot changes nothing, and at boot the previous one is used', async () => {
  await openWorld('best-effort');
  const running = await world.gateway();
  renameSync(world.snapshotFile, previousOf(world.snapshotFile));
  writeFileSync(world.snapshotFile, '{"format":1,"revision":');
  await systemClock.sleep(200);
  expect((await ask(running.port)).status).toBe(200);
  const booted = await world.gateway({ ordinal: 1 });
  expect((await ask(booted.port)).status).toBe(200);
});

test('records left by a gateway that was killed are sent by the next, each once', async () => {
  await openWorld('required');
  const child = await spawnGateway(world);
  for (let n = 0; n < 25; n += 1) expect((await ask(child.port)).status).toBe(200);
  child.process.kill('SIGKILL');
  await once(child.process, 'exit');
  expect(linesOf(world.folder).length).toBe(25);
  appendFileSync(journalOf(world.folder), '{"id":"evt_torn","at":');
  await world.gateway();
  await until(() => world.ledger.ofType('records.lost').length === 1);
  expect(world.ledger.ofType('request.served').length).toBe(25);
  expect(world.ledger.ofType('records.lost')[0]?.data['count']).toBe(1);
  await until(() => statSync(journalOf(world.folder)).size === 0);
});

test('while the ledger is away a tenant that requires records is served until the buffer is full, then refused', async () => {
  let reached = 0;
  world.tenants.push(tenantEntry('acme', { audit: 'required' }), tenantEntry('easy'));
  await world.upstream((_request, response) => {
    reached += 1;
    response.end('ok');
  });
  world.publish();
  world.ledger.isAway = true;
  const { port } = await world.gateway({ recordsMax: 5 });
  const statuses = [];
  for (let n = 0; n < 8; n += 1) statuses.push((await ask(port)).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 503, 503, 503]);
  expect(reached).toBe(5);
  for (let n = 0; n < 4; n += 1) expect((await ask(port, { host: 'easy.test' })).status).toBe(200);
  world.ledger.isAway = false;
  await until(async () => (await ask(port)).status === 200);
  await until(() => world.ledger.ofType('records.lost').length > 0);
  expect(world.ledger.ofType('request.served').filter(({ tenant }) => tenant === 'acme').length).toBeGreaterThanOrEqual(
    5,
  );
});

test('records of other tenants give way to required ones, the oldest first', async () => {
  world.tenants.push(tenantEntry('acme', { audit: 'required' }), tenantEntry('easy'));
  await world.upstream((_request, response) => response.end('ok'));
  world.publish();
  world.ledger.isAway = true;
  const { port } = await world.gateway({ recordsMax: 6 });
  // The first batch is with the ledger and stays there.
  await ask(port, { host: 'easy.test' });
  await systemClock.sleep(150);
  for (let n = 0; n < 10; n += 1) expect((await ask(port, { host: 'easy.test' })).status).toBe(200);
  for (let n = 0; n < 5; n += 1) expect((await ask(port)).status).toBe(200);
  expect((await ask(port)).status).toBe(503);
  world.ledger.isAway = false;
  await until(() => world.ledger.ofType('records.lost').length > 0);
  const served = world.ledger.ofType('request.served');
  expect(served.filter(({ tenant }) => tenant === 'acme').length).toBe(5);
  expect(served.filter(({ tenant }) => tenant === 'easy').length).toBe(1);
});

test('close finishes what is in progress, takes nothing new, and hands over all records', async () => {
  world.tenants.push(tenantEntry('acme'));
  const open: (() => void)[] = [];
  await world.upstream((_request, response) => open.push(() => response.end('late but whole')));
  world.publish();
  const gateway = await world.gateway();
  const pending = ask(gateway.port);
  await until(() => open.length === 1);
  const closing = gateway.close();
  await expect(ask(gateway.port)).rejects.toThrow(/ECONNREFUSED/);
  open[0]?.();
  const answer: Answer = await pending;
  expect([answer.status, answer.body, answer.headers['connection']]).toEqual([200, 'late but whole', 'close']);
  await closing;
  expect(world.ledger.ofType('request.served').length).toBe(1);
  expect(statSync(journalOf(world.folder)).size).toBe(0);
});

test('gateways share a port, and a port that somebody else has is named', async () => {
  await openWorld('best-effort');
  const first = await world.gateway();
  const second = await world.gateway({ ordinal: 1, port: first.port });
  expect(second.port).toBe(first.port);
  const foreign = createServer().listen(0, '127.0.0.1');
  await once(foreign, 'listening');
  const address = foreign.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await expect(startGateway({ ...world.options(), ordinal: 2, port })).rejects.toMatchObject({ code: 'port.in-use' });
  foreign.close();
});

test('control is told four times a second what happened, also when nothing did', async () => {
  await openWorld('best-effort');
  const reports = await world.control();
  const { port } = await world.gateway();
  await until(() => reports.length >= 2);
  expect(reports[1]).toMatchObject({
    gateway: 0,
    sequence: 2,
    snapshotRevision: 1,
    tries: [],
    requests: [],
    inflight: { ins_0: 0 },
  });
  for (let n = 0; n < 5; n += 1) await ask(port);
  const requestsIn = () => reports.flatMap((report) => report.requests);
  await until(() => requestsIn().reduce((sum, { ok }) => sum + ok, 0) === 5);
  const requests = requestsIn();
  const tries = reports.flatMap((report) => report.tries);
  expect(requests[0]).toMatchObject({ tenant: 'acme', workload: 'web', failed: 0, limited: 0 });
  expect(tries[0]).toMatchObject({ tenant: 'acme', workload: 'web', version: 1, instance: 'ins_0', serverErrors: 0 });
  expect(tries.reduce((sum, { latency }) => sum + latency.count, 0)).toBe(5);
});

test.skipIf(!hasOpenssl())('TLS is served from files, and a rotated certificate is taken up', async () => {
  await openWorld('best-effort');
  const tls = { certFile: join(world.folder, 'cert.pem'), keyFile: join(world.folder, 'key.pem') };
  makeCertificate(tls, 'first');
  const { port } = await world.gateway({ tls });
  const subject = async () => {
    const outgoing = httpsRequest({
      port,
      host: '127.0.0.1',
      headers: { host: 'acme.test' },
      rejectUnauthorized: false,
      agent: false,
    });
    const [response] = (await once(outgoing.end(), 'response')) as [IncomingMessage];
    const { subject } = (response.socket as TLSSocket).getPeerCertificate();
    response.resume();
    return `${response.statusCode} ${String(subject.CN)}`;
  };
  expect(await subject()).toBe('200 first');
  makeCertificate(tls, 'second');
  await until(async () => (await subject()) === '200 second');
});

test('metrics are given in the format of Prometheus', async () => {
  await openWorld('best-effort');
  const adminSocket = join(world.folder, 'm.sock');
  const { port } = await world.gateway({ adminSocket });
  await ask(port);
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({ connect: { socketPath: adminSocket } });
  const answer = await request('http://admin/metrics', { dispatcher });
  const text = await answer.body.text();
  await dispatcher.close();
  expect(text).toContain('kintsugi_gateway_requests_total{tenant="acme",workload="web",class="2xx"} 1');
  expect(text).toContain('kintsugi_gateway_snapshot_revision 1');
});

function hasOpenssl(): boolean {
  return spawnSync('openssl', ['version']).status === 0;
}

function makeCertificate({ certFile, keyFile }: { certFile: string; keyFile: string }, name: string): void {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', `/CN=${name}`];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
}

/** A gateway in a process of its own whose ledger is away. */
async function spawnGateway(place: TestWorld): Promise<{ process: ChildProcess; port: number }> {
  const { folder, snapshotFile } = place;
  const from = (path: string) => new URL(path, import.meta.url).href;
  const code = `
    import { startGateway } from '${from('./server.ts')}';
    import { systemClock } from '${from('../base/clock.ts')}';
    import { systemRandom } from '${from('../base/random.ts')}';
    import { Redacted } from '${from('../base/redacted.ts')}';
    import { createLog } from '${from('../base/log.ts')}';
    const gateway = await startGateway({
      ordinal: 0, workers: 1, host: '127.0.0.1', port: 0, internal: [], internalPort: 0,
      serviceToken: new Redacted('x'), canaryToken: new Redacted('y'), snapshotFile: '${snapshotFile}', journalFolder: '${folder}', letterBoxFile: '${place.letterBox()}',
      adminSocket: '${folder}/child.sock', controlSocket: '${folder}/none.sock',
      ledger: { append: () => Promise.reject(new Error('away')) },
      clock: systemClock, random: systemRandom, log: createLog('gateway', 'silent'),
    });
    console.log(gateway.port);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  place.onClose(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { process: child, port: Number(String(line)) };
}

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { ask, routeEntry, TestWorld, tenantEntry, until } from './test-world.ts';

const MEBIBYTE = 1024 * 1024;
let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
  world.tenants.push(tenantEntry('acme'));
  world.routes.push(routeEntry('web'));
});
afterEach(() => world.close());

test('a large upload arrives whole, and no faster than the instance reads', async () => {
  let arrived = 0;
  let held: IncomingMessage | undefined;
  await world.upstream((incoming, response) => {
    held = incoming;
    incoming.on('end', () => response.end(String(arrived)));
  });
  world.publish();
  const { port } = await world.gateway();
  const upload = request({ port, method: 'POST', headers: { host: 'acme.test', 'content-length': 24 * MEBIBYTE } });
  const answered = once(upload, 'response');
  const written = { bytes: 0 };
  const chunk = Buffer.alloc(MEBIBYTE, 'x');
  const writing = (async () => {
    for (let n = 0; n < 24; n += 1) {
      if (!upload.write(chunk)) await once(upload, 'drain');
      written.bytes += chunk.length;
    }
    upload.end();
  })();
  await until(() => held !== undefined);
  await untilStill(() => written.bytes);
  expect(written.bytes).toBeLessThan(20 * MEBIBYTE);
  held?.on('data', (part: Buffer) => {
    arrived += part.length;
  });
  await writing;
  const [response] = (await answered) as [IncomingMessage];
  expect(Number(String(await response.toArray()))).toBe(24 * MEBIBYTE);
});

test('a large download arrives whole, and no faster than the client reads', async () => {
  let sent = 0;
  await world.upstream(async (_incoming, response) => {
    const chunk = Buffer.alloc(MEBIBYTE, 'y');
    for (let n = 0; n < 40; n += 1) {
      if (!response.write(chunk)) await once(response, 'drain');
      sent += chunk.length;
    }
    response.end();
  });
  world.publish();
  const { port } = await world.gateway();
  const download = request({ port, headers: { host: 'acme.test' } }).end();
  const [response] = (await once(download, 'response')) as [IncomingMessage];
  await untilStill(() => sent);
  expect(sent).toBeLessThan(30 * MEBIBYTE);
  let bytes = 0;
  for await (const part of response) bytes += (part as Buffer).length;
  expect(bytes).toBe(40 * MEBIBYTE);
});

test('an upload of unknown length is passed on, and ends at 32 MiB', async () => {
  await world.upstream((incoming, response) => {
    let bytes = 0;
    incoming.on('data', (part: Buffer) => {
      bytes += part.length;
    });
    incoming.on('end', () => response.end(String(bytes)));
    incoming.on('error', () => undefined);
  });
  world.publish();
  const { port } = await world.gateway();
  expect((await upload(port, 3)).body).toBe(String(3 * MEBIBYTE));
  expect((await upload(port, 33)).status).toBe(413);
  expect((await ask(port, { method: 'POST', headers: { 'content-length': String(33 * MEBIBYTE) } })).status).toBe(413);
});

test('a client that waits for 100 Continue is told to go on only when it was let in', async () => {
  await world.upstream(async (incoming, response) => response.end(String(await incoming.toArray())));
  world.publish();
  const { port } = await world.gateway();
  const outgoing = request({
    port,
    method: 'POST',
    headers: { host: 'acme.test', expect: '100-continue', 'content-length': 4 },
  });
  outgoing.flushHeaders();
  await once(outgoing, 'continue');
  outgoing.end('body');
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  expect(String(await response.toArray())).toBe('body');
  const refused = request({
    port,
    method: 'POST',
    headers: { host: 'nobody', expect: '100-continue', 'content-length': 4 },
  });
  refused.flushHeaders();
  const [refusal] = (await once(refused, 'response')) as [IncomingMessage];
  expect(refusal.statusCode).toBe(404);
  refused.destroy();
});

test('a client that leaves ends the request at the instance', async () => {
  let isClosed = false;
  await world.upstream((incoming) => {
    incoming.on('close', () => {
      isClosed = true;
    });
  });
  world.publish();
  const { port } = await world.gateway();
  const outgoing = request({ port, headers: { host: 'acme.test' } }).end();
  outgoing.on('error', () => undefined);
  await systemClock.sleep(50);
  outgoing.destroy();
  await until(() => isClosed);
  await until(() => world.ledger.ofType('request.served').some(({ data }) => data['status'] === 499));
});

test('an answer that breaks in the middle of a stream breaks the connection of the client', async () => {
  await world.upstream((_incoming, response) => {
    response.write('part');
    setImmediate(() => response.destroy());
  });
  world.publish();
  const { port } = await world.gateway();
  await expect(ask(port)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
});

test.each([
  [
    'both lengths',
    'POST / HTTP/1.1\r\nHost: acme.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: acme.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
  ['two hosts', 'GET / HTTP/1.1\r\nHost: acme.test\r\nHost: other.test\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nHost : acme.test\r\n\r\n'],
  [
    'a bare line feed in chunks',
    'POST / HTTP/1.1\r\nHost: acme.test\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n',
  ],
  ['an absolute target', 'GET http://other.test/ HTTP/1.1\r\nHost: acme.test\r\n\r\n'],
])('a request with %s does not reach an instance', async (_name, raw) => {
  let reached = 0;
  await world.upstream((incoming, response) => {
    reached += 1;
    incoming.resume().on('end', () => response.end('reached'));
  });
  world.publish();
  const { port } = await world.gateway();
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (part: Buffer) => {
    answer += String(part);
  });
  socket.write(raw);
  await until(() => answer.startsWith('HTTP/1.1 400'));
  socket.destroy();
  expect(answer).not.toContain('reached');
  expect(reached).toBe(0);
});

async function upload(port: number, mebibytes: number): Promise<{ status: number; body: string }> {
  const outgoing = request({ port, method: 'POST', headers: { host: 'acme.test', 'transfer-encoding': 'chunked' } });
  outgoing.on('error', () => undefined);
  const answered = once(outgoing, 'response');
  const chunk = Buffer.alloc(MEBIBYTE, 'z');
  for (let n = 0; n < mebibytes && !outgoing.destroyed; n += 1) {
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain'), answered]);
  }
  outgoing.end();
  const [response] = (await answered) as [IncomingMessage];
  const body = await response.toArray().then(String, () => '');
  return { status: response.statusCode ?? 0, body };
}

/** Waits until a number has not changed for a while: back-pressure has no event of its own. */
async function untilStill(read: () => number): Promise<void> {
  for (let before = -1; before !== read(); await systemClock.sleep(150)) before = read();
}

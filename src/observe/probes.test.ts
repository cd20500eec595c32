import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import type { ProbeSpec } from '../resources/workload.ts';
import { execProbe } from './exec-probe.ts';
import { httpProbe } from './http-probe.ts';
import type { ProbeTarget } from './probe.ts';
import { tcpProbe } from './tcp-probe.ts';

const timing = { intervalMs: 250, timeoutMs: 200, fall: 2, rise: 1 };
const http = (path: string): ProbeSpec => ({ type: 'http', path, ...timing });
const tcp = (sendHex?: string): ProbeSpec => ({
  type: 'tcp',
  ...(sendHex === undefined ? {} : { sendHex }),
  ...timing,
});
const exec = (...command: string[]): ProbeSpec => ({ type: 'exec', command, ...timing });

let close: () => void | Promise<void> = () => undefined;

afterEach(async () => {
  await close();
  close = () => undefined;
});

function at(port: number, env: Record<string, string> = {}): ProbeTarget {
  return { host: '127.0.0.1', port, cwd: tmpdir(), env };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = () => void server.close();
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A real process that listens and answers, and can be stopped in its tracks. */
async function startListener(): Promise<{ port: number; process: ChildProcess }> {
  const code = `const s = require('node:net').createServer((c) => c.on('error', () => {}).once('data', () =>
    c.end('HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n')));
    s.listen(0, '127.0.0.1', () => console.log(s.address().port));`;
  const listener = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  close = async () => {
    const ended = once(listener, 'exit');
    listener.kill('SIGKILL');
    await ended;
  };
  const [line] = (await once(listener.stdout, 'data')) as [Buffer];
  return { port: Number(line.toString()), process: listener };
}

const soon = () => systemClock.deadline(timing.timeoutMs);
const later = () => systemClock.deadline(5_000);

test('http: 2xx is good; anything else says its status', async () => {
  const port = await listen(
    createHttpServer((request, response) => {
      response.writeHead(Number(request.url!.slice(1)), { location: '/200' }).end('x'.repeat(10));
    }),
  );
  expect(await httpProbe.read(http('/204'), at(port), later())).toEqual({ ok: true, reason: '' });
  expect(await httpProbe.read(http('/302'), at(port), later())).toEqual({ ok: false, reason: 'status 302' });
  expect(await httpProbe.read(http('/503'), at(port), later())).toEqual({ ok: false, reason: 'status 503' });
});

test('http and tcp: a port on which nobody listens refuses', async () => {
  const port = await freePort();
  expect(await httpProbe.read(http('/'), at(port), later())).toEqual({ ok: false, reason: 'refused' });
  expect(await tcpProbe.read(tcp(), at(port), later())).toEqual({ ok: false, reason: 'refused' });
});

test('http: a connection that is closed without an answer is a reset', async () => {
  const port = await listen(createServer((socket) => socket.once('data', () => socket.destroy())));
  expect(await httpProbe.read(http('/'), at(port), later())).toEqual({ ok: false, reason: 'reset' });
});

test('http: an answer that never comes is a timeout, also in the middle of a body', async () => {
  const port = await listen(
    createHttpServer((request, response) => {
      if (request.url === '/half') response.writeHead(200, { 'content-length': 10 }).write('half');
    }),
  );
  expect(await httpProbe.read(http('/none'), at(port), soon())).toEqual({ ok: false, reason: 'timeout' });
  expect(await httpProbe.read(http('/half'), at(port), soon())).toEqual({ ok: false, reason: 'timeout' });
});

test('tcp: a connection is good by itself; with bytes to send only an answer is', async () => {
  const port = await listen(
    createServer((socket) =>
      socket.on('data', (data) => (data.toString('hex') === '0a0b' ? socket.write('y') : socket.end())),
    ),
  );
  expect(await tcpProbe.read(tcp(), at(port), later())).toEqual({ ok: true, reason: '' });
  expect(await tcpProbe.read(tcp('0a0b'), at(port), later())).toEqual({ ok: true, reason: '' });
  expect(await tcpProbe.read(tcp('ff'), at(port), later())).toEqual({ ok: false, reason: 'closed' });
});

test('a stopped process accepts but does not answer: only what asks for an answer finds it', async () => {
  const { port, process: listener } = await startListener();
  expect(await httpProbe.read(http('/'), at(port), later())).toEqual({ ok: true, reason: '' });
  listener.kill('SIGSTOP');
  expect(await tcpProbe.read(tcp(), at(port), soon())).toEqual({ ok: true, reason: '' });
  expect(await tcpProbe.read(tcp('00'), at(port), soon())).toEqual({ ok: false, reason: 'timeout' });
  expect(await httpProbe.read(http('/'), at(port), soon())).toEqual({ ok: false, reason: 'timeout' });
});

test('exec: exit code 0 is good, in the folder and with the environment and address of the instance', async () => {
  const check = exec('/bin/sh', '-c', '[ "$COLOUR" = blue ] && [ "$PORT" = 4711 ] && [ -d . ]');
  expect(await execProbe.read(check, at(4711, { COLOUR: 'blue' }), later())).toEqual({ ok: true, reason: '' });
  expect(await execProbe.read(check, at(4711, { COLOUR: 'red' }), later())).toEqual({ ok: false, reason: 'exit 1' });
});

test('exec: what is not there, cannot be run, or runs on past its deadline is not good', async () => {
  expect(await execProbe.read(exec('/no/such/file'), at(1), later())).toEqual({ ok: false, reason: 'exit ENOENT' });
  expect((await execProbe.read(exec('/bin/echo', 'a\0b'), at(1), later())).ok).toBe(false);
  const hanging = exec('/bin/sh', '-c', 'sleep 5');
  expect(await execProbe.read(hanging, at(1), soon())).toEqual({ ok: false, reason: 'timeout' });
});

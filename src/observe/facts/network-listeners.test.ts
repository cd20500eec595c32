import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import { parseBound } from '../listening-sockets.ts';
import { type ApprovedPort, networkListeners, type WatchedProcess } from './network-listeners.ts';

const signal = new AbortController().signal;
const isLinux = process.platform === 'linux';
const children: ChildProcess[] = [];
const strays: number[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const pid of strays.splice(0)) process.kill(pid, 'SIGKILL');
});

interface Started {
  readonly pid: number;
  /** What it printed, a JSON value a line. */
  readonly next: () => Promise<{ readonly pid: number; readonly port: number }>;
}

function programOf(source: string): string {
  const tell = 'const tell = (it) => console.log(JSON.stringify({ pid: process.pid, ...it }));';
  return `const net = require('node:net'), { spawn } = require('node:child_process'); ${tell} ${source}`;
}

/** A real process: `node -e`, which prints a line of JSON for each thing that happened. */
function start(source: string, env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, ['-e', programOf(source)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  children.push(child);
  const lines = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
  let rest = '';
  return {
    pid: child.pid ?? 0,
    async next() {
      while (!rest.includes('\n')) {
        const { value, done } = await lines.next();
        if (done) throw new Error('it ended before it said anything');
        rest += String(value);
      }
      const line = rest.slice(0, rest.indexOf('\n'));
      rest = rest.slice(line.length + 1);
      return JSON.parse(line) as { pid: number; port: number };
    },
  };
}

function listenOn(host: string): string {
  return `const server = net.createServer().listen(0, ${JSON.stringify(host)}, () => tell({ port: server.address().port }));`;
}

function watched(
  pid: number,
  approved: readonly ApprovedPort[] = [],
  over: Partial<WatchedProcess> = {},
): WatchedProcess {
  return { subject: 'records/eu/0', pid, mark: '', approved, ...over };
}

async function measure(...processes: readonly WatchedProcess[]) {
  const kept: unknown[] = [];
  const keep = (transcript: unknown) => {
    kept.push(transcript);
    return 'sha256:x';
  };
  const facts = await networkListeners({ processes: () => processes, clock }).collect(signal, keep);
  return { facts, kept, told: Object.fromEntries(facts.map(({ subject, measured }) => [subject, measured])) };
}

test.runIf(isLinux)('a process that listens where it was told to has no surplus', async () => {
  const { pid, next } = start(listenOn('127.0.0.1'));
  const { port } = await next();
  const { told, kept } = await measure(watched(pid, [{ port, address: '127.0.0.1' }]));
  expect(told['records/eu/0']).toEqual({ kind: 'value', value: 0 });
  expect(JSON.stringify(kept)).toContain(String(port));
});

test.runIf(isLinux)('a socket that nobody approved is named with process, address and port', async () => {
  const { pid, next } = start(listenOn('0.0.0.0'));
  const { port } = await next();
  const { told } = await measure(
    watched(pid, [{ port: port + 1, address: 'any' }]),
    watched(process.pid, [], { subject: 'other' }),
  );
  const detail = expect.stringMatching(new RegExp(`^\\S+ \\(pid ${pid}\\) listens on 0\\.0\\.0\\.0:${port}$`));
  expect(told['records/eu/0']).toEqual({ kind: 'value', value: 1, detail });
});

test.runIf(isLinux).each([
  ['0.0.0.0', 'loopback', 1],
  ['0.0.0.0', 'any', 0],
  ['::', 'loopback', 1],
  ['::', 'any', 0],
  ['127.0.0.2', 'loopback', 0],
  ['127.0.0.2', '127.0.0.1', 1],
  ['::1', 'loopback', 0],
  ['::ffff:127.0.0.1', 'loopback', 0],
])('the port alone is no approval: bound to %s, approved for %s', async (host, address, surplus) => {
  const { pid, next } = start(listenOn(host));
  const { port } = await next();
  const { told } = await measure(watched(pid, [{ port, address }]));
  expect(told['records/eu/0']).toMatchObject({ value: surplus });
});

test.runIf(isLinux)(
  'what a process started listens in its name, and a daemon that left it is found by its mark',
  async () => {
    const mark = `KINTSUGI_INSTANCE=ins_${process.pid}`;
    const inner = JSON.stringify(programOf(listenOn('127.0.0.1')));
    // A shell in between that ends: its child gets another parent and a session of its own.
    const { pid, next } = start(
      `spawn('setsid', ['--fork', process.execPath, '-e', ${inner}], { stdio: ['ignore', 1, 2] }); setInterval(() => {}, 1000);`,
      { KINTSUGI_INSTANCE: `ins_${process.pid}` },
    );
    const stray = await next();
    strays.push(stray.pid);
    expect((await measure(watched(pid, [], { mark }))).told['records/eu/0']).toMatchObject({ value: 1 });
    expect((await measure(watched(pid, [{ port: stray.port, address: 'loopback' }], { mark }))).told).toMatchObject({
      'records/eu/0': { value: 0 },
    });
  },
);

test.runIf(isLinux)(
  'a connection, a socket that a child inherited and a search for a free port are no listeners of their own',
  async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port: there } = server.address() as { port: number };
    const talker = start(`net.connect(${there}, '127.0.0.1', () => tell({ port: 0 }));`);
    await talker.next();
    expect((await measure(watched(talker.pid))).told['records/eu/0']).toMatchObject({ value: 0 });
    server.close();

    const parent = start(
      `const server = net.createServer().listen(0, '127.0.0.1', () => {
         spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 1, 2, server._handle.fd] });
         tell({ port: server.address().port });
       });`,
    );
    const { port } = await parent.next();
    expect((await measure(watched(parent.pid, [{ port, address: 'loopback' }]))).told['records/eu/0']).toMatchObject({
      value: 0,
    });

    const seeker = start(
      `const server = net.createServer().listen(0, '127.0.0.1', () => { tell({ port: 1 }); setTimeout(() => server.close(), 300); }); setInterval(() => {}, 1000);`,
    );
    await seeker.next();
    expect((await measure(watched(seeker.pid))).told['records/eu/0']).toMatchObject({ value: 0 });
  },
);

test.runIf(isLinux)(
  'two instances of one slot are one fact, and a process that is gone listens on nothing',
  async () => {
    const first = start(listenOn('127.0.0.1'));
    const second = start(listenOn('127.0.0.1'));
    await Promise.all([first.next(), second.next()]);
    const { facts } = await measure(watched(first.pid), watched(second.pid), watched(2 ** 30, [], { subject: 'gone' }));
    expect(facts.map(({ subject, measured }) => [subject, measured.kind === 'value' && measured.value])).toEqual([
      ['records/eu/0', 2],
      ['gone', 0],
    ]);
  },
);

test('the words of the kernel are read as addresses', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 20 4 30 10 -1
   2: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 333 1 0 100 0 0 10 0`;
  expect(parseBound(text)).toEqual([
    ['111', { address: '127.0.0.1', port: 8080 }],
    ['333', { address: '127.0.0.1', port: 80 }],
  ]);
});

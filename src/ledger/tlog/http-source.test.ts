import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { httpSource } from './http-source.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener, deadlineMs = 5000) {
  const running = createServer(listener);
  server = running;
  await new Promise<void>((resolve) => running.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(running.address() as AddressInfo).port}/logs/one/`;
  return httpSource({ url, deadline: () => systemClock.deadline(deadlineMs) });
}

describe('a log on a web server', () => {
  it('is read below its prefix, compressed or not; what is not there is not there', async () => {
    const source = await serve((request, response) => {
      if (request.url === '/logs/one/tile/0/000') response.end('plain');
      else if (request.url === '/logs/one/tile/entries/000') {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed'));
      } else response.writeHead(request.url === '/logs/one/gone' ? 410 : 404).end('none');
    });
    expect(String(await source.read('tile/0/000', 100))).toBe('plain');
    expect(String(await source.read('tile/entries/000', 100))).toBe('packed');
    expect(await source.read('tile/0/001', 100)).toBeUndefined();
    expect(await source.read('gone', 100)).toBeUndefined();
  });

  it('that sends too much is malformed, also when it is packed small', async () => {
    const source = await serve((request, response) => {
      if (request.url?.endsWith('packed')) {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(64 * 1024 * 1024)));
      } else response.end(Buffer.alloc(70_000));
    });
    await expect(source.read('plain', 65_536)).rejects.toMatchObject({ kind: 'malformed' });
    await expect(source.read('packed', 65_536 * 2)).rejects.toMatchObject({ kind: 'malformed' });
  });

  it('that does not answer as it should is unreachable', async () => {
    const answers: Record<string, RequestListener> = {
      error: (_, response) => response.writeHead(500).end(),
      elsewhere: (_, response) => response.writeHead(302, { location: '/logs/one/tile/0/000' }).end(),
      unpackable: (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'),
      foreign: (_, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('what'),
      cut: (_, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('half');
        response.socket?.end();
      },
      silent: () => undefined,
    };
    const source = await serve((request, response) => {
      answers[request.url?.split('/').at(-1) ?? '']?.(request, response);
    }, 300);
    for (const path of Object.keys(answers)) {
      await expect(source.read(path, 100), path).rejects.toMatchObject({ kind: 'unreachable', path });
    }
    const closed = httpSource({ url: 'http://127.0.0.1:1' });
    await expect(closed.read('checkpoint', 100)).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { socketClient } from './socket-http.ts';

/** A server in a thread of its own, so that it goes on while this one is blocked. Its patience would be a second. */
const SERVER = `
  const { createServer } = await import('node:http');
  const { parentPort, workerData } = await import('node:worker_threads');
  const { listenOnSocket } = await import(workerData.module);
  const server = createServer((request, response) => response.end('{}'));
  server.keepAliveTimeout = 3_000;
  server.keepAliveTimeoutBuffer = 0;
  await listenOnSocket(server, workerData.path);
  parentPort.postMessage('listens');
`;

test('who was busy for longer than servers keep idle connections still reaches the other side', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kin-s-'));
  const path = join(folder, 'it.sock');
  const module = new URL('./socket-http.ts', import.meta.url).href;
  const server = new Worker(new URL(`data:text/javascript,${encodeURIComponent(SERVER)}`), {
    workerData: { module, path },
  });
  const client = socketClient(path, 'control.unreachable');
  try {
    await once(server, 'message');
    await client.call('GET', '/first');
    // Busy where a file was just read, as a program is that makes a document: the end of a connection is not seen there.
    await readFile(import.meta.filename);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_500);
    await expect(client.call('POST', '/second', {})).resolves.toEqual({});
  } finally {
    await client.close();
    await server.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
});

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { listenOnSocket } from '../../base/socket-http.ts';
import { processDriver } from './process-driver.ts';
import type { KeeperEvent } from './protocol.ts';

let folder: string;
let server: Server;
const socketPath = () => join(folder, 'keeper.sock');
/** Spans take a tenth of their time. */
const fastClock: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 10, run) };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kin-d-'));
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function collect(clock: Clock, signal: AbortSignal) {
  const seen: KeeperEvent[] = [];
  const driver = processDriver(socketPath(), clock);
  try {
    for await (const each of driver.events(0, signal)) seen.push(each);
    return { seen, error: undefined };
  } catch (error) {
    return { seen, error };
  } finally {
    await driver.close();
  }
}

test('empty lines are skipped and keep the stream alive; silence is a fault', async () => {
  server = createServer((_request, response) => {
    response.writeHead(200).flushHeaders();
    let left = 6;
    const cancel = systemClock.every(100, () => {
      if (left-- > 0) response.write(left === 0 ? '{"sequence":1}\n\n' : '\n');
      else cancel();
    });
  });
  await listenOnSocket(server, socketPath());
  const { seen, error } = await collect(fastClock, systemClock.deadline(5_000));
  expect(seen).toEqual([{ sequence: 1 }]);
  expect(error).toMatchObject({ code: 'keeper.unreachable' });
});

test('no keeper, and one that never answers, are unreachable', async () => {
  expect((await collect(fastClock, systemClock.deadline(5_000))).error).toMatchObject({ code: 'keeper.unreachable' });
  server = createServer(() => {});
  await listenOnSocket(server, socketPath());
  expect((await collect(fastClock, systemClock.deadline(5_000))).error).toMatchObject({ code: 'keeper.unreachable' });
});

test('aborting ends the stream without a fault', async () => {
  server = createServer((_request, response) => response.writeHead(200).flushHeaders());
  await listenOnSocket(server, socketPath());
  expect(await collect(systemClock, systemClock.deadline(50))).toEqual({ seen: [], error: undefined });
});

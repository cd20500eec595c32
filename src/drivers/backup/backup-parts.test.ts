import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock as clock } from '../../base/clock.ts';
import type { Fleet } from '../../heal/fleet.ts';
import { BackupParts } from './backup-parts.ts';

const ASSET = 'object backups backups/us/0';
const STORES = ['store postgresql/records/us'];
let server: Server;
let url: string;
let asked: string[];
let status: number;

beforeEach(async () => {
  asked = [];
  status = 202;
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${String(request.headers['idempotency-key'])}`);
    response.writeHead(status).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/backups`;
});
afterEach(() => void server.close());

const parts = (...urls: string[]) =>
  new BackupParts({
    clock,
    programs: () =>
      urls.map((each) => ({ slot: 'backups/us/0', workload: 'backups', region: 'us', stores: STORES, url: each })),
  });
const context = {
  key: 'rep_1:0:apply',
  epoch: 1,
  signal: clock.deadline(60_000),
  fleet: undefined as unknown as Fleet,
};
const order = { verb: 'back-up', asset: ASSET, key: 'pln_1-0', input: {} } as const;

test('who starts backups is seen with the stores that it backs up, and asked once for each call', async () => {
  const { assets } = await parts(url).look();
  expect(assets).toMatchObject([{ id: ASSET, region: 'us', workloads: ['backups'], detail: { backs: STORES } }]);
  expect(parts().owns(ASSET)).toBe(true);
  expect(await parts(url).act(order, context)).toEqual({ status: 202 });
  expect(asked).toEqual(['POST /backups rep_1:0:apply']);
});

test('a program that says no, that does not answer, or that is gone, is a failed move', async () => {
  status = 503;
  await expect(parts(url).act(order, context)).rejects.toMatchObject({ code: 'move.failed' });
  await expect(parts('http://127.0.0.1:1/').act(order, context)).rejects.toMatchObject({ code: 'move.failed' });
  await expect(parts().act(order, context)).rejects.toMatchObject({ code: 'resource.unknown' });
});

test('nothing else is done to it', async () => {
  await expect(parts(url).act({ ...order, verb: 'rotate' }, context)).rejects.toThrow('backup cannot do this');
  expect(asked).toEqual([]);
});

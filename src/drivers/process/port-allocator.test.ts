import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { PortAllocator } from './port-allocator.ts';

const HOST = '127.0.0.1';
let nowMs = 1_000_000;
const clock: Clock = { ...systemClock, now: () => nowMs };
const allocator = (seed: number, inUse: ReadonlySet<number> = new Set(), handedOut = {}) =>
  new PortAllocator({ clock, random: seededRandom(seed), handedOut, inUse: () => inUse });

test('a port lies below the ephemeral range and is skipped while somebody listens on it', async () => {
  const port = await allocator(7).allocate(HOST);
  expect(port).toBeGreaterThanOrEqual(20_000);
  expect(port).toBeLessThan(30_000);
  const server = createServer().listen(port, HOST);
  await once(server, 'listening');
  expect(await allocator(7).allocate(HOST)).not.toBe(port);
  server.close();
});

test('a port rests for a minute, also over a restart of the keeper, and never goes to two at once', async () => {
  const first = allocator(7);
  const port = await first.allocate(HOST);
  expect(await allocator(7, new Set(), first.handedOut()).allocate(HOST)).not.toBe(port);
  expect(await allocator(7, new Set([port])).allocate(HOST)).not.toBe(port);
  nowMs += 60_000;
  expect(await allocator(7, new Set(), first.handedOut()).allocate(HOST)).toBe(port);
  const many = await Promise.all(Array.from({ length: 100 }, () => first.allocate(HOST)));
  expect(new Set(many).size).toBe(100);
});

test('a host that is not of this machine is named as the reason', async () => {
  await expect(allocator(1).allocate('203.0.113.1')).rejects.toMatchObject({
    code: 'instance.start-failed',
    message: expect.stringContaining('EADDRNOTAVAIL'),
  });
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { routeTemplate } from './request-key.ts';
import { ask, mitigationEntry, routeEntry, sha256, TestWorld, tenantEntry, until } from './test-world.ts';

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
  world.tenants.push(tenantEntry('acme'), tenantEntry('other'));
  world.routes.push(routeEntry('web'));
});
afterEach(() => world.close());

async function open(): Promise<number> {
  await world.upstream((request, response) => {
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  world.publish();
  return (await world.gateway()).port;
}

const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).status;

test('a route of a tenant is refused, whatever ids are in the path, and nothing else is', async () => {
  world.mitigations = [mitigationEntry({ tenant: 'acme', route: 'GET /reports/:id' })];
  const port = await open();
  expect(await statusOf(port, { path: '/reports/17' })).toBe(503);
  expect(await statusOf(port, { path: '/reports/0xfe?page=2' })).toBe(503);
  expect(await statusOf(port, { path: '/reports' })).toBe(200);
  expect(await statusOf(port, { path: '/reports/17', method: 'DELETE' })).toBe(200);
  expect(await statusOf(port, { path: '/reports/17', host: 'other.test' })).toBe(200);
});

test('the holder of one key is refused', async () => {
  world.mitigations = [mitigationEntry({ keySha256: sha256('k-noisy') })];
  world.tenants[0] = tenantEntry('acme', { apiKeySha256: [sha256('k-noisy'), sha256('k-calm')] });
  const port = await open();
  expect(await statusOf(port, { headers: { 'x-api-key': 'k-noisy' } })).toBe(503);
  expect(await statusOf(port, { headers: { authorization: 'Bearer k-noisy' } })).toBe(503);
  expect(await statusOf(port, { headers: { 'x-api-key': 'k-calm' } })).toBe(200);
});

test('a quarantine of a tenant or a workload leaves the way for emergencies open, and nothing narrower or milder does', async () => {
  const keys = [sha256('k-day'), sha256('k-night')];
  world.tenants[0] = tenantEntry('acme', { apiKeySha256: keys, emergencyKeySha256: [sha256('k-night')] });
  world.mitigations = [mitigationEntry({ tenant: 'acme' }), mitigationEntry({ id: 'mit_2', workload: 'web' })];
  const port = await open();
  expect(await statusOf(port, { headers: { 'x-api-key': 'k-day' } })).toBe(503);
  expect(await statusOf(port, { headers: { 'x-api-key': 'k-night' } })).toBe(200);
  expect(await statusOf(port, { headers: { authorization: 'Bearer k-night' } })).toBe(200);
  expect(await statusOf(port, { host: 'other.test' })).toBe(503);
  world.mitigations = [mitigationEntry({ tenant: 'acme', route: 'GET /reports' })];
  world.publish();
  await until(async () => (await statusOf(port)) === 200);
  expect(await statusOf(port, { path: '/reports', headers: { 'x-api-key': 'k-night' } })).toBe(503);
});

test('a route is held to a rate', async () => {
  const route = 'GET /slow';
  world.mitigations = [mitigationEntry({ kind: 'throttle', tenant: 'acme', route, requestsPerSecond: 2 })];
  const port = await open();
  const statuses = [];
  for (let n = 0; n < 5; n += 1) statuses.push(await statusOf(port, { path: '/slow' }));
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(2);
  expect(statuses.slice(0, 2)).toEqual([200, 200]);
  expect(await statusOf(port, { path: '/fast' })).toBe(200);
});

test('what has ended holds nobody, and a ramp lets more and more through', async () => {
  const now = systemClock.now();
  world.mitigations = [mitigationEntry({ tenant: 'acme', until: now - 1, rampFrom: now - 1 })];
  const port = await open();
  expect(await statusOf(port)).toBe(200);
  world.mitigations = [mitigationEntry({ tenant: 'acme', rampFrom: now - 9_000_000, until: now + 1_000_000 })];
  world.publish();
  const shares = { ok: 0, held: 0 };
  await until(async () => {
    shares[(await statusOf(port)) === 200 ? 'ok' : 'held'] += 1;
    return shares.held > 0 && shares.ok > 2 * shares.held && shares.ok > 20;
  });
});

test('a shed refuses its share of everything', async () => {
  world.mitigations = [mitigationEntry({ kind: 'shed', share: 0.5 })];
  const port = await open();
  const statuses = await Promise.all(Array.from({ length: 60 }, () => statusOf(port, { host: 'other.test' })));
  const refused = statuses.filter((status) => status === 503).length;
  expect(refused).toBeGreaterThan(10);
  expect(refused).toBeLessThan(50);
});

test.each([
  ['/patients/4711', 'GET /patients/:id'],
  ['/patients/anna.berg@example.org', 'GET /patients/:id'],
  ['/v1/orders/7f3c9a/items', 'GET /v1/orders/:id/items'],
  ['/', 'GET /'],
  ['/search?name=berg', 'GET /search'],
  [`/a/${'x'.repeat(40)}`, 'GET /a/:id'],
])('%s belongs to %s', (path, route) => {
  expect(routeTemplate('GET', path)).toBe(route);
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask, mitigationEntry, routeEntry, TestWorld, tenantEntry, until } from './test-world.ts';

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
  world.routes.push(routeEntry('web'));
});
afterEach(() => world.close());

test('a tenant over its rate gets 429 with Retry-After, and others do not notice', async () => {
  world.tenants.push(
    tenantEntry('acme', { limits: { requestsPerSecond: 0.5, burst: 3, concurrency: 9 } }),
    tenantEntry('other'),
  );
  await world.upstream((_request, response) => response.end('ok'));
  world.publish();
  const { port } = await world.gateway();
  const statuses = [];
  for (let n = 0; n < 5; n += 1) statuses.push(await ask(port));
  expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
  expect(statuses[4]?.headers['retry-after']).toBe('1');
  expect((await ask(port, { host: 'other.test' })).status).toBe(200);
});

test('gateways share the limits', async () => {
  world.tenants.push(tenantEntry('acme', { limits: { requestsPerSecond: 1, burst: 4, concurrency: 9 } }));
  await world.upstream((_request, response) => response.end('ok'));
  world.publish();
  const { port } = await world.gateway({ workers: 2 });
  const statuses = [(await ask(port)).status, (await ask(port)).status, (await ask(port)).status];
  expect(statuses).toEqual([200, 200, 429]);
});

test('a throttle is the tighter of both, and a quarantined tenant is refused', async () => {
  world.tenants.push(tenantEntry('acme', { throttle: { requestsPerSecond: 1, concurrency: 5 } }), tenantEntry('sick'));
  world.mitigations = [mitigationEntry({ tenant: 'sick' })];
  await world.upstream((_request, response) => response.end('ok'));
  world.publish();
  const { port } = await world.gateway();
  expect([(await ask(port)).status, (await ask(port)).status]).toEqual([200, 429]);
  const refused = await ask(port, { host: 'sick.test' });
  expect([refused.status, JSON.parse(refused.body).code]).toEqual([503, 'gateway.quarantined']);
  expect(refused.headers['retry-after']).toBeDefined();
});

test('a tenant with too many requests in progress gets 503 until one ends', async () => {
  world.tenants.push(tenantEntry('acme', { limits: { requestsPerSecond: 100, burst: 100, concurrency: 2 } }));
  const open: (() => void)[] = [];
  await world.upstream((_request, response) => open.push(() => response.end('ok')));
  world.publish();
  const { port } = await world.gateway();
  const first = [ask(port), ask(port)];
  await until(() => open.length === 2);
  const refused = await ask(port);
  expect([refused.status, refused.headers['retry-after'], JSON.parse(refused.body).code]).toEqual([
    503,
    '1',
    'gateway.crowded',
  ]);
  for (const end of open.splice(0)) end();
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
  const last = ask(port);
  await until(() => open.length === 1);
  open[0]?.();
  expect((await last).status).toBe(200);
});

test('a flood of refusals is recorded as a few and a number', async () => {
  world.publish();
  const { port } = await world.gateway();
  for (let n = 0; n < 30; n += 1) expect((await ask(port, { host: 'nobody' })).status).toBe(404);
  const counted = () =>
    world.ledger.ofType('request.refused').reduce((sum, { data }) => sum + Number(data['count'] ?? 1), 0);
  await until(() => counted() === 30);
  expect(world.ledger.ofType('request.refused').length).toBeLessThan(30);
});

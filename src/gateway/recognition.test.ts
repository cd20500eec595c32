import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gateway } from './server.ts';
import { ask, routeEntry, SERVICE_TOKEN, sha256, TestWorld, tenantEntry, until } from './test-world.ts';

const world = new TestWorld();
let gateway: Gateway;

interface Echo {
  readonly url: string;
  readonly headers: Record<string, string>;
}

beforeAll(async () => {
  world.tenants.push(
    tenantEntry('acme', {
      apiKeySha256: [sha256('key-acme')],
      pathPrefixes: ['/t/acme'],
      headers: [{ name: 'X-Org', value: 'acme' }],
    }),
    tenantEntry('locked', { requireKey: true, apiKeySha256: [sha256('key-locked')], pathPrefixes: ['/t/locked'] }),
    tenantEntry('twin-a', { hosts: ['twin.test'] }),
    tenantEntry('twin-b', { hosts: ['twin.test'], regions: ['us'] }),
  );
  world.routes.push(
    routeEntry('web'),
    routeEntry('api', { pathPrefix: '/api' }),
    routeEntry('inner', { pathPrefix: null }),
  );
  const echo =
    (name: string) => (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => {
      response.setHeader('x-upstream', name);
      response.setHeader('x-kintsugi-secret', 'inside');
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    };
  await world.upstream(echo('web'));
  await world.upstream(echo('api'), { workload: 'api' });
  await world.upstream(echo('inner-de'), { workload: 'inner' });
  await world.upstream(echo('inner-us'), { workload: 'inner', region: 'us' });
  world.publish();
  gateway = await world.gateway({
    internal: [
      { region: 'de', host: '127.0.1.1' },
      { region: 'us', host: '127.0.1.2' },
    ],
  });
});
afterAll(() => world.close());

test.each([
  ['host', { host: 'acme.test' }, 200],
  ['host in upper case with port', { host: 'ACME.test:8080' }, 200],
  ['path prefix', { host: 'x', path: '/t/acme/api' }, 200],
  ['header', { host: 'x', headers: { 'x-org': 'acme' } }, 200],
  ['x-api-key', { host: 'x', headers: { 'x-api-key': 'key-acme' } }, 200],
  ['bearer key', { host: 'x', headers: { authorization: 'Bearer key-acme' } }, 200],
  [
    'foreign bearer token where no key is required',
    { host: 'acme.test', headers: { authorization: 'Bearer app-token' } },
    200,
  ],
  ['nothing', { host: 'x' }, 404],
  ['unknown key', { host: 'x', headers: { 'x-api-key': 'nope' } }, 401],
  ['unknown x-api-key at an open host', { host: 'acme.test', headers: { 'x-api-key': 'nope' } }, 401],
  ['host that needs a key, without', { host: 'locked.test' }, 401],
  ['host that needs a key, wrong', { host: 'locked.test', headers: { authorization: 'Bearer nope' } }, 401],
  ['host that needs a key, right', { host: 'locked.test', headers: { 'x-api-key': 'key-locked' } }, 200],
  ['key of another tenant than the host', { host: 'locked.test', headers: { 'x-api-key': 'key-acme' } }, 403],
  [
    'key of another tenant than the path',
    { host: 'x', path: '/t/locked/a', headers: { 'x-api-key': 'key-acme' } },
    403,
  ],
  ['host that two tenants claim', { host: 'twin.test' }, 404],
  ['prefix that ends within a segment', { host: 'x', path: '/t/acmeX' }, 404],
  ['dot segments', { host: 'acme.test', path: '/t/acme/%2e%2e/x' }, 400],
  ['too long a path', { host: 'acme.test', path: `/${'a'.repeat(8200)}` }, 413],
])('a request by %s is answered as it must be', async (_name, how, status) => {
  const answer = await ask(gateway.port, how);
  expect(answer.status).toBe(status);
  if (status === 200) return;
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.body).not.toMatch(/acme|locked|twin/);
});

test('the instance sees the tenant and never a key, an impostor or a hop', async () => {
  const answer = await ask(gateway.port, {
    host: 'x',
    path: '/t/acme/api/list?q=1',
    headers: {
      'x-api-key': 'key-acme',
      'x-kintsugi-tenant': 'locked',
      'x-forwarded-for': '6.6.6.6',
      connection: 'close, x-drop',
      'x-drop': '1',
      te: 'trailers',
      'x-request-id': 'req_client-1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    },
  });
  const { url, headers } = JSON.parse(answer.body) as Echo;
  expect(answer.headers['x-upstream']).toBe('api');
  expect(url).toBe('/api/list?q=1');
  expect(headers).toMatchObject({
    'x-kintsugi-tenant': 'acme',
    'x-request-id': 'req_client-1',
    'x-forwarded-for': '127.0.0.1',
    host: 'x',
  });
  expect(headers['traceparent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
  expect(Number(headers['x-kintsugi-deadline-ms'])).toBeGreaterThan(4_000);
  for (const name of ['x-api-key', 'x-drop', 'te']) expect(headers[name]).toBeUndefined();
  expect(answer.headers['x-request-id']).toBe('req_client-1');
  expect(answer.headers['x-kintsugi-secret']).toBeUndefined();
});

test('a bearer token is passed on unless it was the key', async () => {
  const own = await ask(gateway.port, { headers: { authorization: 'Bearer app-token', 'x-request-id': 'a@b' } });
  const seen = (JSON.parse(own.body) as Echo).headers;
  expect(seen['authorization']).toBe('Bearer app-token');
  expect(seen['x-request-id']).toMatch(/^req_/);
  const key = await ask(gateway.port, { headers: { authorization: 'Bearer key-acme' } });
  expect((JSON.parse(key.body) as Echo).headers['authorization']).toBeUndefined();
});

test('the internal door serves its own region, to callers with the token, for tenants that may be there', async () => {
  const call = (region: string, headers: Record<string, string>, path = '/inner/x?y=1') =>
    askAt(region === 'de' ? '127.0.1.1' : '127.0.1.2', gateway.internalPorts[region] ?? 0, path, headers);
  const auth = { 'x-kintsugi-service-token': SERVICE_TOKEN, 'x-kintsugi-tenant': 'acme' };
  const served = await call('de', { ...auth, 'x-kintsugi-deadline-ms': '700' });
  const { url, headers } = JSON.parse(served.body) as Echo;
  expect([served.headers['x-upstream'], url, headers['x-kintsugi-tenant']]).toEqual(['inner-de', '/x?y=1', 'acme']);
  expect(headers['x-kintsugi-service-token']).toBeUndefined();
  expect(Number(headers['x-kintsugi-deadline-ms'])).toBeLessThanOrEqual(700);
  expect((await call('us', auth)).status).toBe(403);
  expect((await call('us', { ...auth, 'x-kintsugi-tenant': 'twin-b' })).headers['x-upstream']).toBe('inner-us');
  expect((await call('de', { ...auth, 'x-kintsugi-service-token': 'wrong' })).status).toBe(401);
  expect((await call('de', { ...auth, 'x-kintsugi-tenant': 'nobody' })).status).toBe(403);
  expect((await call('de', auth, '/nothing')).status).toBe(404);
});

test('records name declared things only, and refusals are on record with their reason', async () => {
  await ask(gateway.port, { path: '/patients/jane-doe?ssn=1', headers: { 'x-request-id': 'req_12345678' } });
  await until(() => world.ledger.ofType('request.served').some((event) => event.data['requestId'] === 'req_12345678'));
  const event = world.ledger.ofType('request.served').find(({ data }) => data['requestId'] === 'req_12345678');
  expect(event).toMatchObject({
    class: 6003,
    actor: { kind: 'tenant', name: 'acme' },
    subject: 'Workload/web',
    tenant: 'acme',
  });
  expect(event?.data).toMatchObject({
    method: 'GET',
    route: '/',
    status: 200,
    attempts: 1,
    instance: 'ins_0',
    version: 1,
    region: 'de',
  });
  expect(event?.data).toMatchObject({ requestBytes: 0, responseBytes: 512 });
  const clear = world.ledger.events.map(({ personal: _sealed, ...rest }) => rest);
  expect(JSON.stringify(clear)).not.toMatch(/jane|127\.0\.0\.1|key-acme/);
  expect(JSON.stringify(world.ledger.events)).not.toMatch(/jane|key-acme/);
  const reasons = new Set(world.ledger.ofType('request.refused').map(({ data }) => data['reason']));
  expect(reasons).toContain('gateway.unknown');
  expect(reasons).toContain('gateway.forbidden');
});

async function askAt(host: string, port: number, path: string, headers: Record<string, string>) {
  const response = await fetch(`http://${host}:${port}${path}`, { headers });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

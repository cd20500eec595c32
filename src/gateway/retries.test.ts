import type { RequestListener } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { ask, routeEntry, TestWorld, tenantEntry, until } from './test-world.ts';

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
  world.tenants.push(tenantEntry('acme'));
});
afterEach(() => world.close());

/** Upstreams that fail the first request they see by `fault`, whichever of them sees it. */
async function failingOnce(fault: RequestListener) {
  const seen: string[] = [];
  for (const name of ['a', 'b']) {
    await world.upstream((request, response) => {
      seen.push(name);
      if (seen.length === 1) return fault(request, response);
      response.end('good');
    });
  }
  return seen;
}

const FAULTS: [string, RequestListener][] = [
  ['a break before the head', (request) => request.socket.destroy()],
  ['a 503', (_request, response) => response.writeHead(503).end('busy')],
  [
    'a break in the middle of a short body',
    (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('half');
      setImmediate(() => response.destroy());
    },
  ],
  ['silence beyond the time of a try', () => undefined],
];

test.each(FAULTS)('a safe request is tried again elsewhere after %s', async (_name, fault) => {
  world.routes.push(routeEntry('web', { tryTimeoutMs: 200 }));
  const seen = await failingOnce(fault);
  world.publish();
  const { port } = await world.gateway();
  const answer = await ask(port, { method: 'PUT', body: 'x' });
  expect([answer.status, answer.body]).toEqual([200, 'good']);
  expect(new Set(seen).size).toBe(2);
});

test.each(FAULTS)('a POST is not repeated after %s', async (name, fault) => {
  world.routes.push(routeEntry('web', { tryTimeoutMs: 100, timeoutMs: 400 }));
  const seen = await failingOnce(fault);
  world.publish();
  const { port } = await world.gateway();
  const answer = await ask(port, { method: 'POST', body: 'x' });
  const expected = name.startsWith('a 503') ? 503 : name.startsWith('silence') ? 504 : 502;
  expect(answer.status).toBe(expected);
  expect(seen.length).toBe(1);
});

test('a POST with an Idempotency-Key is repeated, with its body', async () => {
  world.routes.push(routeEntry('web'));
  const bodies: string[] = [];
  const listener: RequestListener = async (request, response) => {
    bodies.push(String(await request.toArray()));
    if (bodies.length === 1) request.socket.destroy();
    else response.end('good');
  };
  await world.upstream(listener);
  await world.upstream(listener);
  world.publish();
  const { port } = await world.gateway();
  const answer = await ask(port, { method: 'POST', body: 'order', headers: { 'idempotency-key': 'k1' } });
  expect(answer.status).toBe(200);
  expect(bodies).toEqual(['order', 'order']);
});

test('a POST goes elsewhere when the connection was refused, because nothing was sent', async () => {
  world.routes.push(routeEntry('web'));
  world.addInstance(9);
  await world.upstream((_request, response) => response.end('good'));
  world.publish();
  const { port } = await world.gateway();
  for (let n = 0; n < 20; n += 1) expect((await ask(port, { method: 'POST', body: 'x' })).status).toBe(200);
});

test('a request that breaks two instances does not get a third', async () => {
  world.routes.push(routeEntry('web'));
  let deaths = 0;
  for (let n = 0; n < 4; n += 1) {
    await world.upstream((request) => {
      deaths += 1;
      request.socket.destroy();
    });
  }
  world.publish();
  const { port } = await world.gateway();
  expect((await ask(port)).status).toBe(502);
  expect(deaths).toBe(2);
});

test('retries stay within three attempts and the budget', async () => {
  world.routes.push(routeEntry('web'));
  let tries = 0;
  for (let n = 0; n < 4; n += 1) {
    await world.upstream((_request, response) => {
      tries += 1;
      response.writeHead(503).end();
    });
  }
  world.publish();
  const { port } = await world.gateway();
  const first = await ask(port);
  expect([first.status, tries]).toEqual([503, 3]);
  for (let n = 0; n < 19; n += 1) await ask(port);
  expect(tries).toBe(20 + 10);
});

test('an instance that answers nonsense costs the client a 502 and the gateway nothing', async () => {
  world.routes.push(routeEntry('web'));
  const raw = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Odd: \u0001\r\n\r\nhello',
    'SSH-2.0-x\r\n',
    'HTTP/1.1 101 Hm\r\nUpgrade: x\r\n\r\n',
  ];
  await world.upstream((request) =>
    request.socket.end(raw.shift() ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  );
  world.publish();
  const { port } = await world.gateway();
  for (let n = 0; n < 3; n += 1) expect((await ask(port, { method: 'POST' })).status).toBe(502);
  expect((await ask(port, { method: 'POST' })).body).toBe('ok');
});

test('the deadline of a route ends a request with 504', async () => {
  world.routes.push(routeEntry('web', { timeoutMs: 200, tryTimeoutMs: 100 }));
  await world.upstream(() => undefined);
  world.publish();
  const { port } = await world.gateway();
  const startedMs = systemClock.monotonicMs();
  const answer = await ask(port);
  expect([answer.status, JSON.parse(answer.body).code]).toEqual([504, 'gateway.late']);
  expect(systemClock.monotonicMs() - startedMs).toBeLessThan(1_000);
});

test('kill -9 of one of two instances fails no safe request', async () => {
  world.routes.push(routeEntry('web'));
  const [victim] = [await world.process(20), await world.process(20)];
  world.publish();
  const { port } = await world.gateway();
  const answers = await underLoad(port, 60, () => victim.kill('SIGKILL'));
  expect(answers.filter((status) => status !== 200)).toEqual([]);
});

test('kill -9 of the only instance holds safe requests until a new one is there', async () => {
  world.routes.push(routeEntry('web'));
  const victim = await world.process(20);
  world.publish();
  const { port } = await world.gateway();
  const answers = await underLoad(port, 60, async () => {
    victim.kill('SIGKILL');
    await systemClock.sleep(100);
    world.instances = [];
    world.publish();
    await world.process(0, { id: 'ins_new' });
    world.publish();
  });
  expect(answers.filter((status) => status !== 200)).toEqual([]);
});

test('a stopped instance that still accepts connections loses its traffic within a second', async () => {
  const tryTimeoutMs = 2_000;
  world.routes.push(routeEntry('web', { tryTimeoutMs }));
  const [victim] = [await world.process(2), await world.process(2)];
  world.publish();
  const { port } = await world.gateway();
  await ask(port);
  victim.kill('SIGSTOP');
  const held = Array.from({ length: 8 }, () => ask(port));
  await systemClock.sleep(600);
  await ask(port);
  for (let n = 0; n < 20; n += 1) {
    const startedMs = systemClock.monotonicMs();
    expect((await ask(port)).status).toBe(200);
    // Whoever asked the stopped one first would have waited for that long.
    expect(systemClock.monotonicMs() - startedMs).toBeLessThan(tryTimeoutMs);
  }
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array(8).fill(200));
});

test('a tenant that sees an instance fail avoids it, and others go on using it', async () => {
  world.routes.push(routeEntry('web', { safeMethods: [] }));
  world.tenants.push(tenantEntry('other'));
  const seen = { acme: 0, other: 0 };
  await world.upstream((request, response) => {
    const tenant = request.headers['x-kintsugi-tenant'] as 'acme' | 'other';
    seen[tenant] += 1;
    response.writeHead(tenant === 'acme' ? 500 : 200).end();
  });
  await world.upstream((_request, response) => response.end('good'));
  world.publish();
  const { port } = await world.gateway();
  await until(async () => (await ask(port)).status === 500 && seen.acme >= 3);
  const after = [];
  for (let n = 0; n < 15; n += 1) after.push((await ask(port)).status);
  expect(new Set(after)).toEqual(new Set([200]));
  await until(async () => (await ask(port, { host: 'other.test' })).status === 200 && seen.other > 0);
});

test('a tenant never leaves its regions, also when nothing is left in them', async () => {
  world.routes.push(routeEntry('web', { timeoutMs: 300 }));
  world.tenants.push(tenantEntry('two', { regions: ['de', 'us'] }));
  const dead = await world.process(0, { region: 'de' });
  let abroad = 0;
  await world.upstream(
    (_request, response) => {
      abroad += 1;
      response.end('abroad');
    },
    { region: 'us' },
  );
  world.publish();
  const { port } = await world.gateway();
  dead.kill('SIGKILL');
  expect((await ask(port)).status).toBe(502);
  expect(abroad).toBe(0);
  expect((await ask(port, { host: 'two.test' })).body).toBe('abroad');
  world.instances = world.instances.filter(({ region }) => region === 'us');
  world.publish();
  await until(async () => (await ask(port)).status === 503);
  expect(abroad).toBe(1);
});

test('a tenant whose regions have no instance at all is told so at once', async () => {
  world.routes.push(routeEntry('web'));
  await world.upstream((_request, response) => response.end('abroad'), { region: 'us' });
  world.publish();
  const { port } = await world.gateway();
  const answer = await ask(port);
  expect([answer.status, JSON.parse(answer.body).code, answer.headers['retry-after']]).toEqual([
    503,
    'gateway.unavailable',
    '1',
  ]);
});

/** Statuses of `count` requests, ten at a time, with `fault` in their midst. */
async function underLoad(port: number, count: number, fault: () => unknown): Promise<number[]> {
  const statuses: number[] = [];
  let started = 0;
  const client = async () => {
    while (started < count) {
      started += 1;
      if (started === Math.floor(count / 3)) void fault();
      statuses.push((await ask(port)).status);
    }
  };
  await Promise.all(Array.from({ length: 10 }, client));
  return statuses;
}
